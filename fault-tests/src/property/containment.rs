//! P11, containment: a device writes where it may, and nowhere else.
//!
//! ∀ operations of every power-on in Reach(M), an erase or a program touches
//!
//! * otadata, or a slot that does not run; never the partition table, the bootloader, another
//!   partition or the space between partitions;
//! * never the **running slot**: the one that the bootloader decided for in this power-on. The
//!   bootloader itself, as long as it has not decided, writes otadata alone, and in a factory reset the
//!   data partitions that this names;
//! * never the **sole authority**: the otadata entry that the next boot would obey, while the other
//!   one is none that it would. A cut in such an operation leaves nothing to obey;
//!
//! and each is one that the chip takes: no program that would have to set a bit, none that comes once too
//! often between two erases, none that is not of whole units or lies beyond the end. A program over
//! programmed cells is carried out all the same, as an AND, so that what comes of it is judged as well.
//!
//! A factory reset is there to leave no entry to obey, and is not judged by that.
//!
//! An entry has authority if it is valid, and not one that the next boot takes back: with rollback
//! that is one in state `PENDING_VERIFY`.
//!
//! *Looked at*: each operation, against the decision of its power-on and against otadata as the
//! bootloader *read* it and as the operations since then have left it. The flash itself is not looked
//! at: states that a power-on does not tell apart are judged as one, so the judge must not tell them
//! apart either. (Hence a state number without a meaning is called `UNDEFINED` here.)
//!
//! *Not claimed*: which of the slots that do not run is written; what harm a cut does there is for
//! [P2 and P3](super::promises). A program over programmed cells on a chip that
//! [refuses](sim_flash::Rules::refuses_overprogram) it: the device is told, and may expect it.

use std::ops::Range;

use ota_core::otadata::{ENTRY_LEN, Entry, OtaState};
use ota_core::partition::{Partition, Type};
use sim_flash::{FlashError, OpKind, Row};

use super::{Finding, Property};
use crate::explore::Window;
use crate::ota::FlashMap;
use crate::subject::Place;

/// Who has to contain himself, and what is known of his power-on.
#[derive(Clone, Copy, Debug)]
pub struct Conduct<'a> {
    /// What lies where.
    pub(crate) map: FlashMap<'a>,
    /// The bootloader takes back entries in state `PENDING_VERIFY`.
    pub monitors: bool,
    /// otadata as it was read before the first operation.
    pub entries: Option<[Entry; 2]>,
    /// In a factory reset: the labels of the data partitions that it erases, with commas between them.
    pub wiped: Option<&'static str>,
    /// The slot that the boot decided for; `None` if nothing boots.
    pub running: Option<Partition>,
    /// Operations of the bootloader, before the application's.
    pub by_bootloader: u32,
}

/// An operation of a power-on, and the call that it is part of.
#[derive(Clone, Copy, Debug)]
pub struct Deed<'a> {
    /// Its number in the power-on.
    pub index: u32,
    /// The call under way; none in the bootloader.
    pub call: Option<&'static str>,
    /// The operation.
    pub row: Row<'a>,
}

/// Judges the operations of a power-on, each finding with the number of the operation. What is wrong
/// with many of a kind is found once.
pub fn judge<'d>(
    conduct: &Conduct<'_>,
    deeds: impl IntoIterator<Item = Deed<'d>>,
) -> Vec<(u32, Finding)> {
    let mut otadata = Otadata::new(conduct);
    let mut found: Vec<(u32, Finding)> = Vec::new();
    let mut last = None;
    for deed in deeds {
        let span = deed.row.addr..deed.row.addr + deed.row.len;
        let entry = otadata.entry_at(&span);
        if entry.is_none() {
            // A download is thousands of operations alike.
            let place = (deed.row.kind, deed.call, conduct.partition_of(&span));
            if last.replace(place) == Some(place) {
                continue;
            }
        } else {
            last = None;
        }
        let wrong = conduct
            .outside(&deed, &span)
            .or_else(|| otadata.sole_authority(&deed, entry?));
        if let Some(wrong) = wrong
            && found.iter().all(|(_, known)| *known != wrong)
        {
            found.push((deed.index, wrong));
        }
        if let Some(entry) = entry {
            otadata.carry_out(&deed, entry);
        }
    }
    found
}

/// Judges an operation at `place` that breaks a rule of the chip.
pub(crate) fn judge_breach(
    kind: OpKind,
    place: &Place,
    call: Option<&str>,
    error: &FlashError,
) -> Finding {
    let verb = verb(kind);
    let why = match error {
        FlashError::Rule { rule, .. } => rule.to_string(),
        FlashError::NotAligned { unit, .. } => format!("not of whole units of {unit} bytes"),
        _ => "beyond the end of the flash".to_owned(),
    };
    let allowed = "operations that the rules of the chip allow";
    let got = format!("{verb} {}: {why}", place.name);
    let window = Window::new(call, verb, place.kind, None);
    Finding::new(Property::Containment, allowed, got).at(window)
}

impl Conduct<'_> {
    fn partition_of(&self, span: &Range<u32>) -> Option<&Partition> {
        let inside = |p: &&Partition| p.region().contains(span.start, span.end - span.start);
        self.map.partitions.iter().find(inside)
    }

    fn wipes(&self, partition: &Partition) -> bool {
        let label = partition.label.to_string();
        let mut named = self.wiped.into_iter().flat_map(|labels| labels.split(','));
        partition.kind == Type::DATA && named.any(|named| named == label)
    }

    /// Judges where an operation is.
    fn outside(&self, deed: &Deed<'_>, span: &Range<u32>) -> Option<Finding> {
        let partition = self.partition_of(span);
        let by_bootloader = deed.index < self.by_bootloader;
        let why = match partition {
            Some(p) if Some(p.offset) == self.map.otadata() => return None,
            Some(p) if by_bootloader && self.wipes(p) => return None,
            Some(p) if p.slot().is_some() && by_bootloader => "",
            Some(p) if p.slot().is_some() && self.running.map(|r| r.offset) != Some(p.offset) => {
                return None;
            }
            Some(p) if p.slot().is_some() => ", which runs",
            _ => "",
        };
        let allowed = if by_bootloader {
            "an operation on otadata"
        } else {
            "an operation on otadata or on a slot that does not run"
        };
        let verb = verb(deed.row.kind);
        let place = self.map.place(span.start);
        let got = format!("{verb} {}{why}", place.name);
        let window = Window::new(deed.call, verb, place.kind, None);
        Some(Finding::new(Property::Containment, allowed, got).at(window))
    }
}

/// otadata as the power-on knows it.
struct Otadata<'a> {
    map: FlashMap<'a>,
    monitors: bool,
    entries: Option<[Entry; 2]>,
}

impl<'a> Otadata<'a> {
    fn new(conduct: &Conduct<'a>) -> Self {
        Self {
            map: conduct.map,
            monitors: conduct.monitors,
            entries: conduct.entries,
        }
    }

    /// The entry that an operation touches.
    fn entry_at(&self, span: &Range<u32>) -> Option<usize> {
        (0..2).find(|entry| {
            let at = self.map.entry(*entry);
            at.is_some_and(|at| span.start < at.end && at.start < span.end)
        })
    }

    fn obeyed(&self, entry: &Entry) -> bool {
        entry.is_valid() && !(self.monitors && entry.state == OtaState::PENDING_VERIFY)
    }

    /// Judges an operation on the entry of this index.
    fn sole_authority(&self, deed: &Deed<'_>, index: usize) -> Option<Finding> {
        let entries = self.entries?;
        let (entry, other) = (&entries[index], &entries[1 - index]);
        if !self.obeyed(entry) || self.obeyed(other) {
            return None;
        }
        let verb = verb(deed.row.kind);
        let kind = |entry: &Entry| self.map.entry_kind(entry);
        let after = self.after(deed, index, entry);
        let from = kind(entry);
        let before = (deed.row.kind == OpKind::Erase).then_some(&*from);
        let window = Window::new(deed.call, verb, "otadata", Some((before, &kind(&after))));
        let got = format!("{verb} the {from} entry, the other being {}", kind(other));
        let allowed = "the only entry that the next boot obeys stays as it is";
        Some(Finding::new(Property::Containment, allowed, got).at(window))
    }

    /// The entry after the operation.
    fn after(&self, deed: &Deed<'_>, index: usize, entry: &Entry) -> Entry {
        if deed.row.kind == OpKind::Erase {
            return Entry::ERASED;
        }
        let mut bytes = entry.emit();
        let at = self.map.entry(index).unwrap_or_default();
        let data = (deed.row.addr..).zip(deed.row.data);
        for (addr, programmed) in data.filter(|(addr, _)| at.contains(addr)) {
            bytes[(addr - at.start) as usize % ENTRY_LEN] &= programmed;
        }
        Entry::parse(&bytes)
    }

    fn carry_out(&mut self, deed: &Deed<'_>, index: usize) {
        if let Some(entries) = self.entries {
            let after = self.after(deed, index, &entries[index]);
            self.entries = Some(match index {
                0 => [after, entries[1]],
                _ => [entries[0], after],
            });
        }
    }
}

/// The field's word for an operation.
fn verb(kind: OpKind) -> &'static str {
    match kind {
        OpKind::Erase => "erase",
        _ => "program",
    }
}
