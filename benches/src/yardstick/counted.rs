//! A subject that counts what is executed of it.

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};

use fault_tests::chip::Chip;
use fault_tests::explore::Record;
use fault_tests::subject::{Dead, Journal, Meaning, Place, Rest, Subject};
use sim_flash::Tear;

/// A subject, and what was executed of it. In all else it is that subject.
#[derive(Debug)]
pub struct Counted<'s, S> {
    subject: &'s S,
    power_ons: AtomicU64,
    operations: AtomicU64,
}

impl<'s, S> Counted<'s, S> {
    /// Nothing was executed yet.
    pub const fn new(subject: &'s S) -> Self {
        Counted {
            subject,
            power_ons: AtomicU64::new(0),
            operations: AtomicU64::new(0),
        }
    }

    /// Power-ons so far.
    pub fn power_ons(&self) -> u64 {
        self.power_ons.load(Ordering::Relaxed)
    }

    /// Operations of the chip so far: programs and erases, of the chip's own sizes.
    pub fn operations(&self) -> u64 {
        self.operations.load(Ordering::Relaxed)
    }
}

impl<S: Subject> Subject for Counted<'_, S> {
    type World = S::World;

    fn power_on(&self, chip: &mut Chip<'_>, journal: &mut Journal<S::World>) -> Result<Rest, Dead> {
        let rest = self.subject.power_on(chip, journal);
        let operations = chip.done().count() as u64;
        self.power_ons.fetch_add(1, Ordering::Relaxed);
        self.operations.fetch_add(operations, Ordering::Relaxed);
        rest
    }

    fn place(&self, addr: u32) -> Place {
        self.subject.place(addr)
    }

    fn carried(&self) -> &[Range<u32>] {
        self.subject.carried()
    }

    fn records(&self) -> &[Record] {
        self.subject.records()
    }

    fn solved(&self, addr: u32, data: &[u8]) -> Vec<Tear> {
        self.subject.solved(addr, data)
    }

    fn asked(&self, world: &S::World) -> Option<S::World> {
        self.subject.asked(world)
    }

    fn satisfied(&self, world: &S::World) -> Result<(), String> {
        self.subject.satisfied(world)
    }

    fn meaning(&self, addr: u32, bytes: &[u8]) -> Option<Meaning> {
        self.subject.meaning(addr, bytes)
    }
}
