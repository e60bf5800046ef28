//! Writing: append to a log, hand over to the other sector, put right what a cut has left.
//!
//! Every method is one step of [the protocol](super#the-protocol) and says what a cut in it leaves.
//! After an error nothing more is written, and what is in RAM is no longer what is on flash: read
//! again.

mod log;
mod program;
mod sector;

use embedded_storage::nor_flash::NorFlash;

use self::sector::{begin, complete_entry, forget};
use super::choice::{self, Choice, Flags};
use super::format::generation_header::Birth;
use super::read::{self, Book, Found, Handed, LogEnd, Site, Word, seq_above};
use super::record::Kind;
use super::stock::Adopted;
use crate::otadata::NextError;

/// Why nothing more was written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Trouble<E> {
    /// The flash failed.
    Flash(E),
    /// The log has no room left: it is full, or what is left takes nothing (see [`LogEnd::append`]).
    Full,
    /// No sequence number names the slot, so stock code could not boot it.
    Next(NextError),
}

/// The most switches that it takes to make both entries for stock code right: see [`Book::finish`].
const SWITCHES: usize = 3;

impl Found {
    /// Puts otadata in order, and writes nothing if it is. What is chosen does not change.
    ///
    /// Entries of stock code stay as they are, unless one selects for stock code alone, or what is active was left by
    /// a generation and may read otherwise the next time: then they are written down as a generation.
    pub(super) fn settle<F: NorFlash>(
        &mut self,
        flash: &mut F,
        site: &Site,
    ) -> Result<(), Trouble<F::Error>> {
        match self.settle_once(flash, site) {
            Err(Trouble::Full) => {
                // What has no room was given up, if it could be: then what was before it counts.
                *self = read::read(flash, site).map_err(Trouble::Flash)?;
                self.settle_once(flash, site)
            }
            done => done,
        }
    }

    fn settle_once<F: NorFlash>(
        &mut self,
        flash: &mut F,
        site: &Site,
    ) -> Result<(), Trouble<F::Error>> {
        match self {
            Self::Book(book) => book.settle(flash, site),
            Self::Stock(adopted) if adopted.misleading => {
                *self = Self::Book(adopted.write_down(flash, site)?);
                Ok(())
            }
            Self::Stock(_) => Ok(()),
        }
    }

    /// The same, and entries of stock code are written down as a generation.
    pub(super) fn book<F: NorFlash>(
        mut self,
        flash: &mut F,
        site: &Site,
    ) -> Result<Book, Trouble<F::Error>> {
        self.settle(flash, site)?;
        match self {
            Self::Book(book) => Ok(book),
            Self::Stock(adopted) => adopted.write_down(flash, site),
        }
    }
}

impl Adopted {
    /// Writes a generation that chooses what the entries of stock code choose: one erase.
    ///
    /// A cut leaves either their choice or the same one from the record. What is lost in the erase is
    /// what the entry that is not active says: which slot to go back to.
    fn write_down<F: NorFlash>(
        &self,
        flash: &mut F,
        site: &Site,
    ) -> Result<Book, Trouble<F::Error>> {
        let mut book = found(flash, site, self)?;
        book.finish(flash, site)?;
        Ok(book)
    }
}

/// A generation without a parent: what it chooses must be what is chosen already.
///
/// Its entry for stock code is completed behind its first claim: until then nothing proves it, and it may have to
/// be given up.
fn found<F: NorFlash>(
    flash: &mut F,
    site: &Site,
    adopted: &Adopted,
) -> Result<Book, Trouble<F::Error>> {
    let Adopted {
        choice,
        into,
        generation,
        seq: above,
        beside,
        begun,
        ..
    } = *adopted;
    let seq = seq_above(above, choice.current.slot, site.slots).map_err(Trouble::Next)?;
    let birth = Birth {
        generation,
        child: 0,
        seq,
        choice,
    };
    if begun {
        forget(flash, site, into)?;
    }
    begin(flash, site, into, &birth)?;
    let flags = Flags {
        summary_ok: true,
        other_ok: Flags::other_ok(&choice, seq, beside.unwrap_or(0), site.slots),
    };
    let end = LogEnd {
        sector: into,
        generation,
        next: 1,
    };
    end.claim(flash, site)?;
    complete_entry(flash, site, into, &birth)?;
    end.say(flash, site, &decision(&choice, flags))?;
    Ok(Book {
        end: LogEnd { next: 2, ..end },
        seq,
        choice,
        flags,
        sealed: true,
        said: true,
        handed: None,
        rests: false,
        entries_ok: read::loses(beside, seq),
        misleads: false,
    })
}

/// What says that something is chosen.
fn decision(choice: &Choice, flags: Flags) -> Word {
    Word {
        kind: Kind::Decision,
        child: 0,
        payload: choice::emit(choice, flags),
    }
}

impl Book {
    /// Puts the log in order after a cut, and writes nothing if it is. The choice does not change: one
    /// that may not be there at the next reading is written again, so that it is, before anyone acts on
    /// it.
    fn settle<F: NorFlash>(&mut self, flash: &mut F, site: &Site) -> Result<(), Trouble<F::Error>> {
        if let Some(Handed {
            mut parent,
            sealed,
            child,
        }) = self.handed
        {
            if !sealed {
                let word = Word {
                    kind: Kind::Handover,
                    child,
                    payload: choice::emit(&self.choice, self.flags),
                };
                match parent.append(flash, site, &word) {
                    Err(Trouble::Full) => {
                        *self = self.renew(flash, site)?;
                        return self.finish(flash, site);
                    }
                    done => done?,
                }
            }
            self.handed = None;
            self.sealed = false;
        }
        if !self.sealed {
            if !self.said {
                self.end.make_room(flash, site)?;
            }
            // The other sector may hold what an erase has left: it is begun anew.
            self.flags.other_ok = false;
            match self.restate(flash, site) {
                Err(Trouble::Full) => *self = self.renew(flash, site)?,
                done => done?,
            }
        }
        self.finish(flash, site)
    }

    /// Appends a group; until it is there, something of it may be.
    fn append<F: NorFlash>(
        &mut self,
        flash: &mut F,
        site: &Site,
        word: &Word,
    ) -> Result<(), Trouble<F::Error>> {
        self.sealed = false;
        self.end.append(flash, site, word)
    }

    /// Appends the choice as it is. Three programs.
    fn restate<F: NorFlash>(
        &mut self,
        flash: &mut F,
        site: &Site,
    ) -> Result<(), Trouble<F::Error>> {
        let word = decision(&self.choice, self.flags);
        self.append(flash, site, &word)?;
        if self.end.is_full(site) {
            self.flags = Flags::NOTHING;
        }
        (self.sealed, self.said) = (true, true);
        Ok(())
    }

    /// Makes the entries for stock code right, if they are not: the one that the last switch left half
    /// programmed, one in the other sector that wins over ours or names a slot that is to be written,
    /// one that is damaged. Each takes a switch, to the same choice.
    fn finish<F: NorFlash>(&mut self, flash: &mut F, site: &Site) -> Result<(), Trouble<F::Error>> {
        for _ in 0..SWITCHES {
            if self.flags == Flags::DONE && self.entries_ok {
                break;
            }
            if !self.flags.summary_ok {
                // Until the switch is through, a stock bootloader finds an entry that is whole; unless its
                // words are torn, and the chip takes none of them again.
                let birth = Birth {
                    generation: self.end.generation,
                    child: 0,
                    seq: self.seq,
                    choice: self.choice,
                };
                match complete_entry(flash, site, self.end.sector, &birth) {
                    Err(Trouble::Flash(_)) if F::WRITE_SIZE > 1 => {}
                    done => done?,
                }
            }
            let choice = self.keeping_progress(flash, site, self.choice)?;
            self.switch(flash, site, choice)?;
        }
        Ok(())
    }

    /// This choice; if the download that is open stays so, with the parts of it that were noted as complete, as they
    /// are noted in a sector that a switch leaves behind.
    fn keeping_progress<F: NorFlash>(
        &self,
        flash: &mut F,
        site: &Site,
        mut choice: Choice,
    ) -> Result<Choice, Trouble<F::Error>> {
        if choice.open.is_some() && choice.open == self.choice.open {
            let before = self.choice.base.max(choice.base);
            let noted = self.end.noted_progress(flash, site, before);
            choice.base = noted.map_err(Trouble::Flash)?;
        }
        Ok(choice)
    }

    /// Chooses something else, in the log: three programs. A change of the slot that boots, or of the
    /// one to go back to, takes a [switch](Self::change).
    ///
    /// When the groups for ordinary decisions are used up, it is a switch instead. A cut leaves the
    /// choice before or the one after.
    pub(super) fn decide<F: NorFlash>(
        &mut self,
        flash: &mut F,
        site: &Site,
        choice: Choice,
    ) -> Result<(), Trouble<F::Error>> {
        if !site.log.is_ordinary(self.end.next) {
            return self.change(flash, site, choice);
        }
        let before = core::mem::replace(&mut self.choice, choice);
        match self.restate(flash, site) {
            Err(Trouble::Full) => {
                self.choice = before;
                *self = self.renew(flash, site)?;
                self.change(flash, site, choice)
            }
            done => done,
        }
    }

    /// Chooses something else, in the other sector: one erase; a second one where one entry for stock
    /// code must not outlive it. A cut leaves the choice before or the one after.
    ///
    /// A download that stays open goes on where it was.
    pub(super) fn change<F: NorFlash>(
        &mut self,
        flash: &mut F,
        site: &Site,
        choice: Choice,
    ) -> Result<(), Trouble<F::Error>> {
        let choice = self.keeping_progress(flash, site, choice)?;
        self.open(flash, site, choice)
    }

    /// The same, but a download is as far as the choice says, whatever was noted.
    pub(super) fn open<F: NorFlash>(
        &mut self,
        flash: &mut F,
        site: &Site,
        choice: Choice,
    ) -> Result<(), Trouble<F::Error>> {
        self.switch(flash, site, choice)?;
        self.finish(flash, site)
    }

    /// A new generation in the other sector. What the log says must be beyond doubt; if it is full, the
    /// choice so far is first [renewed](Self::renew), which is one erase more.
    ///
    /// | cut in | leaves |
    /// |---|---|
    /// | claim, erase, birth, first half of the entry | the choice before; the other sector counts for nothing, whatever it holds, as this log ends in a claim: the next reader says the choice again and begins the other sector anew |
    /// | hand-over | before or after, whichever is read first: the next reader writes it again |
    /// | second half of the entry, first decision | after |
    fn switch<F: NorFlash>(
        &mut self,
        flash: &mut F,
        site: &Site,
        choice: Choice,
    ) -> Result<(), Trouble<F::Error>> {
        match self.hand_over(flash, site, choice) {
            Err(Trouble::Full) => {
                *self = self.renew(flash, site)?;
                self.hand_over(flash, site, choice)
            }
            done => done,
        }
    }

    fn hand_over<F: NorFlash>(
        &mut self,
        flash: &mut F,
        site: &Site,
        choice: Choice,
    ) -> Result<(), Trouble<F::Error>> {
        if self.end.is_full(site) {
            return Err(Trouble::Full);
        }
        let seq = seq_above(self.seq, choice.current.slot, site.slots).map_err(Trouble::Next)?;
        let into = self.end.sector.other();
        // From here on this log does not rest: nobody believes what the other sector holds.
        self.sealed = false;
        self.end.claim_next(flash, site)?;
        let birth = Birth {
            generation: self.end.generation.saturating_add(1),
            child: self.end.next,
            seq,
            choice,
        };
        let other_ok = Flags::other_ok(&choice, seq, self.seq, site.slots) && !self.misleads;
        let flags = Flags {
            summary_ok: true,
            other_ok,
        };
        begin(flash, site, into, &birth)?;
        let word = Word {
            kind: Kind::Handover,
            child: birth.child,
            payload: choice::emit(&choice, flags),
        };
        self.end.say_next(flash, site, &word)?;
        complete_entry(flash, site, into, &birth)?;
        *self = Self {
            end: LogEnd {
                sector: into,
                generation: birth.generation,
                next: 1,
            },
            seq,
            choice,
            flags,
            sealed: false,
            said: false,
            handed: None,
            rests: false,
            entries_ok: true,
            misleads: false,
        };
        self.restate(flash, site)
    }

    /// Begins a new log where this one is full: a generation in the other sector that chooses the same,
    /// without a hand-over, for which there is no room. One erase, and leaves the entries for stock code
    /// to the switch that follows.
    ///
    /// What the other sector holds must not come to count while it is erased: so whatever may hand over to
    /// it is [silenced](LogEnd::silence) first, and a generation that may have been begun there is
    /// [given up](forget). A cut leaves what was before, in doubt or not, or the new log; nobody acts before
    /// that is there.
    fn renew<F: NorFlash>(&self, flash: &mut F, site: &Site) -> Result<Self, Trouble<F::Error>> {
        let log = self.handed.map_or(self.end, |handed| handed.parent);
        let into = log.sector.other();
        let head = read::head(flash, site, log.sector).map_err(Trouble::Flash)?;
        let Some(birth) = head.birth.filter(|_| self.said || self.handed.is_some()) else {
            return Err(Trouble::Full);
        };
        if self.handed.is_some() || !self.sealed {
            log.silence(flash, site, &birth)?;
        }
        let adopted = Adopted {
            origin: super::stock::Origin::Nothing,
            choice: self.keeping_progress(flash, site, self.choice)?,
            into,
            generation: log.generation.saturating_add(1),
            seq: self.seq,
            beside: head.valid_seq(),
            begun: true,
            misleading: false,
        };
        found(flash, site, &adopted)
    }
}
