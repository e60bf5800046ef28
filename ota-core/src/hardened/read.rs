//! Reading: which sector is the authority, and what it says.
//!
//! A pure function of one read of each row: nothing is read twice, so that a bit that reads
//! differently each time is one thing or the other and never both. What follows from what a row
//! proves is in [the idea](super#the-idea); the rules are
//!
//! 1. The younger generation is the authority if its log has a claim.
//! 2. So it is if the last valid row of the older one's log is the hand-over to it.
//! 3. Otherwise the older one is.
//!
//! A generation is read only if all rows of its birth are valid. If one is, it is the authority, once it
//! was more than begun; if none is, or if stock code has since written an entry,
//! [`stock`](super::stock) says what is chosen.

use embedded_storage::nor_flash::{NorFlash, NorFlashError, NorFlashErrorKind};

use super::choice::{self, Choice, Flags};
use super::format::generation_header::Birth;
use super::layout::{self, BIRTH, GIVEN_UP, Log, Place, SUMMARY, Sector};
use super::record::{self, Kind, Record, Row, Salt};
use super::stock::{self, Adopted};
use super::summary;
use crate::flash::Region;
use crate::otadata::{Entry, NextError};
use crate::partition::{Partition, PartitionTable, Slot};

/// Where otadata is, and how it is to be read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Site {
    pub(super) otadata: Region,
    pub(super) salt: Salt,
    pub(super) log: Log,
    /// Number of OTA slots, as the bootloader counts.
    pub(super) slots: u32,
    /// Whether there is a factory image to choose.
    pub(super) factory: bool,
}

impl Site {
    pub(super) fn new(otadata: &Partition, table: PartitionTable<'_>, log: Log) -> Self {
        Self {
            otadata: otadata.region(),
            salt: layout::salt(table),
            log,
            slots: table.boot_ota_count(),
            factory: table.slot(Slot::Factory).is_some(),
        }
    }

    /// The bytes of a row.
    ///
    /// Flash that is programmed in words may keep check bits with them, and then a word that was torn
    /// cannot be read. A row with such a word reads as zeroed, which is no record and no entry. A failure
    /// that is gone the next time is none.
    fn row<F: NorFlash>(&self, flash: &mut F, place: Place) -> Result<[u8; record::LEN], F::Error> {
        const { assert!(record::LEN.is_multiple_of(F::READ_SIZE)) };
        let at = place.address(self.otadata);
        let mut bytes = [0; record::LEN];
        let Err(error) = flash.read(at, &mut bytes) else {
            return Ok(bytes);
        };
        if F::WRITE_SIZE == 1 {
            return Err(error);
        }
        match flash.read(at, &mut bytes) {
            Ok(()) => Ok(bytes),
            Err(error) if error.kind() == NorFlashErrorKind::Other => Ok([0; record::LEN]),
            Err(error) => Err(error),
        }
    }

    pub(super) fn parsed<F: NorFlash>(&self, flash: &mut F, place: Place) -> Result<Row, F::Error> {
        let bytes = self.row(flash, place)?;
        Ok(Row::parse(&bytes, place, self.salt))
    }

    /// Whether something is to be seen in a row. Through encryption an erased row looks like a damaged
    /// one, and neither counts: of a claim that is one or the other the same content follows, and a
    /// decision stands behind a claim that is whole.
    fn shows(&self, row: &Row) -> bool {
        match row {
            Row::Blank => false,
            Row::Invalid => !self.log.is_encrypted(),
            Row::Valid(_) => true,
        }
    }
}

/// The end of a sector's log.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct LogEnd {
    pub(super) sector: Sector,
    pub(super) generation: u32,
    /// The group after the last one of which anything is to be seen; past the last if the log is full.
    pub(super) next: u8,
}

/// A decision or hand-over as it stands in a log.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Word {
    pub(super) kind: Kind,
    /// Of a hand-over: the group in which it was begun.
    pub(super) child: u8,
    pub(super) payload: [u8; record::PAYLOAD],
}

/// A hand-over that may not be complete, and what it says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Handed {
    /// The log that it stands in.
    pub(super) parent: LogEnd,
    /// Whether nothing is left to do there.
    pub(super) sealed: bool,
    /// The group in which it was begun.
    pub(super) child: u8,
}

/// What is chosen, and the log that says so.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub(super) struct Book {
    pub(super) end: LogEnd,
    /// Sequence number of the entry for stock code; 0 for none.
    pub(super) seq: u32,
    pub(super) choice: Choice,
    pub(super) flags: Flags,
    /// Whether the log ends with a sealed decision: [`choice`](Self::choice) is then beyond doubt.
    pub(super) sealed: bool,
    /// The log says something: a decision or a hand-over.
    pub(super) said: bool,
    /// The authority has not taken over for good yet.
    pub(super) handed: Option<Handed>,
    /// The log ends so that nothing is under way: no erase of the other sector was begun since, so what is found there is
    /// there for good. Only then stock code may have run.
    pub(super) rests: bool,
    /// The entries for stock code are what they should be.
    pub(super) entries_ok: bool,
    /// The authority's own entry should be blank, and selects something: it must not be left behind.
    pub(super) misleads: bool,
}

/// What otadata holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Found {
    /// Records of this policy.
    Book(Book),
    /// Nothing of it, or entries that stock code wrote since.
    Stock(Adopted),
}

impl Found {
    pub(super) fn choice(&self) -> &Choice {
        match self {
            Self::Book(book) => &book.choice,
            Self::Stock(adopted) => &adopted.choice,
        }
    }
}

/// The first rows of a sector.
#[derive(Clone, Copy, Debug)]
pub(super) struct Head {
    pub(super) sector: Sector,
    pub(super) entry: Entry,
    pub(super) birth: Option<Birth>,
    /// Nothing is to be seen where the birth would be.
    pub(super) no_birth: bool,
}

/// Reads otadata: the first five rows of each sector, and of one log, or of both, the rows from the
/// end up to the last that decide.
pub(super) fn read<F: NorFlash>(flash: &mut F, site: &Site) -> Result<Found, F::Error> {
    let first = head(flash, site, Sector::First)?;
    let second = head(flash, site, Sector::Second)?;
    let authority = match (first.birth, second.birth) {
        (None, None) => None,
        (Some(birth), None) => alone(flash, site, Sector::First, &birth)?,
        (None, Some(birth)) => alone(flash, site, Sector::Second, &birth)?,
        (Some(one), Some(other)) if other.generation > one.generation => {
            Some(between(flash, site, Sector::Second, &other, &one)?)
        }
        (Some(one), Some(other)) => Some(between(flash, site, Sector::First, &one, &other)?),
    };
    let heads = [first, second];
    let seq = authority.map_or(0, |book| book.seq);
    Ok(match authority {
        Some(mut book) if !(book.rests && stock::has_rewritten(&heads, seq)) => {
            book.entries_ok = entries_ok(&book, &heads, site);
            let mut own = heads.iter().filter(|head| head.sector == book.end.sector);
            book.misleads = book.seq == 0 && own.any(|head| head.entry.is_valid());
            Found::Book(book)
        }
        _ => Found::Stock(stock::adopted(&heads, authority.as_ref(), site)),
    })
}

/// The only generation there is.
///
/// One that nothing was handed over to was begun beside entries of stock code, or in the place of none. What
/// proves its birth is the claim that was programmed behind it. Without one its birth may read otherwise the
/// next time, and the entries decide, which choose the same.
fn alone<F: NorFlash>(
    flash: &mut F,
    site: &Site,
    sector: Sector,
    birth: &Birth,
) -> Result<Option<Book>, F::Error> {
    let scan = scan(flash, site, sector, birth)?;
    let proven = scan.opened || birth.child != 0;
    Ok(proven.then(|| scan.book(birth)))
}

/// Whether the generation in this sector was to be given up. Through encryption that is not to be told.
pub(super) fn is_given_up<F: NorFlash>(
    flash: &mut F,
    site: &Site,
    sector: Sector,
) -> Result<bool, F::Error> {
    let row = site.parsed(flash, Place::new(sector, GIVEN_UP))?;
    Ok(site.shows(&row))
}

/// The authority among two generations.
fn between<F: NorFlash>(
    flash: &mut F,
    site: &Site,
    younger_in: Sector,
    younger: &Birth,
    older: &Birth,
) -> Result<Book, F::Error> {
    let young = scan(flash, site, younger_in, younger)?;
    if young.opened {
        return Ok(young.book(younger));
    }
    let old = scan(flash, site, younger_in.other(), older)?;
    let follows = older.generation.checked_add(1) == Some(younger.generation);
    if let Some(Word {
        kind: Kind::Handover,
        child,
        payload,
        ..
    }) = old.word
        && follows
        && child == younger.child
        && let Some((choice, _)) = choice::parse(&payload, &younger.choice)
        && choice == younger.choice
    {
        let mut book = young.book(younger);
        book.rests = false;
        book.handed = Some(Handed {
            parent: old.end,
            sealed: old.ends_sealed,
            child,
        });
        return Ok(book);
    }
    Ok(old.book(older))
}

/// Whether the entries for stock code say what they should: the authority's own what it was given, the
/// other one nothing that wins over it.
fn entries_ok(book: &Book, heads: &[Head; 2], site: &Site) -> bool {
    let blank = |entry: &Entry| site.log.is_encrypted() && !entry.is_valid();
    heads.iter().all(|head| {
        if head.sector == book.end.sector {
            head.entry == summary::entry(book.seq, book.end.generation)
                || book.seq == 0 && blank(&head.entry)
        } else {
            loses(head.valid_seq(), book.seq)
        }
    })
}

impl Head {
    /// The sequence number of its entry, if that is valid.
    pub(super) fn valid_seq(&self) -> Option<u32> {
        self.entry.is_valid().then_some(self.entry.seq)
    }
}

/// Whether an entry in the other sector, with the number `other` if it is valid, does not win over the
/// authority's, for stock code; that has the number `seq`, or is blank if that is 0.
pub(super) fn loses(other: Option<u32>, seq: u32) -> bool {
    other.is_none_or(|other| other < seq)
}

/// Reads the first rows of a sector.
pub(super) fn head<F: NorFlash>(
    flash: &mut F,
    site: &Site,
    sector: Sector,
) -> Result<Head, F::Error> {
    let entry = Entry::parse(&site.row(flash, Place::new(sector, SUMMARY))?);
    let mut rows = [Row::Blank; layout::BIRTH_ROWS];
    for (row, number) in rows.iter_mut().zip(BIRTH..) {
        *row = site.parsed(flash, Place::new(sector, number))?;
    }
    let birth = birth(&rows);
    Ok(Head {
        sector,
        entry,
        birth,
        no_birth: rows.iter().all(|row| !site.shows(row)),
    })
}

/// The birth that the rows say, if all are valid and of one generation.
pub(super) fn birth(rows: &[Row; layout::BIRTH_ROWS]) -> Option<Birth> {
    let [Row::Valid(first), second, third, fourth] = rows else {
        return None;
    };
    let generation = first.generation;
    let same = |row: &Record| row.child == first.child;
    let first = Some(first).filter(|row| row.kind == Kind::Birth)?;
    let second = second.of(Kind::BirthCurrent, generation);
    let third = third.of(Kind::BirthPrevious, generation);
    let fourth = fourth.of(Kind::BirthBad, generation);
    let payloads = [
        &first.payload,
        &second.filter(|row| same(row))?.payload,
        &third.filter(|row| same(row))?.payload,
        &fourth.filter(|row| same(row))?.payload,
    ];
    Birth::parse(generation, first.child, payloads)
}

/// What a log says.
#[derive(Clone, Copy, Debug)]
struct Scan {
    end: LogEnd,
    /// It has a valid claim.
    opened: bool,
    /// The last decision or hand-over that is valid.
    word: Option<Word>,
    /// It stands in the last group of which anything is to be seen, and its seal is valid.
    ends_sealed: bool,
}

impl Scan {
    /// This log as the authority.
    fn book(&self, birth: &Birth) -> Book {
        let said = { self.word }
            .and_then(|word| Some((word.kind, choice::parse(&word.payload, &birth.choice)?)));
        let (choice, flags, handover) = match said {
            // A hand-over to a generation that is gone: what it says, and everything to be done anew.
            Some((Kind::Handover, (choice, _))) => (choice, Flags::NOTHING, true),
            Some((_, (choice, flags))) => (choice, flags, false),
            None => (birth.choice, Flags::NOTHING, false),
        };
        Book {
            end: self.end,
            seq: birth.seq,
            choice,
            flags,
            sealed: self.ends_sealed && !handover,
            said: self.word.is_some(),
            handed: None,
            // A sector that was handed over to is erased no more before its own log says something.
            rests: self.ends_sealed && (handover || flags == Flags::DONE),
            entries_ok: true,
            misleads: false,
        }
    }
}

/// Reads a log from its end, as far as needed.
fn scan<F: NorFlash>(
    flash: &mut F,
    site: &Site,
    sector: Sector,
    birth: &Birth,
) -> Result<Scan, F::Error> {
    let mut scan = Scan {
        end: LogEnd {
            sector,
            generation: birth.generation,
            next: 1,
        },
        opened: false,
        word: None,
        ends_sealed: false,
    };
    for group in (1..=site.log.groups()).rev() {
        let read = group_at(flash, site, sector, group, birth)?;
        scan.opened |= read.claimed;
        if read.visible && scan.end.next == 1 {
            scan.end.next = group.saturating_add(1);
            scan.ends_sealed = read.sealed;
        }
        scan.word = scan.word.or(read.said);
        if scan.opened && scan.word.is_some() {
            break;
        }
    }
    Ok(scan)
}

/// The rows of a group.
pub(super) struct Group {
    visible: bool,
    claimed: bool,
    pub(super) said: Option<Word>,
    /// The seal is that of `said`.
    sealed: bool,
}

pub(super) fn group_at<F: NorFlash>(
    flash: &mut F,
    site: &Site,
    sector: Sector,
    group: u8,
    birth: &Birth,
) -> Result<Group, F::Error> {
    let generation = birth.generation;
    let place = |which| Place::in_group(sector, group, which);
    let claim = site.parsed(flash, place(0))?;
    let bytes = site.row(flash, place(1))?;
    let decision = Row::parse(&bytes, place(1), site.salt);
    let seal = site.parsed(flash, place(2))?;

    let mine = |record: &&Record| record.number == group;
    let of = |kind| decision.of(kind, generation).filter(mine);
    let said = of(Kind::Decision)
        .or(of(Kind::Handover))
        .filter(|record| choice::parse(&record.payload, &birth.choice).is_some())
        .map(|record| Word {
            kind: record.kind,
            child: record.child,
            payload: record.payload,
        });
    Ok(Group {
        visible: site.shows(&claim) || site.shows(&decision) || site.shows(&seal),
        claimed: claim
            .of(Kind::Claim, generation)
            .is_some_and(|record| mine(&record)),
        sealed: said.is_some()
            && seal
                .of(Kind::Seal, generation)
                .filter(mine)
                .is_some_and(|record| record.seals(&bytes)),
        said,
    })
}

impl Flags {
    /// Whether the other sector's entry, which has the sequence number `other`, does not win over `seq`
    /// and names no slot that is being written; 0 stands for no entry.
    pub(super) fn other_ok(choice: &Choice, seq: u32, other: u32, slots: u32) -> bool {
        let named = crate::otadata::slot_of(other, slots).and_then(|slot| u8::try_from(slot).ok());
        let open = other != 0 && choice.open.is_some() && choice.open == named.map(Slot::Ota);
        (other == 0 || other < seq) && !open
    }
}

/// The sequence number that names `slot`, above `above`; begins anew where they end. 0 for factory,
/// which no number names.
pub(super) fn seq_above(above: u32, slot: Slot, slots: u32) -> Result<u32, NextError> {
    /// Numbers above this are left for stock code, which needs one to switch.
    const LAST: u32 = 0xFFFF_FFF0;
    let Slot::Ota(slot) = slot else {
        return Ok(0);
    };
    let slot = u32::from(slot);
    if slot >= slots {
        return Err(NextError::NoSuchSlot { slot, slots });
    }
    // `above` may be any number that was found; `slots` is 1 at least.
    let first = slot.saturating_add(1);
    let behind = above.saturating_sub(first).checked_div(slots).unwrap_or(0);
    let seq = if above < first {
        Some(first)
    } else {
        behind
            .checked_add(1)
            .and_then(|rounds| rounds.checked_mul(slots))
            .and_then(|more| first.checked_add(more))
    };
    Ok(seq.filter(|seq| *seq <= LAST).unwrap_or(first))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::otadata::slot_of;
    use proptest::prelude::*;

    /// A tie is won by entry 0, whichever it is: so nobody may tie.
    #[test]
    fn an_entry_with_the_same_number_wins_over_ours() {
        let choice = Choice::confirmed(choice::Image::unknown(Slot::Ota(0)));
        for (seq, other, fine) in [
            (5, 4, true),
            (5, 5, false),
            (5, 6, false),
            (5, 0, true),
            (0, 0, true),
        ] {
            assert_eq!(
                Flags::other_ok(&choice, seq, other, 2),
                fine,
                "{seq} {other}"
            );
        }
        let open = Choice {
            open: Some(Slot::Ota(1)),
            ..choice
        };
        assert!(
            !Flags::other_ok(&open, 5, 4, 2),
            "it names the slot that is being written"
        );
        assert!(Flags::other_ok(&open, 5, 3, 2));
    }

    proptest! {
        #[test]
        fn the_next_number_names_the_slot_and_is_the_smallest_above(
            above in 0u32..4000, slots in 1u32..=16, slot in 0u8..16,
        ) {
            let slot = slot % u8::try_from(slots).unwrap();
            let seq = seq_above(above, Slot::Ota(slot), slots).unwrap();
            prop_assert_eq!(slot_of(seq, slots), Some(u32::from(slot)));
            let smallest = (above + 1..=above + 17).find(|s| slot_of(*s, slots) == Some(u32::from(slot)));
            prop_assert_eq!(Some(seq), smallest);
        }

        #[test]
        fn numbers_begin_anew_where_they_end(above in 0xFFFF_FFE0u32.., slots in 1u32..=16) {
            let seq = seq_above(above, Slot::Ota(0), slots).unwrap();
            prop_assert!(seq == 1 || seq > above);
            prop_assert!(seq <= 0xFFFF_FFF0);
            prop_assert_eq!(slot_of(seq, slots), Some(0));
        }
    }
}
