//! A log: what is appended to it, how it is left.

use embedded_storage::nor_flash::NorFlash;

use super::Trouble;
use super::program::{program, wipe};
use super::sector::forget;
use crate::hardened::choice;
use crate::hardened::format::generation_header::Birth;
use crate::hardened::layout::{PROGRESS_ROWS, Place};
use crate::hardened::read::{self, LogEnd, Site, Word};
use crate::hardened::record::{self, Kind, Record, Row};

/// The record that says that part `part` of the open slot is complete.
fn progress(generation: u32, part: u8) -> Record {
    Record {
        kind: Kind::Progress,
        number: part,
        child: 0,
        generation,
        payload: record::NO_PAYLOAD,
    }
}

impl LogEnd {
    /// Whether the log has no room left.
    pub(super) fn is_full(self, site: &Site) -> bool {
        self.next > site.log.groups()
    }

    /// Makes room in a full log that says nothing: each of its groups was cut before it did. What was to be
    /// said in the last one is what is chosen, and that is what the birth says; so it may be said there
    /// once more, in the same words.
    ///
    /// # Errors
    ///
    /// [`Full`](Trouble::Full) if the generation was to be [given up](forget): a claim of it that reads
    /// right may vanish, whatever is programmed over it. One that was not handed over to is given up once
    /// more, as nobody has acted on what says nothing. Through encryption neither is to be told, nor can be
    /// done.
    pub(super) fn make_room<F: NorFlash>(
        &mut self,
        flash: &mut F,
        site: &Site,
    ) -> Result<(), Trouble<F::Error>> {
        if !self.is_full(site) {
            return Ok(());
        }
        let encrypted = site.log.is_encrypted();
        if encrypted || read::is_given_up(flash, site, self.sector).map_err(Trouble::Flash)? {
            let head = read::head(flash, site, self.sector).map_err(Trouble::Flash)?;
            if head.birth.is_some_and(|birth| birth.child == 0) {
                forget(flash, site, self.sector)?;
            }
            return Err(Trouble::Full);
        }
        self.next = site.log.groups();
        Ok(())
    }

    /// Makes sure that nothing in a full log hands over, nor may: the last decision that is valid is
    /// programmed once more, in the same words, and every row above that can be a word is zeroed. What is
    /// below counts for nothing then.
    ///
    /// A cut leaves what was to be read before: the decision, or the hand-over above it.
    pub(super) fn silence<F: NorFlash>(
        self,
        flash: &mut F,
        site: &Site,
        birth: &Birth,
    ) -> Result<(), Trouble<F::Error>> {
        for group in (1..=site.log.groups()).rev() {
            let read = read::group_at(flash, site, self.sector, group, birth);
            let said = read.map_err(Trouble::Flash)?.said;
            let place = Place::in_group(self.sector, group, 1);
            match said {
                Some(Word {
                    kind: Kind::Decision,
                    payload,
                    ..
                }) => {
                    let record = Record::in_group(Kind::Decision, group, self.generation, payload);
                    return program(flash, site, place, &record.emit(place, site.salt));
                }
                _ => wipe(flash, site, place)?,
            }
        }
        Ok(())
    }

    /// How many parts of the open slot are complete, `before` of which were before this generation.
    ///
    /// A row that is read right is proof, as it is programmed behind the part.
    pub(in crate::hardened) fn noted_progress<F: NorFlash>(
        self,
        flash: &mut F,
        site: &Site,
        before: u8,
    ) -> Result<u8, F::Error> {
        for part in (before..PROGRESS_ROWS).rev() {
            let row = site.parsed(flash, Place::progress(self.sector, part))?;
            if row == Row::Valid(progress(self.generation, part)) {
                return Ok(part.saturating_add(1));
            }
        }
        Ok(before)
    }

    /// Says that part `part` of the open slot is complete: one program.
    ///
    /// A cut leaves it said or not. A word that a cut has spent may refuse it: then it is not said.
    pub(in crate::hardened) fn note_progress<F: NorFlash>(
        self,
        flash: &mut F,
        site: &Site,
        part: u8,
    ) -> Result<(), Trouble<F::Error>> {
        let place = Place::progress(self.sector, part);
        let record = progress(self.generation, part);
        match program(flash, site, place, &record.emit(place, site.salt)) {
            Err(Trouble::Flash(_)) if F::WRITE_SIZE > 1 => Ok(()),
            done => done,
        }
    }

    /// Appends a group: claim, decision or hand-over, seal. Three programs.
    ///
    /// A cut in the first leaves nothing said; in the second, the row before or the new one, whichever
    /// is read; in the third the new one, unsealed.
    ///
    /// A word that a cut has spent may look blank still. The group that has one is left to itself, and the
    /// next one says it.
    ///
    /// # Errors
    ///
    /// [`Full`](Trouble::Full) if there is no group left, or each that is left has such a word.
    pub(super) fn append<F: NorFlash>(
        &mut self,
        flash: &mut F,
        site: &Site,
        word: &Word,
    ) -> Result<(), Trouble<F::Error>> {
        while !self.is_full(site) {
            let claimed = self.claim(flash, site);
            let done = claimed.and_then(|()| self.say(flash, site, word));
            self.next = self.next.saturating_add(1);
            match done {
                Err(Trouble::Flash(_)) if F::WRITE_SIZE > 1 => {}
                done => return done,
            }
        }
        Err(Trouble::Full)
    }

    /// Claims the next group, or the first behind it whose words the chip still takes: [`next`](Self::next) then is the
    /// group that is claimed. One program.
    ///
    /// A cut leaves nothing said, and the group used up or not.
    ///
    /// # Errors
    ///
    /// [`Full`](Trouble::Full) if there is no group left, or each that is left has a word that a cut has spent.
    pub(super) fn claim_next<F: NorFlash>(
        &mut self,
        flash: &mut F,
        site: &Site,
    ) -> Result<(), Trouble<F::Error>> {
        while !self.is_full(site) {
            match self.claim(flash, site) {
                Err(Trouble::Flash(_)) if F::WRITE_SIZE > 1 => {
                    self.next = self.next.saturating_add(1);
                }
                done => return done,
            }
        }
        Err(Trouble::Full)
    }

    /// Says something in the group that [`claim_next`](Self::claim_next) has claimed; where the chip refuses that, in one
    /// behind it. Two programs.
    pub(super) fn say_next<F: NorFlash>(
        &mut self,
        flash: &mut F,
        site: &Site,
        word: &Word,
    ) -> Result<(), Trouble<F::Error>> {
        let done = self.say(flash, site, word);
        self.next = self.next.saturating_add(1);
        match done {
            Err(Trouble::Flash(_)) if F::WRITE_SIZE > 1 => self.append(flash, site, word),
            done => done,
        }
    }

    /// Claims the next group: one program.
    pub(super) fn claim<F: NorFlash>(
        self,
        flash: &mut F,
        site: &Site,
    ) -> Result<(), Trouble<F::Error>> {
        let place = Place::in_group(self.sector, self.next, 0);
        let claim = Record::claim(self.next, self.generation);
        program(flash, site, place, &claim.emit(place, site.salt))
    }

    /// Says something in the group that was claimed, and seals it: two programs.
    pub(super) fn say<F: NorFlash>(
        self,
        flash: &mut F,
        site: &Site,
        word: &Word,
    ) -> Result<(), Trouble<F::Error>> {
        let (group, generation) = (self.next, self.generation);
        let place = |which| Place::in_group(self.sector, group, which);
        let payload = match word.kind {
            // Where nothing is said in a full log, it is said here once more: so there are no two ways to say it.
            Kind::Decision if group == site.log.groups() => choice::with_nothing_done(word.payload),
            _ => word.payload,
        };
        let said = Record {
            child: word.child,
            ..Record::in_group(word.kind, group, generation, payload)
        };
        let said = said.emit(place(1), site.salt);
        let seal = Record::seal(group, generation, &said).emit(place(2), site.salt);
        program(flash, site, place(1), &said)?;
        program(flash, site, place(2), &seal)
    }
}
