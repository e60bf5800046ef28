//! The hardened policy: otadata that a power cut cannot make forget.
//!
//! **What was chosen stays chosen until something else is.** Whatever operation the power fails in, the
//! next boot runs what was chosen before or what was to be chosen, and then stays with it.
//!
//! **A stock bootloader boots the same slot.** At rest, both entries of otadata are what ESP-IDF would
//! have them be; all that is ours lies in bytes that stock code neither reads nor writes.
//!
//! **It wears less.** An update costs two sector erases of otadata (stock with rollback: four),
//! confirming it none, a boot that finds nothing to do neither reads an image twice nor writes at all.
//!
//! `DESIGN.md` of this crate tells how it came to be: the problem, designs that fail, and why this one does not.
//!
//! [`boot`] is the bootloader, [`Ota`] the application's side. Both take the calls and the
//! configuration of the stock policy ([`crate::boot`], [`crate::update`]).
//!
//! # The problem
//!
//! otadata is two sectors, and all that stock code keeps in each is one entry of 32 bytes. To change the
//! state of an entry it erases the sector and programs the entry anew. In between, and that is 45 ms of
//! erase against 0.1 ms of program, nothing says what the entry said; a cut there makes the device forget
//! the image that it was about to confirm. Appending would help, but flash is no list of bytes that are
//! written or not:
//!
//! - a cut *program* leaves some bits done and others not, and some that read differently each time;
//! - so a row that reads blank may have been programmed, and a row that reads right may read wrong
//!   tomorrow;
//! - a cut *erase* leaves anything at all in its sector, old contents that look whole included.
//!
//! # The idea
//!
//! **A row that cannot be counterfeited.** Each row of 32 bytes ends with the count of its own 0 bits. A
//! torn program leaves bits at 1, so the count of zeros falls while the count that is stored can only
//! rise: no torn form of a record is a record. Two CRCs make content that an erase left by accident pass
//! once in 2^64.
//!
//! **One content per row.** Two records over each other can make a third. So what may be one thing or
//! another (a *decision*) is only ever programmed behind a row that can only be one thing (a *claim*, its
//! content follows from its place). If the claim reads blank, its decision was never begun, and the same
//! claim is programmed again; if anything is to be seen, the group is used up and the next one is taken.
//!
//! **Nobody acts on what may vanish.** Behind the decision comes a *seal*. Claim, decision and seal are
//! a *group*, and a log that ends with a sealed decision is beyond doubt, as a program is only begun when
//! the one before it is complete. A log that ends in any other way is put in order first: what it says
//! now is appended once more. So a torn decision may come to count or not, but once someone has acted on
//! it, it does.
//!
//! **The old sector hands over.** A sector that is being erased says nothing and may look like anything.
//! So the authority is never the sector that was written last as such: a new *generation* is prepared in
//! the other sector, and counts for nothing until a *hand-over* in the old one is complete. From its first
//! own claim on the new one is the authority by itself, and the old one may be erased. A generation that
//! nothing is handed over to, the first one of a device, counts from its first claim on.
//!
//! **No content proves that an erase is over.** What a cut erase leaves of an entry of ours may be an entry
//! that stock code could have written: a bit of its label has risen, and the rest of the sector reads erased. So the
//! claim of the hand-over is programmed *before* the other sector is erased. A log that ends in a claim says that an erase
//! may be under way, and then nothing in the other sector is believed, an entry of stock code as little as one of ours;
//! it is said once more what is chosen, and the other sector is begun anew. Stock code only ever runs beside a log that
//! is at rest.
//!
//! # The sectors
//!
//! ```text
//! row  0      entry for stock code: first half │ second half
//! row  1..=4  birth: what is chosen, digests, images that were found bad
//! row  5..=7  group 1:  claim  decision  seal
//! row  8..=10 group 2:  claim  decision  seal
//!             …                                   30 groups
//! row 95..    progress of the download            32 rows
//! row 127     given up, if it is not blank
//! ```
//!
//! Slot `a` is confirmed, generation 6 says so in sector 1; sector 0 is void. An update to `b` was
//! downloaded, and is now chosen ([`Ota::set_boot_partition`]):
//!
//! ```text
//!          before                      during                        after
//! sector 0     sector 1        sector 0     sector 1         sector 0     sector 1
//! (void)       g6 entry a      g7 entry b-  g6 entry a       g7 entry b   (void)
//!              birth a         birth b      birth a          birth b
//!              C D(a) S                     C D(a) S         C D(b) S
//!              C D(a,b') S                  C D(a,b') S
//!                                           C H(b)
//! ```
//!
//! `b'` is the digest of what was written to `b`; `b-` is an entry without its CRC; H is the hand-over.
//! What a cut leaves, operation by operation:
//!
//! | operation | cut in it | the next boot |
//! |---|---|---|
//! | 1. claim | a group used up, or not | used up: appends D(a), begins a generation of its own in sector 0, runs `a`; not: runs `a` |
//! | 2. erase sector 0 | anything in sector 0 | as above: sector 1 ends in a claim, so nothing in sector 0 is believed |
//! | 3. program birth, 4. first half of the entry | the same | the same |
//! | 5. hand-over | a hand-over that reads right or wrong | right: appends it again, then as below; wrong: as above |
//! | 6. its seal, 7. second half of the entry, 8. claim, decision, seal in sector 0 | the hand-over | appends D(b) in sector 0, begins a generation of its own in sector 1, runs `b` |
//!
//! The first start of `b` appends `D(b, started once)`, its confirmation `D(b)`: no erase. If it does not
//! confirm, the next boot switches back to `a`, just as above.
//!
//! # The protocol
//!
//! | step | does | erases | programs |
//! |---|---|---|---|
//! | append | claim, decision or hand-over, seal | 0 | 3 |
//! | switch | claim, erase other, birth, half an entry, hand-over, seal, other half, append decision there | 1 | 9 |
//! | settle | after a cut: append what is chosen, or the hand-over that was cut, and complete the entry; then switch once more to the same choice | 1 | 12 to 16 |
//! | renew | leave a [full log](#a-full-log): say what it says once more; zero what may hand over, and what may count in the other sector; erase that; birth, entry, a group | 1 | up to 67 |
//!
//! The entry is completed last, or where nothing hands over behind the first claim, because its CRC covers the
//! sequence number alone; see `summary`. After a cut it is completed *and* written anew in the other sector, so that at
//! rest no entry is there whose CRC was programmed twice.
//!
//! | call | writes, at rest | erases | programs |
//! |---|---|---|---|
//! | [`boot`], nothing on trial | | 0 | 0 |
//! | [`boot`], on trial | append | 0 | 3 |
//! | [`boot`], trial over; [`mark_app_invalid_rollback`](Ota::mark_app_invalid_rollback) | switch | 1 | 9 |
//! | [`begin`](Ota::begin), [`resume`](Ota::resume) | switch, then the slot is erased | 1 | 9 |
//! | [`write`](Ota::write) | a row for each 32nd of the slot | 0 | ≤ 32 |
//! | [`end`](Ota::end) | append | 0 | 3 |
//! | [`set_boot_partition`](Ota::set_boot_partition) | switch | 1 | 9 |
//! | the same to factory, and factory reset | switch twice: no entry may be left | 2 | 14 |
//! | [`mark_app_valid_cancel_rollback`](Ota::mark_app_valid_cancel_rollback) | append | 0 | 3 |
//! | [`erase_last_boot_app_partition`](Ota::erase_last_boot_app_partition), [`invalidate_inactive_otadata_slot`](Ota::invalidate_inactive_otadata_slot) | switch | 1 | 9 |
//!
//! The first call on a device of the stock policy writes down what its entries choose: one erase more. The next boot
//! does so where a cut has left an entry that no stock code wrote, and that may read otherwise the next time. An idle
//! boot reads the first five rows of both sectors and one log from its end to the last group in use:
//! 3.2 KiB at most.
//!
//! # What is guaranteed
//!
//! Levels are those of how badly a cut may behave: up to L2 torn operations read the same each time; at L3 bits
//! may be weak, and a cut erase leaves anything; at L4 a cut may damage other rows of the same sector; at L5 one
//! sector is lost. *Swept* is what the explorer has shown on this code. On serial NOR:
//!
//! - Of ten updates, among them one that is resumed, one under anti-rollback and those after a factory reset: up to
//!   two cuts in a row at L2 and at L3; each single one where re-programming does not heal, and at L4, where
//!   weak bits read as 0 but in one place at most.
//! - Of the smallest with a small log, which cuts fill: with one of four groups any number at L0, two at L3, and at L1 any
//!   number until it is full and in doubt; with one of three groups the same at L2.
//! - Of each call of an application, first thing after power-on, at each point of a life of two or three slots, with
//!   a factory image and without, monitored and not: each single cut up to L3.
//!
//! All of that was swept since the protocol changed last, and with erases that leave old bits beside risen ones, in every
//! shape of every row of otadata. More was shown of the protocol before, without such erases: any number of cuts in a row
//! while a log has room, up to L3, of the ten updates and of each call; three in a row; each single cut in each call
//! where re-programming does not heal, and at L4. `PROOF.md` has each sweep with the commit that it was last run on.
//!
//! On an nRF52840, on an STM32L4 and through flash encryption: of the smallest update each single cut at L3. Before, two at
//! L1 as well, and each single one at L4 as above.
//!
//! *Argued* is what follows from the rules above, and was shown by a model of them, but not by the explorer on
//! this code.
//!
//! | call | L0..L2 | L3, re-programming heals | L3, it does not | L4 | L5 |
//! |---|---|---|---|---|---|
//! | [`boot`], nothing on trial | no operation | no operation | no operation | no operation | the choice of the hand-over, or of the generation before (argued) |
//! | [`boot`], on trial | started at most as often as it may be (swept) | the same (swept) | any single cut (swept) | **starts may count anew** (P4): *a*, below | starts count anew (argued) |
//! | confirm | confirmed or on trial; after `Ok` confirmed (swept) | the same (swept) | any single cut (swept) | **on trial again**, not started yet (P4): *a* | on trial again (argued) |
//! | [`set_boot_partition`](Ota::set_boot_partition), going back | before or after; after `Ok` after (swept) | the same (swept) | any single cut (swept) | before or after, but what is before **may be on trial again** (P4, P5): *a* | before or after (argued) |
//! | [`begin`](Ota::begin) | besides, nothing that may boot names the slot (swept) | the same (swept) | any single cut (swept) | what runs **may be on trial again** (P5): *a* | what runs (argued) |
//! | factory reset | before or after; then after (swept) | the same (swept) | any single cut (swept) | before or after, but what is before **may be on trial again** (P4, P5): *a* | before or after (argued) |
//! | [`resume`](Ota::resume), progress | counts complete parts alone, and loses one at most (swept) | the same (swept) | any single cut (swept) | **begins anew** (P7): *b* | begins anew (argued) |
//!
//! The shortest counterexamples at L4; a slot that verifies boots in each of them, and the next change is as
//! good as any:
//!
//! - *a.* An update is on trial, and its start counted. A cut in the claim of the next decision leaves the rest of
//!   that page weak; read as zeroed, nothing of the generation counts, and the hand-over in the other sector says:
//!   on trial, not started yet. Where the boot itself was cut there, it is not what it would have been without the
//!   cut either (P6). So it was in eight of the nine updates, and in those after a factory reset; in the update to a
//!   damaged image all properties hold. An update that was confirmed since, in the same generation, is on trial
//!   again just so, whichever call makes that decision or that hand-over; where it does not confirm itself once
//!   more, what ran before it runs next. So it was in the calls of monitored devices; in those of others all
//!   properties hold.
//! - *b.* A download is complete but for its last part. A cut in the claim of the next decision leaves the rest of
//!   the sector weak, with the rows that say which parts there are.
//!
//! # Limits
//!
//! These things no protocol in two sectors can do, or this one does not.
//!
//! - **Nothing can be told from a perfect forgery.** If a cut erase could leave a valid claim of a
//!   generation that was never begun, nothing would tell it from a real one. It takes 64 bits of checksum
//!   and a bit count to be right by accident.
//! - **Before there is a generation nothing tells that an erase is under way.** The first call on a device of the stock
//!   policy erases a sector with an old entry of stock code, whose CRC covers the number alone. If a cut leaves it with bits
//!   risen to a larger number and to the CRC of that, which takes the right 32 bits, what it names runs (P2, P3).
//! - **Weak rows must heal.** If a cell stays weak although the same content was programmed over it to
//!   completion, the row that every power-on begins with may stay in doubt for ever. Then one cut is
//!   harmless, and the second may not be. The shortest counterexample: two cuts in the group that counts a
//!   start leave its claim and its decision weak, both are programmed again, and at the next power-on read as
//!   blank; so an image on trial is started twice (P4).
//! - **A half-done change can be undone only so often.** To undo it is to erase the sector that was
//!   prepared, and what that erase leaves if it is cut must not count; so what would make it count is
//!   zeroed first. A row that was zeroed in part and reads right once more is good for nothing any more,
//!   and rows are finite. See *a full log*, below.
//!
//! # A full log
//!
//! A cut in a switch costs two groups, that of its claim and that in which the choice is said once more, and they come
//! back with the switch that follows. Of 30 groups 20 are [kept back](Log) for this: where ten cuts in a row hit a boot
//! that puts right what the one before has left, each within the 0.4 ms in which that appends, the log is *full*. A cut
//! in an erase of such a boot costs its two groups as well.
//!
//! - *It ends with a sealed decision.* Nothing is in doubt; the next change begins a new log that chooses
//!   the same, and costs one erase more.
//! - *It ends in any other way.* The next call that puts otadata in order does that. The last decision is
//!   programmed once more, in the same words, so that nothing before it counts; what may hand over behind it
//!   is zeroed, so that nothing counts in the other sector. There the log goes on, with what was chosen when
//!   it was read.
//! - *It says nothing,* as each group was cut before it did. All that was to be said in the last one is what
//!   the birth says, so that is programmed there once more, in the same words: in the last group no decision
//!   says that an entry for stock code is as it should be, whatever is known of that.
//! - *It says nothing, and was to be undone.* If nothing handed over to it, undoing it goes on, and what was
//!   before it counts. Its claims are zeroed from the first one on, so behind one that reads right once more nothing
//!   was zeroed, and there the log goes on; where none does, it does not count.
//! - *It says nothing, was to be undone, and was handed over to* by a row that was zeroed in part and reads
//!   right once more. Only then the log is *exhausted*: no claim can be trusted. The device boots what is
//!   chosen and refuses to change it
//!   ([`OtaError::LogExhausted`](crate::update::OtaError::LogExhausted)), as long as it is read so; an image on trial is not
//!   started, as that could not be counted. No sweep has met that, with a log of four groups: not with any
//!   number of cuts at L0, nor with three at L3.
//!
//! And: on flash that programs in units above 16 bytes an entry is programmed whole, and a torn one may
//! be another entry for a stock bootloader (not for ours).
//!
//! # Flash in words
//!
//! Flash inside a controller is programmed in words, and takes each only so often: an nRF52840 twice between
//! erases, an STM32L4 once, and once more to zero. With `WRITE_SIZE` above 1 the protocol is the same but for
//! this:
//!
//! - *A row that cannot be read* counts as zeroed. Where words keep check bits, so does a word that was torn.
//! - *What is programmed once more*, the second half of an entry or the last words of a full log, is given
//!   word by word where the chip refuses the row: only those that are not there yet. A chip that counts and refuses nothing
//!   is given the row: behind two cuts in a row the words of an entry are programmed a third time (P11).
//! - *A word that a cut has spent* may look blank and be refused. Its group is left, and the next one says
//!   what was to be said; where there is none, the log is full. A row of progress that is refused is left out.
//! - *What is to be zeroed* and is refused stays. So before a [full log](#a-full-log) is left there may be rows
//!   that cannot be silenced, as there are with encryption.
//! - *Re-programming heals* only as far as the chip takes it.
//!
//! # Flash encryption
//!
//! With [`Log::encrypted`] the same protocol runs through transparent encryption, in rows of 16 bytes
//! (ESP32-C3 and later) or 32 (ESP32). What differs:
//!
//! - *Erased reads as noise*, so blank cannot be told from damaged. It need not be: only a row that is
//!   whole shows. A claim that does not show is programmed again with the same content, the same bits in
//!   the cells; a decision is only ever programmed behind a claim that is complete.
//! - *A torn row is noise too*, where it is torn: its bits no longer only fall, and the count of zeros
//!   proves nothing. That no torn row is a record is no certainty any more, but as probable as 64 check
//!   bits make it: 1 to 2^64. An entry for stock code has 32, as it has without encryption.
//! - *Rows are programmed once*, or again with the same content where a cut has hit them. No bit is
//!   cleared in place; so nothing is zeroed before a [full log](#a-full-log) is left, and a cut in that one
//!   erase may leave a generation that counts in a sector that is erased in part.
//! - An ESP32's rows of 32 bytes take an entry whole: see above. Its images are to be written in whole
//!   rows; [`flash_encryption`](crate::update::AppConfig::flash_encryption) completes blocks of 16.
//!
//! L3 is the highest level that holds. Swept on both kinds, with the smallest update: two cuts in a row at L1,
//! each single one at L2, at L3, whether re-programming heals or not, and at L4; and with a log of four groups,
//! which cuts fill, three in a row at L0 and two at L1. A weak row is one in which a block of 16 bytes reads as
//! meant, as it was, or as noise. At L4 the shortest counterexample is *a* above: an image on trial confirms
//! itself, a cut in the claim of that decision leaves the rest of its sector weak, and read as zeroed that is
//! noise, with the start that was counted; so the image is started again (P4). All other properties hold there too.
//!
//! Tested besides, on otadata of a life of two updates: cuts in each operation, torn in ways of L2, and pairs of
//! them, drawn at random. The other updates were not swept.
//!
//! # In company with stock code
//!
//! - **Stock bootloader, this application.** Our entries have state UNDEFINED: such a bootloader boots
//!   them and neither monitors nor rewrites them. Nobody counts starts and nobody goes back;
//!   [`Ota::foreign_bootloader`] tells. Every sweep named above, but for those of flash in words, which ESP-IDF
//!   does not know, started it in each power-on, before this bootloader: it boots an image that was published, in
//!   each state that cuts had left; at rest, the slot that this bootloader boots. But where that is factory, which no
//!   entry can name, weak bits beside it that read as damage may read as an entry to stock code later on, until
//!   this bootloader sees that too. With that bootloader alone: below.
//! - **This bootloader, stock application.** It erases a sector and writes an entry, which has no birth
//!   behind it or not the one that fits, and is newer: that is adopted, if the log beside it is at rest. Its cuts are the stock policy's, but for this:
//!   where it erases the entry of the running image, the hand-over in the other sector still names it.
//!   A device that comes from the stock policy is taken over by the first change, which writes down over the entry that
//!   names the image before what both say. A cut in that one erase loses which image that is, or leaves it in doubt: then it
//!   may be told or not, as the entry is read, until the next change; but no call ever erases the factory image for it.
//!   While an update of such an application is on trial, the first boot writes that down over the sector
//!   that names the image before; a cut in that one erase loses which slot to go back to, and what boots
//!   after the trial is the first that verifies.
//! - **`otatool.py`** changes an entry and leaves the records: adopted too. If it selects a slot without an image,
//!   what runs instead is told by the records that adopting the entry erases: a cut there, and what runs is the first
//!   that verifies.
//!
//! What is left of the guarantees, each single cut in the ten at L0 to L2 (swept); behind more cuts, and with
//! weak bits, no more than the stock policy guarantees:
//!
//! | call | stock bootloader, this application | this bootloader, stock application |
//! |---|---|---|
//! | boot | starts on trial are not counted, and nobody goes back | counted; after its trial an image is not started again |
//! | factory reset | before, after, or **the image before** (P2): *d* | before or after |
//! | `begin`, the first on a device | **may name slot 0xFFFFFFFF mod n** (P13): *a* | as stock: the running slot is not written |
//! | `set_boot_partition` | before or after; after `Ok` after; the first on a device: *a* | the same at L0, L1; at L2 **any slot that verifies** (P2): *b* |
//! | confirm | confirmed or on trial; after `Ok` confirmed | confirmed, or **started once more** (P4): *c*; at L2 *b* |
//! | `resume`, progress | counts complete parts alone, and loses one at most | as the application noted it |
//!
//! - *a.* Of a blank sector an erase zeroes the first four bytes and is cut: to stock code an entry with number 0. It
//!   tries the slot that the number names, and goes on to one that verifies. After a factory reset that may be one
//!   that nobody chose (P3).
//! - *b.* The CRC of a stock entry covers its number alone, and is affine: torn, it may be right for a larger number.
//! - *c.* A stock application confirms itself by writing its entry anew in place. In between, the other sector says what
//!   was handed over: on trial, not started yet.
//! - *d.* A stock bootloader resets by erasing the two sectors one after the other. With the newer entry gone first, the
//!   older one boots.
//!
//! A stock application is not told that its image is on trial, as the start is counted where it does not look: it has to
//! confirm itself without asking for the state first. Nor is the one that is gone back to told which image
//! was refused: the server has to withdraw it.
//!
//! # Besides
//!
//! An image must carry the digest that [`end`](Ota::end) noted, to be chosen and to boot: a bit of its
//! header that falls cannot switch the check off. A slot is given up, erased or overwritten only after
//! nothing names it. The slot that runs is never written, whatever otadata says. A download that stays open
//! goes on where it was, whatever generation begins meanwhile.

mod boot;
mod commit;
mod decision;
pub mod format;
mod image;
mod ota;
mod read;
mod simplest;
mod stock;

use format::{boot_state as choice, record, sector as layout, stock_entry as summary};

pub use boot::{Selection, boot, load_boot_image, load_table, select_boot_partition};
pub use decision::{BootError, Chosen, Decision, Order, Reason, Source};
pub use format::boot_state::Status;
pub use format::record::{Appearance, appearance};
pub use format::sector::Log;
pub use ota::Ota;
pub use simplest::{Room, interchangeable, simplify, simplify_torn_rows};
pub use stock::Origin;

#[cfg(test)]
mod tests;
