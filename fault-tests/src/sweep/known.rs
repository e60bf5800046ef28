//! The known windows of the stock algorithm.
//!
//! ESP-IDF's algorithm does not keep every property under every cut. Each
//! place where it does not is listed here with its reason, told apart by
//! property, call and transition. A sweep that finds a window that is not in
//! this list has found something new, and fails.

use crate::case::Window;
use crate::property::Property;

/// One known window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Known {
    /// The property that does not hold there.
    pub property: Property,
    /// What the device is doing: `boot`, or the application's call.
    pub call: &'static str,
    /// The operation that the cut hits.
    pub transition: &'static str,
    /// The fewest cuts in a row that lead to it.
    pub cuts: u32,
    /// Why.
    pub why: &'static str,
}

const IN_PLACE: &str = "the bootloader moves the new image's only entry from NEW to PENDING_VERIFY \
    in place, before it boots it: between erase and program no entry names the new image";
const ONE_TRY: &str = "an entry that reads PENDING_VERIFY is aborted by the next boot, whether or not its \
    image ever ran: a cut between this program and the jump spends the only try";
const SEQ_ZERO: &str = "a cut erase of a blank sector can zero its first four bytes alone: sequence \
    number 0 with an erased CRC field is valid, and points at slot 0xffffffff mod n";
const SEQ_ZERO_LATER: &str = "an earlier cut left an entry with sequence number 0, which is valid; once \
    the download into the slot it points at is whole, that image boots without having been switched to";
const SEQ_ZERO_UNABORTED: &str = "an earlier cut left an entry with sequence number 0, which is valid, and \
    another a whole download in the slot it points at; a cut while that entry is aborted keeps it valid";
const ABORT_SWEEP: &str = "the bootloader aborts every entry whose state reads PENDING_VERIFY, also one \
    with a wrong CRC; a cut while it rewrites that one can leave a valid entry";

/// Every known window of the stock algorithm.
pub const STOCK: [Known; 8] = [
    Known {
        property: Property::Durability,
        call: "boot",
        transition: "erase otadata (NEW -> erased)",
        cuts: 1,
        why: IN_PLACE,
    },
    Known {
        property: Property::Durability,
        call: "boot",
        transition: "program otadata (-> PENDING_VERIFY)",
        cuts: 1,
        why: ONE_TRY,
    },
    Known {
        property: Property::PublishOrder,
        call: "boot",
        transition: "erase otadata (erased -> erased)",
        cuts: 1,
        why: SEQ_ZERO,
    },
    Known {
        property: Property::PublishOrder,
        call: "set_boot_partition",
        transition: "erase otadata (erased -> erased)",
        cuts: 1,
        why: SEQ_ZERO,
    },
    Known {
        property: Property::PublishOrder,
        call: "boot",
        transition: "program otadata (-> damaged)",
        cuts: 2,
        why: ABORT_SWEEP,
    },
    Known {
        property: Property::AtomicSwitch,
        call: "write",
        transition: "program slot",
        cuts: 2,
        why: SEQ_ZERO_LATER,
    },
    Known {
        property: Property::Durability,
        call: "write",
        transition: "program slot",
        cuts: 2,
        why: SEQ_ZERO_LATER,
    },
    Known {
        property: Property::Durability,
        call: "boot",
        transition: "program otadata (-> ABORTED)",
        cuts: 3,
        why: SEQ_ZERO_UNABORTED,
    },
];

/// The known window that this is, if it is one.
pub fn find(property: Property, window: Option<&Window>) -> Option<&'static Known> {
    let window = window?;
    STOCK.iter().find(|known| {
        known.property == property
            && known.call == window.call
            && known.transition == window.transition
    })
}
