//! P10, bounded wear: what is written often is worn out.
//!
//! * **Idle boots**: ∀σ at rest (the last power-on had nothing left to do, and no cut came after it):
//!   a boot makes 0 erases and 0 programs.
//! * **Power-ons**: ∀σ ∈ Reach(M): one power-on erases a sector at most E times, a [`Bound`] of the
//!   commit policy. So n cuts in a row cost at most E · (n + 1) erases of it.
//! * **Boot loops**: a power-on of the bootloader alone that is followed by the same power-on, again
//!   and again, writes nothing.
//! * **Updates**: in the history without a cut a whole update, from the download to the first boot
//!   after the confirmation, erases a sector at most so often as `tests/wear.rs` prints.
//!
//! *Looked at*: the erases of every power-on in every state that is met; whether a power-on is its own
//! successor.
//!
//! *Not claimed*: that loops of two or more power-ons write nothing: whatever does not come to rest is
//! for [P8](super::completion). What an *application* does at each power-on is its own affair: one
//! that is offered the same damaged update again and again downloads it again and again. Nor what a
//! device does that finds nothing to boot and resets for ever: that violates [P1](super::no_brick), and
//! its life is not followed any further.

use std::collections::HashMap;

use ota_core::hardened::Log;
use sim_flash::OpKind;

use super::containment::Deed;
use super::{Finding, Property};
use crate::explore::Window;
use crate::ota::FlashMap;

/// Erases of one sector in one power-on, at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bound {
    /// Of a sector of otadata.
    pub otadata: u32,
    /// Of any other sector.
    pub elsewhere: u32,
}

/// The bound of the stock policy.
///
/// *otadata*: the bootloader rewrites an entry once (to `ABORTED`, to `PENDING_VERIFY`); or twice, if
/// it aborts a damaged entry and then writes the first-boot entry over it. The application erases the
/// other entry when a download begins, and rewrites it when it switches; or it rewrites the active one
/// to confirm it. So three: abort, begin, switch.
///
/// *A slot*: once when a download begins or reaches the sector, and once more if anti-rollback refuses
/// what was downloaded.
pub const STOCK: Bound = Bound {
    otadata: 3,
    elsewhere: 2,
};

/// The bound of the hardened policy.
///
/// *otadata*: each switch erases the sector that the one before did not. What a cut has left may take one to put in
/// order, a trial that is over one to go back, the begin of a download one, and to choose what was downloaded one;
/// and one of them leaves a full log, or an entry for stock code that must not outlive it, and takes one more: six,
/// three of each sector. With a log shorter than devices have, one that is full may be left each time: twice as
/// many.
///
/// *A slot*: as under the stock policy.
pub fn hardened(log: Log) -> Bound {
    Bound {
        otadata: if log.groups() < Log::MOST { 6 } else { 3 },
        elsewhere: 2,
    }
}

/// Judges the erases of a power-on, the first one past the bound of its sector.
pub(crate) fn judge<'d>(
    map: FlashMap<'_>,
    bound: Bound,
    sector: u32,
    deeds: impl IntoIterator<Item = Deed<'d>>,
) -> Option<(u32, Finding)> {
    let erases = |deed: &Deed<'_>| deed.row.kind == OpKind::Erase;
    let mut worn: HashMap<u32, u32> = HashMap::new();
    for deed in deeds.into_iter().filter(erases) {
        let end = deed.row.addr + deed.row.len;
        for at in (deed.row.addr..end).step_by(sector.max(1) as usize) {
            let times = worn.entry(at).or_default();
            *times += 1;
            if *times <= bound.otadata.min(bound.elsewhere) {
                continue;
            }
            let place = map.place(at);
            let most = match place.kind {
                "otadata" => bound.otadata,
                _ => bound.elsewhere,
            };
            if *times > most {
                let allowed = format!("at most {most} erases of a sector in one power-on");
                let got = format!("erase {times} of a sector of {}", place.name);
                let window = Window::new(deed.call, "erase", place.kind, None);
                let finding = Finding::new(Property::BoundedWear, allowed, got);
                return Some((deed.index, finding.at(window)));
            }
        }
    }
    None
}

/// Judges a power-on that made no call and is followed by the very same power-on.
///
/// `first` is its first operation; `operations`, how many there are.
pub fn judge_repetition(operations: usize, calls: usize, first: Window) -> Option<Finding> {
    (operations > 0 && calls == 0).then(|| {
        let allowed = "a boot with nothing to do writes nothing";
        let got = "the same operations at every boot";
        Finding::new(Property::BoundedWear, allowed, got).at(first)
    })
}
