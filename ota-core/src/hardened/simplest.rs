//! For tools that explore: the simplest otadata that nobody tells from a given one.
//!
//! Generations and sequence numbers count up for as long as a device lives, so its states never
//! repeat. But nothing depends on how large they are (as long as sequence numbers do not
//! [begin anew](super::read::seq_above)): only on which is larger, by how much, and which slot a
//! sequence number names. And of what is refused nothing depends on the bytes: a row that shows
//! something is not programmed again before its sector is erased, but for the second half of an entry,
//! which is only ever completed.
//!
//! So two devices behave alike, now and for ever, if their otadata differs in this: all generations
//! are shifted by one number, all sequence numbers by a multiple of the number of slots, refused rows
//! hold other refused bytes, and of the halves of an entry that were begun other bits are missing.
//! And as soon as a younger generation has a claim of its own, nobody reads the records of the older.

use super::choice::Birth;
use super::layout::{self, BIRTH, BIRTH_ROWS, LOG, Place, SUMMARY, Sector};
use super::read;
use super::record::{self, Kind, LEN, Record, Row, Salt};
use super::summary::{self, HALF};
use crate::flash::SECTOR;
use crate::otadata::{Entry, crc};
use crate::partition::PartitionTable;
use crate::wire;

/// Rewrites otadata as the simplest one that behaves alike.
///
/// `otadata` is both sectors, 8192 bytes, without weak bits; of fewer bytes nothing is looked at, nor is
/// anything beyond. Of otadata that is the simplest already nothing changes.
pub fn simplify(otadata: &mut [u8], table: PartitionTable<'_>) {
    let salt = layout::salt(table);
    let (rows, _) = otadata.as_chunks_mut();
    let (sectors, _) = rows.as_chunks_mut();
    let Some(sectors) = sectors.first_chunk_mut() else {
        return;
    };
    let mut survey = Survey::default();
    each(sectors, |place, bytes| survey.see(place, bytes, salt));
    each(sectors, |place, bytes| survey.count(place, bytes, salt));
    let shift = survey.shift(table.boot_ota_count());
    // The row before, as it was and as it is now.
    let mut before = ([0; LEN], [0; LEN]);
    each(sectors, |place, bytes| {
        let old = *bytes;
        *bytes = survey.simplest(&shift, &old, place, salt, &before);
        before = (old, *bytes);
    });
}

/// Rows of a sector.
const ROWS: usize = SECTOR as usize / LEN;

/// Calls `see` with every row.
fn each(sectors: &mut [[[u8; LEN]; ROWS]; 2], mut see: impl FnMut(Place, &mut [u8; LEN])) {
    for (sector, rows) in [Sector::First, Sector::Second].into_iter().zip(sectors) {
        for (row, bytes) in (0..).zip(rows) {
            see(Place::new(sector, row), bytes);
        }
    }
}

/// What a sector holds.
#[derive(Clone, Copy)]
struct Content {
    births: [Row; BIRTH_ROWS],
    /// It has a valid claim of the generation that its first rows tell.
    opened: bool,
}

impl Content {
    const NONE: Self = Self {
        births: [Row::Blank; BIRTH_ROWS],
        opened: false,
    };

    fn birth(&self) -> Option<Birth> {
        read::birth(&self.births)
    }

    fn generation(&self) -> Option<u32> {
        self.birth().map(|birth| birth.generation)
    }

    /// Whether nothing is to be seen where the birth would be.
    fn has_no_birth(&self) -> bool {
        self.births.iter().all(|row| *row == Row::Blank)
    }
}

/// What both hold, and the smallest numbers that are in use.
struct Survey {
    sectors: [Content; 2],
    generation: Option<u32>,
    seq: Option<u32>,
}

impl Default for Survey {
    fn default() -> Self {
        Self {
            sectors: [Content::NONE; 2],
            generation: None,
            seq: None,
        }
    }
}

impl Survey {
    fn of(&self, sector: Sector) -> &Content {
        &self.sectors[sector.index()]
    }

    /// Whether nothing of a sector's records is looked at any more: the other one has taken over.
    fn is_void(&self, sector: Sector) -> bool {
        let (this, other) = (self.of(sector), self.of(sector.other()));
        other.opened && other.generation() > this.generation()
    }

    /// Takes a row into account that tells who has taken over.
    fn see(&mut self, place: Place, bytes: &[u8; LEN], salt: Salt) {
        if place.row == SUMMARY {
            return;
        }
        let row = Row::parse(bytes, place, salt);
        let content = &mut self.sectors[place.sector.index()];
        let number = usize::from(place.row.saturating_sub(BIRTH));
        if let Some(birth) = content.births.get_mut(number) {
            *birth = row;
        } else if let Some(generation) = content.generation() {
            content.opened |= row.of(Kind::Claim, generation).is_some();
        }
    }

    /// Takes the numbers of a row into account, if they count.
    fn count(&mut self, place: Place, bytes: &[u8; LEN], salt: Salt) {
        let void = self.is_void(place.sector);
        if place.row == SUMMARY {
            let entry = Entry::parse(bytes);
            if is_over(&entry, void) {
                return;
            }
            let generation = summary::generation(&entry);
            if generation.is_some() || entry.is_valid() {
                self.seq(entry.seq);
            }
            if let Some(generation) = generation.filter(|_| !void) {
                self.generation(generation);
            }
        } else if let Row::Valid(record) = Row::parse(bytes, place, salt)
            && !void
        {
            self.generation(record.generation);
            if record.kind == Kind::Birth {
                self.seq(Birth::seq_of(&record.payload));
            }
        }
    }

    fn generation(&mut self, generation: u32) {
        let low = self.generation.get_or_insert(generation);
        *low = generation.min(*low);
    }

    fn seq(&mut self, seq: u32) {
        if seq != 0 {
            let low = self.seq.get_or_insert(seq);
            *low = seq.min(*low);
        }
    }

    /// By how much all numbers may be lowered.
    fn shift(&self, slots: u32) -> Shift {
        // The first `slots` numbers are left out: below them there is no number for every slot.
        let rounds = self.seq.and_then(|seq| seq.checked_div(slots));
        Shift {
            generations: self.generation.map_or(0, |low| low.saturating_sub(1)),
            seqs: rounds.map_or(0, |rounds| rounds.saturating_sub(1).saturating_mul(slots)),
        }
    }

    /// The simplest row in the place of this one.
    fn simplest(
        &self,
        shift: &Shift,
        bytes: &[u8; LEN],
        place: Place,
        salt: Salt,
        before: &([u8; LEN], [u8; LEN]),
    ) -> [u8; LEN] {
        /// As good as any other row that is refused.
        const REFUSED: [u8; LEN] = [0; LEN];
        let content = self.of(place.sector);
        let void = self.is_void(place.sector);
        let simpler = match place.row {
            SUMMARY => shift.entry(bytes, content.birth(), void),
            row if void => {
                // Of its birth somebody looks at whether there is anything to be seen.
                let looked_at = row < LOG && content.has_no_birth();
                return if looked_at { *bytes } else { REFUSED };
            }
            _ => shift.record(bytes, place, salt, before, content.opened),
        };
        match simpler {
            Some(simpler) => simpler,
            None if record::is_blank(bytes) => *bytes,
            None => REFUSED,
        }
    }
}

/// Whether an entry is refused for good: in a sector that is `void` it will not be completed.
fn is_over(entry: &Entry, void: bool) -> bool {
    void && !entry.crc_matches()
}

/// What is subtracted.
struct Shift {
    generations: u32,
    seqs: u32,
}

impl Shift {
    const fn generation(&self, generation: u32) -> u32 {
        generation.saturating_sub(self.generations)
    }

    /// 0 stands for none.
    const fn seq(&self, seq: u32) -> u32 {
        if seq == 0 {
            0
        } else {
            seq.saturating_sub(self.seqs)
        }
    }

    /// An entry with lower numbers, beside this birth; `None` if nothing of it counts.
    fn entry(&self, bytes: &[u8; LEN], birth: Option<Birth>, void: bool) -> Option<[u8; LEN]> {
        let old = Entry::parse(bytes);
        if is_over(&old, void) {
            return None;
        }
        let own = summary::generation(&old).map(|generation| (generation, old.seq));
        if own.is_none() && old.is_valid() {
            let seq = self.seq(old.seq);
            let crc = crc(seq);
            return Some(Entry { seq, crc, ..old }.emit());
        }
        if record::is_blank(bytes) {
            return None;
        }
        let (generation, seq) = own.or(birth.map(|birth| (birth.generation, birth.seq)))?;
        let mut entry = summary::entry(self.seq(seq), self.generation(generation));
        let whole = own.is_some() && old.crc_matches();
        if whole {
            // Stock code may have changed it.
            entry.state = old.state;
        }
        let (mut first, mut second) = summary::halves(&entry);
        if own.is_none() {
            first = [0xFF; HALF];
            first[0] = 0xFE;
        }
        if !whole {
            let begun = wire::bytes::<HALF, { LEN - HALF }, LEN>(bytes) != [0xFF; LEN - HALF];
            if begun {
                // All of it but one bit.
                let last = second.iter_mut().rev().find(|byte| **byte != 0xFF);
                if let Some(byte) = last {
                    *byte |= byte.wrapping_add(1);
                }
            } else {
                second = [0xFF; LEN - HALF];
            }
        }
        let mut new = [0xFF; LEN];
        wire::put::<0, HALF, LEN>(&mut new, first);
        wire::put::<HALF, { LEN - HALF }, LEN>(&mut new, second);
        Some(new)
    }

    /// A record with lower numbers; `None` if it is none.
    fn record(
        &self,
        bytes: &[u8; LEN],
        place: Place,
        salt: Salt,
        before: &([u8; LEN], [u8; LEN]),
        opened: bool,
    ) -> Option<[u8; LEN]> {
        let Row::Valid(record) = Row::parse(bytes, place, salt) else {
            return None;
        };
        // What begins a generation names the hand-over to it, which is over when it has a claim.
        let begins = place.row < LOG;
        let mut new = Record {
            generation: self.generation(record.generation),
            child: if begins && opened { 0 } else { record.child },
            ..record
        };
        if record.kind == Kind::Birth {
            let seq = self.seq(Birth::seq_of(&record.payload));
            Birth::put_seq(&mut new.payload, seq);
        }
        new.reseal(before);
        Some(new.emit(place, salt))
    }
}

impl Record {
    /// If it seals what the row before was, it seals what that is now.
    fn reseal(&mut self, (old, new): &([u8; LEN], [u8; LEN])) {
        if self.kind == Kind::Seal && self.payload.starts_with(&record::fingerprint(old)) {
            wire::put::<0, 4, { record::PAYLOAD }>(&mut self.payload, record::fingerprint(new));
        }
    }
}
