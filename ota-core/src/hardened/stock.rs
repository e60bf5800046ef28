//! Entries that stock code wrote: what they say under this policy.
//!
//! A device that comes from the stock policy has nothing but entries; one whose bootloader is ours and
//! whose application is not gets new ones over its records; `otatool.py` changes entries and leaves
//! the records. All of it is *adopted*: the entries are read as what they would be here, and the
//! first call that changes anything writes that down in the sector that does not hold the active
//! entry. Until then nothing is written: an idle boot of a stock device stays one.

use super::choice::{Choice, Image, Status};
use super::layout::Sector;
use super::read::{Book, Head, Site};
use super::summary;
use crate::otadata::{self, Entry, OtaState};
use crate::partition::Slot;

/// Why the entries of stock code decide, and not a record.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Origin {
    /// No entry selects anything: a device that was never updated, or whose otadata was erased.
    Nothing,
    /// An entry that stock code wrote is active.
    Entry {
        /// Index of the entry: 0 or 1.
        entry: usize,
    },
}

/// What stock code's entries choose.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Adopted {
    pub(super) origin: Origin,
    pub(super) choice: Choice,
    /// The sector to write it down in: the active entry is in the other one.
    pub(super) into: Sector,
    /// The generation to write it down as.
    pub(super) generation: u32,
    /// The sequence number that the next one is to be above; 0 if there is none.
    pub(super) seq: u32,
    /// The sequence number of the entry in the other sector, which stays; if that is valid.
    pub(super) beside: Option<u32>,
    /// A generation may have been begun there that did not come to count, but may yet if a cut erase leaves
    /// enough of it.
    pub(super) begun: bool,
    /// A stock bootloader boots something else, or may at the next reading.
    pub(super) misleading: bool,
}

/// Whether stock code has written an entry since the authority's, which has the number `seq`.
pub(super) fn has_rewritten(heads: &[Head; 2], seq: u32) -> bool {
    heads.iter().any(|head| is_foreign(head, seq))
}

/// An entry that stock code wrote after `seq`: into a sector that it had erased, or over the number of
/// one of ours.
///
/// A cut erase of ours may leave such an entry, too: neither label nor birth tells whose what is left is. Therefore it is
/// asked only where no erase of ours can be under way: see [`Book::rests`].
fn is_foreign(head: &Head, seq: u32) -> bool {
    let beside = match &head.birth {
        Some(birth) => birth.seq != head.entry.seq,
        None => head.no_birth,
    };
    selects(&head.entry) && !summary::is_ours(&head.entry) && beside && head.entry.seq > seq
}

/// Whether the entry selects a slot. Stock code goes by [`Entry::is_valid`] alone; but no stock code
/// writes the number 0 (numbers begin with 1), and a cut erase does: with the first bytes of an erased
/// sector zeroed, the CRC that was never programmed is the one of 0.
fn selects(entry: &Entry) -> bool {
    entry.is_valid() && entry.seq != 0
}

/// What the entries choose. `authority` is what the records chose before.
pub(super) fn adopted(heads: &[Head; 2], authority: Option<&Book>, site: &Site) -> Adopted {
    let entries = heads.each_ref().map(|head| head.entry);
    let births = heads.iter().filter_map(|head| head.birth);
    let generation = births.map(|birth| birth.generation).max();
    let generation = generation.unwrap_or(0).saturating_add(1);
    // What is left of a generation that was begun and does not count chooses what was chosen before; and it may
    // read otherwise the next time, so what is chosen by another entry stays chosen by that.
    let is_left = |head: &Head| { head.birth }.is_some_and(|birth| birth.seq == head.entry.seq);
    let stands = |head: &Head| selects(&head.entry) && !is_left(head);
    let any_stands = heads.iter().any(stands);
    let eligible = heads.each_ref().map(|head| match authority {
        Some(book) => is_foreign(head, book.seq),
        None if any_stands => stands(head),
        None => selects(&head.entry),
    });
    let begun = |into: Sector| {
        let mut born = heads.iter().filter(|head| head.birth.is_some());
        authority.is_none() && born.any(|head| head.sector == into)
    };
    let beside = |into: Sector| {
        let mut others = heads.iter().filter(|head| head.sector != into);
        others.next().and_then(Head::valid_seq)
    };
    let active = otadata::select(&entries, eligible, otadata::Pick::Newest);
    let named = active.and_then(|index| {
        let entry = entries.get(index)?;
        Some((index, *entry, slot(entry, site)?))
    });
    let Some((index, entry, current)) = named else {
        let default = if site.factory {
            Slot::Factory
        } else {
            Slot::Ota(0)
        };
        // A valid entry that selects nothing selects something for stock code: it has to go.
        let misleading = heads.iter().find(|head| head.entry.is_valid());
        let into = misleading.map_or(Sector::First, |head| head.sector);
        return Adopted {
            origin: Origin::Nothing,
            choice: Choice::confirmed(Image::unknown(default)),
            into,
            generation,
            seq: 0,
            beside: beside(into),
            begun: begun(into),
            misleading: misleading.is_some(),
        };
    };
    let there = if index == 0 {
        Sector::Second
    } else {
        Sector::First
    };
    let other = entries.get(there.index()).filter(|entry| selects(entry));
    let is_of_stock = heads.get(index).is_some_and(|head| is_foreign(head, 0));
    let factory = site.factory.then_some(Image::unknown(Slot::Factory));
    let mut known = [None; 2];
    if let Some(book) = authority {
        known = [Some(book.choice.current), book.choice.previous];
    }
    let mut known = known.into_iter().flatten();
    let previous = known
        .find(|image| image.slot != current)
        .or_else(|| {
            other
                .and_then(|entry| slot(entry, site))
                .map(Image::unknown)
        })
        .filter(|image| image.slot != current)
        .or(factory);
    Adopted {
        origin: Origin::Entry { entry: index },
        choice: Choice {
            previous,
            status: match entry.state {
                OtaState::NEW => Status::Trial { started: 0 },
                OtaState::PENDING_VERIFY => Status::Trial { started: 1 },
                _ => Status::Confirmed,
            },
            bad: authority.map_or([None; 2], |book| book.choice.bad),
            ..Choice::confirmed(Image::unknown(current))
        },
        into: there,
        generation,
        seq: entry.seq,
        beside: beside(there),
        begun: begun(there),
        // What is left of an entry of ours may read otherwise the next time.
        misleading: !is_of_stock,
    }
}

/// The slot that an entry names.
fn slot(entry: &Entry, site: &Site) -> Option<Slot> {
    let slot = otadata::slot_of(entry.seq, site.slots)?;
    u8::try_from(slot).ok().filter(|&n| n < 16).map(Slot::Ota)
}
