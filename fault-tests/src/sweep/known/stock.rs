//! The known windows in which a cut does harm, without weak bits.

use super::{Cause, Known, Why, known, why};
use crate::property::Property::{
    AntiRollback as P9, AtomicSwitch as P2, Completion as P8, Durability as P3, NoBrick as P1,
    PublishOrder as P13, RollbackConvergence as P4, Stability as P5,
};

const IN_PLACE: Why = why(
    Cause::StateInPlace,
    "the bootloader moves the new image's only entry from NEW to PENDING_VERIFY \
    in place, before it boots it: between erase and program no entry names the new image",
);
const ONE_TRY: Why = why(
    Cause::OneTry,
    "an entry that reads PENDING_VERIFY is aborted by the next boot, whether or not its \
    image ever ran: a cut between this program and the jump spends the only try",
);
const SEQ_ZERO: Why = why(
    Cause::BlankIsEntry,
    "a cut erase of a blank sector can zero its first four bytes alone: sequence \
    number 0 with an erased CRC field is valid, and points at slot 0xffffffff mod n",
);
const SEQ_ZERO_LATER: Why = why(
    Cause::BlankIsEntry,
    "an earlier cut left an entry with sequence number 0, which is valid; once \
    the download into the slot it points at is whole, that image boots without having been switched to",
);
const SEQ_ZERO_UNABORTED: Why = why(
    Cause::BlankIsEntry,
    "an earlier cut left an entry with sequence number 0, which is valid, and \
    another a whole download in the slot it points at; a cut while that entry is aborted keeps it valid",
);
const SEQ_ZERO_TORN: Why = why(
    Cause::BlankIsEntry,
    "an earlier cut left an entry whose CRC was never programmed; a cut erase of it can zero the bytes \
    before the CRC alone: sequence number 0 with an erased CRC field is valid, and points at slot 0xffffffff mod n",
);
const SEQ_ZERO_AGAIN: Why = why(
    Cause::BlankIsEntry,
    "earlier cuts left an entry with sequence number 0, which is valid, and a whole download in the slot \
    it points at; a cut erase of the entry zeroes its state alone and makes it NEW again",
);
const SEQ_ZERO_ON_TRIAL: Why = why(
    Cause::BlankIsEntry,
    "an image that boots from an entry with sequence number 0 was never switched to, and yet is on \
    trial: a cut before it confirms itself rolls it back",
);
const SEQ_ZERO_NEW: Why = why(
    Cause::BlankIsEntry,
    "earlier cuts left an entry with sequence number 0, which is valid, and it is on trial or refused; a \
    cut erase of it zeroes its state alone and makes it NEW again",
);
const SEQ_ZERO_EARLIER: Why = why(
    Cause::BlankIsEntry,
    "earlier cuts left an entry with sequence number 0, which is valid; it is taken for the entry that \
    somebody wrote, and rewritten in place",
);
const SEQ_ZERO_ERASED_FIRST: Why = why(
    Cause::BlankIsEntry,
    "an earlier cut left an entry with sequence number 0, which is valid; the slot that it points at \
    is erased first, and the entry afterwards",
);
const SEQ_ZERO_LAST_SLOT: Why = why(
    Cause::BlankIsEntry,
    "earlier cuts left an entry with sequence number 0, which is valid; while that is the active one, \
    switching to the last slot writes number 0 again, which of three slots names the first (0xffffffff mod 3)",
);
const MINIMUM_RAISED: Why = why(
    Cause::RaisedUnverified,
    "earlier cuts left a VALID entry with sequence number 0, which points at the slot that is being \
    written; the bootloader raises the device's minimum version to what that slot's header says before it verifies the image, and \
    then refuses every image that there is",
);
const ABORT_SWEEP: Why = why(
    Cause::StateUncovered,
    "the bootloader aborts every entry whose state reads PENDING_VERIFY, also one \
    with a wrong CRC; a cut while it rewrites that one can leave a valid entry",
);

const STATE_BITS: Why = why(
    Cause::StateUncovered,
    "the CRC does not cover the state: cut when sequence number and CRC are programmed and some bits of \
    the state are not, it leaves a valid entry in a state that nobody meant, which is neither monitored nor refused",
);
const STATE_BITS_LATER: Why = why(
    Cause::StateUncovered,
    "an earlier cut left a valid entry in a state that nobody meant, which is neither monitored nor \
    refused; it is rewritten in place as the one that is active or needed",
);
pub(super) const FORGED: Why = why(
    Cause::NumberForged,
    "the CRC covers the sequence number alone, and it is affine: cut when some bits of both are not \
    programmed, it can leave a right CRC of a larger number that was never written, and so a valid entry for another slot",
);
const FORGED_OR_STATE: Why = why(
    Cause::NumberForged,
    "the CRC covers the sequence number alone: cut, it can leave a valid entry in a state that nobody \
    meant, which is not refused; or, as a CRC is affine, the right CRC of a larger number that was never written",
);
const UNABORTED: Why = why(
    Cause::StateUncovered,
    "an earlier cut left the entry of a rolled-back image valid, in a state that nobody meant; while the \
    newer entry is rewritten in place, that one is the only one",
);
const NEEDED_ENTRY: Why = why(
    Cause::NeededEntry,
    "the sector that is rewritten holds the entry that the next boot needs: the active one after a \
    fallback, or, while an image is on trial, the one that a rollback goes back to",
);
const SAME_SLOT: Why = why(
    Cause::SameSlot,
    "switching to the slot that is active already erases the active entry and programs it anew in the \
    same sector: in between, the other entry boots, or factory, or ota_0",
);
const SAME_SLOT_HALF: Why = why(
    Cause::SameSlot,
    "switching to the slot that is active already erases the active entry; without rollback the other \
    one still names the slot that a download was writing",
);
pub(super) const ONE_BY_ONE: Why = why(
    Cause::OneByOne,
    "otadata is erased a sector at a time: with the newer entry gone first, the older one boots",
);
const CONFIRMED_IN_PLACE: Why = why(
    Cause::StateInPlace,
    "confirming rewrites the active entry in place: between erase and program no entry names the \
    running image, which without rollback was in no need of it",
);
const CONFIRMED_HALF: Why = why(
    Cause::StateInPlace,
    "confirming rewrites the active entry in place; without rollback the other one still names the \
    slot that a download was writing",
);
const ERASED_FIRST: Why = why(
    Cause::EntryOutlivesImage,
    "the image is erased first and the entry that names it afterwards, or (begin without rollback) never",
);
const UNDER_WRITE: Why = why(
    Cause::EntryOutlivesImage,
    "without rollback no call erases the other entry, which names the slot that is being written",
);
const COPIED_OVER: Why = why(
    Cause::EntryOutlivesImage,
    "the copy to the final partition erases and fills a slot that the other entry still names",
);

/// Every known window of the stock algorithm in which a cut does harm.
#[rustfmt::skip] // a table
pub const STOCK: [Known; 172] = [
    known(P3, "boot", "erase otadata (NEW -> erased)", 1, IN_PLACE),
    known(P3, "boot", "program otadata (-> PENDING_VERIFY)", 1, ONE_TRY),
    known(P13, "boot", "erase otadata (erased -> erased)", 1, SEQ_ZERO),
    known(P13, "set_boot_partition", "erase otadata (erased -> erased)", 1, SEQ_ZERO),
    known(P13, "boot", "program otadata (-> damaged)", 2, ABORT_SWEEP),
    known(P2, "write", "program slot", 2, SEQ_ZERO_LATER),
    known(P3, "write", "program slot", 2, SEQ_ZERO_LATER),
    known(P3, "boot", "program otadata (-> ABORTED)", 1, SEQ_ZERO_UNABORTED),
    known(P13, "boot", "erase otadata (damaged -> erased)", 2, SEQ_ZERO_TORN),
    known(P13, "set_boot_partition", "erase otadata (damaged -> erased)", 2, SEQ_ZERO_TORN),
    known(P2, "set_boot_partition", "erase otadata (damaged -> erased)", 2, SEQ_ZERO_TORN),
    known(P2, "boot", "erase otadata (PENDING_VERIFY -> erased)", 3, SEQ_ZERO_AGAIN),
    known(P2, "boot", "program otadata (-> ABORTED)", 3, SEQ_ZERO_UNABORTED),
    known(P3, "mark_app_valid_cancel_rollback", "erase otadata (PENDING_VERIFY -> erased)", 3, SEQ_ZERO_ON_TRIAL),
    known(P13, "set_boot_partition", "erase otadata (ABORTED -> erased)", 3, SEQ_ZERO_AGAIN),
    known(P2, "set_boot_partition", "erase otadata (ABORTED -> erased)", 3, SEQ_ZERO_AGAIN),
    known(P13, "begin", "erase otadata (VALID -> erased)", 1, ERASED_FIRST),
    known(P13, "erase_last_boot_app_partition", "erase otadata (VALID -> erased)", 1, ERASED_FIRST),
    known(P13, "erase_last_boot_app_partition", "erase otadata (NEW -> erased)", 1, ERASED_FIRST),
    known(P13, "erase_last_boot_app_partition", "erase otadata (UNDEFINED -> erased)", 1, ERASED_FIRST),
    known(P13, "boot", "erase otadata (PENDING_VERIFY -> erased)", 3, SEQ_ZERO_AGAIN),
    known(P13, "boot", "program otadata (-> ABORTED)", 1, SEQ_ZERO_UNABORTED),
    known(P2, "boot", "erase otadata (erased -> erased)", 5, SEQ_ZERO_AGAIN),
    known(P2, "boot", "erase otadata (damaged -> erased)", 3, SEQ_ZERO_TORN),
    // the bootloader
    known(P3, "boot", "erase otadata (erased -> erased)", 1, SEQ_ZERO),
    known(P4, "boot", "program otadata (-> PENDING_VERIFY)", 1, STATE_BITS),
    known(P4, "boot", "program otadata (-> ABORTED)", 1, STATE_BITS),
    known(P5, "boot", "program otadata (-> ABORTED)", 1, STATE_BITS),
    known(P2, "boot", "erase otadata (NEW -> erased)", 2, IN_PLACE),
    known(P2, "boot", "program otadata (-> PENDING_VERIFY)", 2, ONE_TRY),
    known(P4, "boot", "erase otadata (NEW -> erased)", 2, UNABORTED),
    known(P3, "boot", "program otadata (-> damaged)", 2, ABORT_SWEEP),
    known(P4, "boot", "program otadata (-> damaged)", 2, ABORT_SWEEP),
    known(P5, "boot", "program otadata (-> damaged)", 2, ABORT_SWEEP),
    known(P2, "boot", "program otadata (-> damaged)", 2, ABORT_SWEEP),
    // begin, write, end
    known(P13, "begin", "erase slot", 1, ERASED_FIRST),
    known(P13, "write", "erase slot", 1, UNDER_WRITE),
    known(P13, "write", "program slot", 1, UNDER_WRITE),
    known(P13, "write_with_offset", "program slot", 1, UNDER_WRITE),
    known(P13, "end", "erase slot", 1, COPIED_OVER),
    known(P13, "end", "program slot", 1, COPIED_OVER),
    // set_boot_partition
    known(P2, "set_boot_partition", "erase otadata (UNDEFINED -> erased)", 2, NEEDED_ENTRY),
    known(P2, "set_boot_partition", "erase otadata (VALID -> erased)", 1, NEEDED_ENTRY),
    known(P3, "set_boot_partition", "erase otadata (NEW -> erased)", 1, NEEDED_ENTRY),
    known(P3, "set_boot_partition", "erase otadata (UNDEFINED -> erased)", 1, NEEDED_ENTRY),
    known(P2, "set_boot_partition", "program otadata (-> NEW)", 1, NEEDED_ENTRY),
    known(P3, "set_boot_partition", "program otadata (-> NEW)", 1, NEEDED_ENTRY),
    known(P3, "set_boot_partition", "program otadata (-> UNDEFINED)", 1, NEEDED_ENTRY),
    known(P4, "set_boot_partition", "program otadata (-> NEW)", 1, STATE_BITS),
    known(P2, "set_boot_partition", "erase otadata (erased -> erased)", 1, SEQ_ZERO),
    known(P4, "set_boot_partition", "erase otadata (erased -> erased)", 1, SEQ_ZERO),
    known(P2, "set_boot_partition_skip_validate", "erase otadata (VALID -> erased)", 1, NEEDED_ENTRY),
    known(P2, "set_boot_partition_skip_validate", "erase otadata (NEW -> erased)", 1, NEEDED_ENTRY),
    known(P3, "set_boot_partition_skip_validate", "erase otadata (UNDEFINED -> erased)", 1, NEEDED_ENTRY),
    known(P2, "set_boot_partition_skip_validate", "program otadata (-> NEW)", 1, NEEDED_ENTRY),
    known(P3, "set_boot_partition_skip_validate", "program otadata (-> UNDEFINED)", 1, NEEDED_ENTRY),
    known(P4, "set_boot_partition_skip_validate", "program otadata (-> NEW)", 1, STATE_BITS),
    known(P13, "set_boot_partition_skip_validate", "erase otadata (erased -> erased)", 1, SEQ_ZERO),
    // set_boot_partition to the running slot
    known(P2, "set_boot_partition(running)", "erase otadata (VALID -> erased)", 1, SAME_SLOT),
    known(P3, "set_boot_partition(running)", "erase otadata (VALID -> erased)", 1, SAME_SLOT),
    known(P3, "set_boot_partition(running)", "erase otadata (UNDEFINED -> erased)", 1, SAME_SLOT),
    known(P13, "set_boot_partition(running)", "erase otadata (UNDEFINED -> erased)", 1, SAME_SLOT_HALF),
    known(P2, "set_boot_partition(running)", "program otadata (-> NEW)", 1, SAME_SLOT),
    known(P3, "set_boot_partition(running)", "program otadata (-> UNDEFINED)", 1, SAME_SLOT),
    known(P13, "set_boot_partition(running)", "program otadata (-> UNDEFINED)", 1, SAME_SLOT_HALF),
    known(P4, "set_boot_partition(running)", "program otadata (-> NEW)", 1, STATE_BITS),
    // factory reset, and set_boot_partition to factory
    known(P2, "factory_reset", "erase otadata (VALID -> erased)", 1, ONE_BY_ONE),
    known(P2, "set_boot_partition(factory)", "erase otadata (VALID -> erased)", 1, ONE_BY_ONE),
    known(P2, "set_boot_partition(factory)", "erase otadata (UNDEFINED -> erased)", 1, ONE_BY_ONE),
    known(P3, "set_boot_partition(factory)", "erase otadata (erased -> erased)", 1, SEQ_ZERO),
    known(P5, "set_boot_partition(factory)", "erase otadata (erased -> erased)", 1, SEQ_ZERO),
    known(P13, "set_boot_partition(factory)", "erase otadata (erased -> erased)", 1, SEQ_ZERO),
    // confirm and refuse
    known(P3, "mark_app_valid_cancel_rollback", "erase otadata (UNDEFINED -> erased)", 1, CONFIRMED_IN_PLACE),
    known(P3, "mark_app_valid_cancel_rollback", "program otadata (-> VALID)", 1, CONFIRMED_IN_PLACE),
    known(P2, "mark_app_valid_cancel_rollback", "erase otadata (UNDEFINED -> erased)", 2, CONFIRMED_IN_PLACE),
    known(P2, "mark_app_valid_cancel_rollback", "program otadata (-> VALID)", 1, CONFIRMED_IN_PLACE),
    known(P13, "mark_app_valid_cancel_rollback", "erase otadata (UNDEFINED -> erased)", 1, CONFIRMED_HALF),
    known(P13, "mark_app_valid_cancel_rollback", "program otadata (-> VALID)", 1, CONFIRMED_HALF),
    known(P4, "mark_app_invalid_rollback", "program otadata (-> INVALID)", 1, STATE_BITS),
    known(P13, "erase_last_boot_app_partition", "erase slot", 1, ERASED_FIRST),
    // torn entries with a right CRC
    known(P13, "boot", "program otadata (-> PENDING_VERIFY)", 1, FORGED),
    known(P13, "boot", "program otadata (-> VALID)", 1, FORGED),
    known(P3, "boot", "program otadata (-> VALID)", 1, FORGED),
    known(P13, "set_boot_partition", "program otadata (-> NEW)", 1, FORGED),
    known(P13, "set_boot_partition_skip_validate", "program otadata (-> NEW)", 1, FORGED),
    known(P5, "set_boot_partition_skip_validate", "program otadata (-> NEW)", 1, FORGED),
    known(P3, "set_boot_partition(running)", "program otadata (-> NEW)", 1, FORGED),
    known(P13, "set_boot_partition(running)", "program otadata (-> NEW)", 1, FORGED),
    known(P4, "mark_app_valid_cancel_rollback", "program otadata (-> VALID)", 1, FORGED),
    known(P2, "mark_app_invalid_rollback", "program otadata (-> INVALID)", 1, FORGED_OR_STATE),
    known(P3, "mark_app_invalid_rollback", "program otadata (-> INVALID)", 1, FORGED_OR_STATE),
    known(P13, "mark_app_invalid_rollback", "program otadata (-> INVALID)", 1, FORGED),
    // behind more cuts
    known(P13, "begin", "erase otadata (ABORTED -> erased)", 3, SEQ_ZERO_NEW),
    known(P13, "begin", "erase otadata (NEW -> erased)", 2, SEQ_ZERO_ERASED_FIRST),
    known(P13, "begin", "erase otadata (UNDEFINED -> erased)", 2, SEQ_ZERO_ERASED_FIRST),
    known(P13, "begin", "erase otadata (state unknown -> erased)", 3, SEQ_ZERO_ERASED_FIRST),
    known(P1, "begin", "erase slot", 4, MINIMUM_RAISED),
    known(P9, "begin", "erase slot", 4, MINIMUM_RAISED),
    known(P4, "boot", "erase otadata (PENDING_VERIFY -> erased)", 2, SEQ_ZERO_NEW),
    known(P5, "boot", "erase otadata (PENDING_VERIFY -> erased)", 3, SEQ_ZERO_NEW),
    known(P1, "boot", "erase otadata (damaged -> erased)", 5, MINIMUM_RAISED),
    known(P4, "boot", "erase otadata (damaged -> erased)", 2, SEQ_ZERO_TORN),
    known(P5, "boot", "erase otadata (damaged -> erased)", 3, SEQ_ZERO_TORN),
    known(P9, "boot", "erase otadata (damaged -> erased)", 5, MINIMUM_RAISED),
    known(P4, "boot", "erase otadata (erased -> erased)", 2, SEQ_ZERO),
    known(P5, "boot", "erase otadata (erased -> erased)", 3, SEQ_ZERO),
    known(P8, "boot", "erase otadata (erased -> erased)", 2, SEQ_ZERO_LAST_SLOT),
    known(P8, "boot", "program otadata (-> ABORTED)", 3, SEQ_ZERO_LAST_SLOT),
    known(P5, "boot", "program otadata (-> PENDING_VERIFY)", 3, SEQ_ZERO_EARLIER),
    known(P8, "boot", "program otadata (-> PENDING_VERIFY)", 3, SEQ_ZERO_LAST_SLOT),
    known(P8, "boot", "program otadata (-> damaged)", 2, SEQ_ZERO_LAST_SLOT),
    known(P4, "erase_last_boot_app_partition", "erase otadata (ABORTED -> erased)", 3, SEQ_ZERO_NEW),
    known(P13, "erase_last_boot_app_partition", "erase otadata (ABORTED -> erased)", 3, SEQ_ZERO_NEW),
    known(P13, "erase_last_boot_app_partition", "erase otadata (state unknown -> erased)", 3, SEQ_ZERO_ERASED_FIRST),
    known(P8, "erase_last_boot_app_partition", "erase slot", 3, SEQ_ZERO_LAST_SLOT),
    known(P3, "invalidate_inactive_otadata_slot", "erase otadata (ABORTED -> erased)", 3, SEQ_ZERO_NEW),
    known(P4, "mark_app_invalid_rollback", "erase otadata (PENDING_VERIFY -> erased)", 3, SEQ_ZERO_NEW),
    known(P5, "mark_app_invalid_rollback", "erase otadata (UNDEFINED -> erased)", 4, SEQ_ZERO_EARLIER),
    known(P5, "mark_app_invalid_rollback", "erase otadata (state unknown -> erased)", 4, SEQ_ZERO_EARLIER),
    known(P2, "mark_app_valid_cancel_rollback", "erase otadata (NEW -> erased)", 2, SEQ_ZERO_EARLIER),
    known(P3, "mark_app_valid_cancel_rollback", "erase otadata (NEW -> erased)", 3, SEQ_ZERO_EARLIER),
    known(P5, "mark_app_valid_cancel_rollback", "erase otadata (PENDING_VERIFY -> erased)", 2, SEQ_ZERO_NEW),
    known(P5, "mark_app_valid_cancel_rollback", "erase otadata (UNDEFINED -> erased)", 3, SEQ_ZERO_EARLIER),
    known(P3, "mark_app_valid_cancel_rollback", "erase otadata (state unknown -> erased)", 3, STATE_BITS_LATER),
    known(P5, "mark_app_valid_cancel_rollback", "erase otadata (state unknown -> erased)", 4, SEQ_ZERO_EARLIER),
    known(P4, "set_boot_partition", "erase otadata (ABORTED -> erased)", 3, SEQ_ZERO_NEW),
    known(P4, "set_boot_partition", "erase otadata (damaged -> erased)", 2, SEQ_ZERO_TORN),
    known(P2, "set_boot_partition", "erase otadata (state unknown -> erased)", 2, STATE_BITS_LATER),
    known(P2, "set_boot_partition(factory)", "erase otadata (ABORTED -> erased)", 3, SEQ_ZERO_NEW),
    known(P3, "set_boot_partition(factory)", "erase otadata (ABORTED -> erased)", 3, SEQ_ZERO_NEW),
    known(P4, "set_boot_partition(factory)", "erase otadata (ABORTED -> erased)", 3, SEQ_ZERO_NEW),
    known(P5, "set_boot_partition(factory)", "erase otadata (ABORTED -> erased)", 3, SEQ_ZERO_NEW),
    known(P13, "set_boot_partition(factory)", "erase otadata (ABORTED -> erased)", 3, SEQ_ZERO_NEW),
    known(P4, "set_boot_partition(factory)", "erase otadata (PENDING_VERIFY -> erased)", 3, SEQ_ZERO_NEW),
    known(P5, "set_boot_partition(factory)", "erase otadata (UNDEFINED -> erased)", 2, SEQ_ZERO_EARLIER),
    known(P2, "set_boot_partition(factory)", "erase otadata (damaged -> erased)", 2, SEQ_ZERO_TORN),
    known(P3, "set_boot_partition(factory)", "erase otadata (damaged -> erased)", 2, SEQ_ZERO_TORN),
    known(P4, "set_boot_partition(factory)", "erase otadata (damaged -> erased)", 2, SEQ_ZERO_TORN),
    known(P5, "set_boot_partition(factory)", "erase otadata (damaged -> erased)", 2, SEQ_ZERO_TORN),
    known(P13, "set_boot_partition(factory)", "erase otadata (damaged -> erased)", 2, SEQ_ZERO_TORN),
    known(P2, "set_boot_partition(factory)", "erase otadata (erased -> erased)", 2, SEQ_ZERO),
    known(P4, "set_boot_partition(factory)", "erase otadata (erased -> erased)", 2, SEQ_ZERO),
    known(P2, "set_boot_partition(factory)", "erase otadata (state unknown -> erased)", 3, SEQ_ZERO_EARLIER),
    known(P5, "set_boot_partition(factory)", "erase otadata (state unknown -> erased)", 3, SEQ_ZERO_EARLIER),
    known(P3, "set_boot_partition(running)", "erase otadata (ABORTED -> erased)", 3, SEQ_ZERO_NEW),
    known(P13, "set_boot_partition(running)", "erase otadata (ABORTED -> erased)", 3, SEQ_ZERO_NEW),
    known(P2, "set_boot_partition(running)", "erase otadata (UNDEFINED -> erased)", 4, SEQ_ZERO_EARLIER),
    known(P5, "set_boot_partition(running)", "erase otadata (UNDEFINED -> erased)", 8, SEQ_ZERO_EARLIER),
    known(P5, "set_boot_partition(running)", "erase otadata (VALID -> erased)", 4, SEQ_ZERO_EARLIER),
    known(P3, "set_boot_partition(running)", "erase otadata (damaged -> erased)", 2, SEQ_ZERO_TORN),
    known(P13, "set_boot_partition(running)", "erase otadata (damaged -> erased)", 2, SEQ_ZERO_TORN),
    known(P3, "set_boot_partition(running)", "erase otadata (erased -> erased)", 2, SEQ_ZERO),
    known(P8, "set_boot_partition(running)", "erase otadata (damaged -> erased)", 3, SEQ_ZERO_LAST_SLOT),
    known(P8, "set_boot_partition(running)", "erase otadata (erased -> erased)", 3, SEQ_ZERO_LAST_SLOT),
    known(P13, "set_boot_partition(running)", "erase otadata (erased -> erased)", 2, SEQ_ZERO),
    known(P2, "set_boot_partition(running)", "erase otadata (state unknown -> erased)", 2, STATE_BITS_LATER),
    known(P5, "set_boot_partition(running)", "erase otadata (state unknown -> erased)", 5, SEQ_ZERO_EARLIER),
    known(P5, "set_boot_partition(running)", "program otadata (-> NEW)", 4, SEQ_ZERO_EARLIER),
    known(P4, "set_boot_partition_skip_validate", "erase otadata (ABORTED -> erased)", 4, SEQ_ZERO_NEW),
    known(P13, "set_boot_partition_skip_validate", "erase otadata (ABORTED -> erased)", 3, SEQ_ZERO_NEW),
    known(P2, "set_boot_partition_skip_validate", "erase otadata (UNDEFINED -> erased)", 5, SEQ_ZERO_EARLIER),
    known(P5, "set_boot_partition_skip_validate", "erase otadata (UNDEFINED -> erased)", 5, SEQ_ZERO_EARLIER),
    known(P4, "set_boot_partition_skip_validate", "erase otadata (damaged -> erased)", 3, SEQ_ZERO_TORN),
    known(P13, "set_boot_partition_skip_validate", "erase otadata (damaged -> erased)", 2, SEQ_ZERO_TORN),
    known(P4, "set_boot_partition_skip_validate", "erase otadata (erased -> erased)", 3, SEQ_ZERO),
    known(P2, "set_boot_partition_skip_validate", "erase otadata (state unknown -> erased)", 2, STATE_BITS_LATER),
    known(P5, "set_boot_partition_skip_validate", "erase otadata (state unknown -> erased)", 5, SEQ_ZERO_EARLIER),
    known(P1, "write", "program slot", 3, MINIMUM_RAISED),
    known(P9, "write", "program slot", 3, MINIMUM_RAISED),
    known(P3, "boot", "erase otadata (PENDING_VERIFY -> erased)", 2, SEQ_ZERO_NEW),
    known(P5, "boot", "erase otadata (NEW -> erased)", 3, SEQ_ZERO_EARLIER),
    known(P3, "boot", "erase otadata (damaged -> erased)", 2, SEQ_ZERO_TORN),
];
