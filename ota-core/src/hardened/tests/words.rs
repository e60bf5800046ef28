//! On flash inside a controller: it takes each word once between erases, and once more to zero it; a word that
//! was torn cannot be read.

use super::chips::{Chip, On};
use super::*;
use embedded_storage::nor_flash::{ErrorType, NorFlash, check_write};
use std::collections::BTreeSet;

const WORD: usize = 8;
const ZEROED: [u8; WORD] = [0; WORD];

/// What the flash will not do.
#[derive(Clone, Default)]
pub(super) struct Limits {
    /// Words that were programmed since the last erase.
    spent: BTreeSet<u32>,
    /// Words that take nothing, erased or not.
    refused: BTreeSet<u32>,
    /// Words that cannot be read.
    torn: BTreeSet<u32>,
    /// Reads of otadata fail so often, in this way.
    failing: Option<(usize, NorFlashErrorKind)>,
}

/// The flash of a device, in words. Only operations on otadata count, and can be cut.
pub(super) struct Words<'d> {
    ram: &'d mut Ram,
    limits: &'d mut Limits,
}

impl Words<'_> {
    /// An operation on cells that are part of no otadata.
    fn elsewhere(
        &mut self,
        op: impl FnOnce(&mut Ram),
    ) -> core::result::Result<(), NorFlashErrorKind> {
        if self.ram.is_dead() {
            return Err(NorFlashErrorKind::Other);
        }
        op(self.ram);
        Ok(())
    }

    fn takes(&self, at: u32, word: &[u8]) -> bool {
        let found = &self.ram.bytes[at as usize..at as usize + WORD];
        if self.limits.refused.contains(&at) {
            return false;
        }
        !self.limits.spent.contains(&at) || word == ZEROED && found != ZEROED
    }
}

impl ErrorType for Words<'_> {
    type Error = NorFlashErrorKind;
}

impl ReadNorFlash for Words<'_> {
    const READ_SIZE: usize = 1;

    fn read(
        &mut self,
        offset: u32,
        bytes: &mut [u8],
    ) -> core::result::Result<(), NorFlashErrorKind> {
        if let Some((left @ 1.., kind)) = &mut self.limits.failing
            && is_otadata(offset)
        {
            *left -= 1;
            return Err(*kind);
        }
        let end = offset + u32::try_from(bytes.len()).unwrap();
        if self.limits.torn.range(offset..end).next().is_some() {
            return Err(NorFlashErrorKind::Other);
        }
        self.ram.read(offset, bytes)
    }

    fn capacity(&self) -> usize {
        self.ram.capacity()
    }
}

impl NorFlash for Words<'_> {
    const WRITE_SIZE: usize = WORD;
    const ERASE_SIZE: usize = 4096;

    fn erase(&mut self, from: u32, to: u32) -> core::result::Result<(), NorFlashErrorKind> {
        if !is_otadata(from) {
            let cells = from as usize..to as usize;
            return self.elsewhere(|ram| ram.bytes[cells].fill(0xFF));
        }
        let first = !self.ram.is_dead();
        let done = self.ram.erase(from, to);
        let words = (from..to).step_by(WORD);
        if done.is_ok() {
            self.limits.spent.retain(|at| !(from..to).contains(at));
            self.limits.torn.retain(|at| !(from..to).contains(at));
        } else if first && ![BETWEEN, Torn::Nothing].contains(&self.ram.torn) {
            self.limits.spent.extend(words.clone());
            self.limits.torn.extend(words.step_by(3));
        }
        done
    }

    /// Refused before anything is programmed, or cut between words or in one of them.
    fn write(&mut self, offset: u32, bytes: &[u8]) -> core::result::Result<(), NorFlashErrorKind> {
        check_write(self, offset, bytes.len())?;
        if !is_otadata(offset) {
            let at = offset as usize;
            let cells = at..at + bytes.len();
            return self.elsewhere(|ram| ram.bytes[cells].copy_from_slice(bytes));
        }
        let words = || (offset..).step_by(WORD).zip(bytes.chunks(WORD));
        if !words().all(|(at, word)| self.takes(at, word)) {
            return Err(NorFlashErrorKind::Other);
        }
        for (at, word) in words() {
            let first = !self.ram.is_dead();
            let done = self.ram.write(at, word);
            if done.is_ok() {
                self.limits.spent.insert(at);
            } else if first && self.ram.torn != BETWEEN {
                // Spent, whatever it looks like.
                self.limits.spent.insert(at);
                if let Torn::Some(_) = self.ram.torn {
                    self.limits.torn.insert(at);
                }
            }
            done?;
        }
        Ok(())
    }
}

impl Chip for Limits {
    type Flash<'d> = Words<'d>;

    fn over<'d>(&'d mut self, ram: &'d mut Ram) -> Words<'d> {
        let limits = self;
        Words { ram, limits }
    }
}

type InWords = On<Limits>;

/// Cut between two operations: the next word is not spent, nor an erase begun.
const BETWEEN: Torn = Torn::Prefix(0);

/// What a cut leaves of a word: it looks blank, or complete, or cannot be read. None is taken again.
const TEARS: [Torn; 3] = [Torn::Nothing, Torn::Done, Torn::Some(3)];

#[test]
fn each_cut_in_words_leaves_a_device_that_updates() {
    for log in [Log::DEFAULT, Log::new(4, 2).unwrap()] {
        let mut device = InWords::new(&[A, B], log);
        device.update(A, B, 2);
        device.each_cut_leaves_a_device_that_updates(&TEARS, |device| {
            let _ = device.switch(B, A, 3);
        });
    }
}

/// What fails once and not the next time is no torn word.
#[test]
fn a_read_that_fails_once_is_tried_again() {
    let mut device = InWords::new(&[A, B], Log::DEFAULT);
    device.update(A, B, 2);
    device.device.cost();
    device.chip.failing = Some((1, NorFlashErrorKind::Other));
    let decision = device.boot().unwrap();
    assert_eq!((decision.slot, decision.order), (B, Order::Kept));
    assert_eq!(device.device.cost(), otadata(0, 0));
}

/// Only what the flash itself says of its cells is a torn word.
#[test]
fn a_read_that_is_out_of_place_ends_the_boot() {
    let mut device = InWords::new(&[A, B], Log::DEFAULT);
    device.update(A, B, 2);
    for kind in [
        NorFlashErrorKind::NotAligned,
        NorFlashErrorKind::OutOfBounds,
    ] {
        device.chip.failing = Some((usize::MAX, kind));
        assert_eq!(device.boot(), Err(BootError::Flash(kind)));
    }
}

/// On serial NOR a read that fails is the bus, not the cells: nothing is made of it.
#[test]
fn a_byte_that_cannot_be_read_is_an_error() {
    let mut device = Device::new(&[A, B]);
    device.update(A, B, 2);
    device.ram.power = 0;
    device.begin(B, A).unwrap_err();
    let chosen = device.app(B, |ota| ota.boot_partition());
    assert_eq!(chosen, Err(OtaError::Flash(NorFlashErrorKind::Other)));
}

/// A log of four groups that is full and in doubt, in words: each cut where it is left, and in the boot after that.
#[test]
fn each_cut_where_a_full_log_is_left_in_words_leaves_what_was_chosen() {
    let mut device = InWords::new(&[A, B], Log::new(4, 2).unwrap());
    device.update(A, B, 2);
    let mut left = BTreeSet::new();
    for before in (2..120).step_by(9) {
        // Cuts between two words of what the next boots say, until they begin a new log.
        let mut full = device.power_on();
        full.device.ram.power = before;
        full.device.ram.torn = BETWEEN;
        let _ = full.switch(B, A, 3);
        for _ in 0..3 {
            let mut torn = full.power_on();
            torn.device.ram.power = 1;
            torn.device.ram.torn = BETWEEN;
            let _ = torn.boot();
            full = torn.power_on();
            let mut next = full.power_on();
            let slot = next.boot().unwrap().slot;
            if next.device.cost().erases < 2 {
                continue;
            }
            if !left.insert(full.device.otadata()) {
                break;
            }
            full.each_cut_leaves_a_device_that_updates(&[BETWEEN, Torn::Done], |device| {
                let booted = device.boot();
                assert!(booted.is_err() || booted.is_ok_and(|decision| decision.slot == slot));
            });
            break;
        }
    }
    assert!(left.len() > 3, "{left:x?}");
}

/// Until the switch that heals half an entry is through, a stock bootloader finds one that is whole.
#[test]
fn stock_code_finds_a_whole_entry_while_a_half_one_is_healed_in_words() {
    let mut device = InWords::new(&[A, B], Log::DEFAULT);
    device.update(A, B, 2);
    let mut halves = 0;
    for op in 0.. {
        let mut cut = device.power_on();
        cut.device.ram.power = op;
        cut.device.ram.torn = BETWEEN;
        let _ = cut.switch(B, A, 3);
        if !cut.device.ram.is_dead() {
            break;
        }
        let cut = cut.power_on();
        let mut booted = cut.power_on();
        let slot = booted.boot().unwrap().slot;
        let ops = booted.device.ram.ops.clone();
        let first = ops.iter().position(|op| matches!(op, Op::Erase { .. }));
        halves += u32::from(first.is_some() && cut.stock() != Some(slot));
        for power in first.into_iter().flat_map(|first| first..ops.len()) {
            let mut again = cut.power_on();
            again.device.ram.power = power;
            again.device.ram.torn = BETWEEN;
            let _ = again.boot();
            assert_eq!(again.power_on().stock(), Some(slot), "{op}, then {power}");
        }
    }
    assert!(halves > 0);
}

/// A note of progress that a word refuses is left out: the next one, or a resumed download, does without.
#[test]
fn a_note_of_progress_that_words_refuse_is_left_out() {
    let mut device = InWords::new(&[A, B], Log::DEFAULT);
    device.update(A, B, 2);
    let mut whole = device.power_on();
    whole.switch(B, A, 3).unwrap();
    let spent = whole.chip.spent.iter().copied();
    device.chip.refused = spent.filter(|at| is_note(*at)).collect();
    assert!(!device.chip.refused.is_empty());
    device.switch(B, A, 3).unwrap();
    assert_eq!(device.boot().unwrap().slot, A);
}
