//! Calls whose flash fails with the power on: what they return, and what boots after them.
//!
//! One access of a call fails: a read, or an operation of the chip, which then was carried out or was
//! not. The call is judged by [P15](crate::property::error_honesty): against its twin, the same call on a
//! flash that does not fail.

use std::cell::Cell;
use std::collections::HashMap;

use embedded_storage::nor_flash::{ErrorType, NorFlash, ReadNorFlash};
use ota_core::boot::{BootInputs, boot};
use ota_core::efuse::NoSecureVersion;
use ota_core::image::UnsignedVerifier;
use ota_core::partition::{Partition, PartitionTable, TABLE_LEN};
use rayon::iter::{IntoParallelRefIterator, ParallelIterator};
use sim_flash::{Failure, Fault, Flash, FlashError, Op, OpKind, Profile, State, Tear, When};

use super::application::CHUNK;
use super::course::Course;
use super::device::Device;
use super::errand::{Errand, Step, take};
use super::setup::Setup;
use super::twin::Twin;
use super::world::World;
use crate::explore::{Start, Window};
use crate::property::Finding;
use crate::property::error_honesty::{self, Returned};

/// How an access fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fails {
    /// A read returns an error.
    Read,
    /// An operation returns an error, and nothing was done.
    Undone,
    /// An operation returns an error, and all was done.
    Done,
    /// A program returns Ok, and nothing was done.
    Swallowed,
}

impl Fails {
    /// Each way, with what it is called.
    pub const ALL: [(Self, &'static str); 4] = [
        (Self::Read, "read fails"),
        (Self::Undone, "fails undone"),
        (Self::Done, "fails done"),
        (Self::Swallowed, "swallowed"),
    ];
}

/// One call with one access that failed.
#[derive(Clone, Debug)]
pub struct Trial {
    /// Its start.
    pub start: String,
    /// The call whose access failed.
    pub call: &'static str,
    /// How.
    pub fails: Fails,
    /// Whether the call, or a later one of the same download, returned an error.
    pub refused: bool,
    /// What is wrong with that, at the access that failed.
    pub finding: Option<Finding>,
}

/// Makes every access of every call fail, once each, from each of the setup's starts that has a call
/// to make; in order of the starts.
///
/// # Panics
/// If a fault does not strike: then nothing would be shown.
pub fn trials(setup: &Setup) -> Vec<Trial> {
    let of = |start: &Start<World>| -> Vec<Trial> {
        let Some((mut chore, errand)) = Chore::booted(setup, start) else {
            return Vec::new();
        };
        let mut trials = Vec::new();
        for step in errand.steps() {
            chore.step = step;
            let healthy = chore.run(None);
            trials.extend(chore.trials(&healthy));
            chore.state = healthy.flash.state().clone();
        }
        trials
    };
    let all: Vec<_> = setup.starts.par_iter().map(of).collect();
    all.into_iter().flatten().collect()
}

/// A flash that counts accesses.
struct Counted {
    flash: Flash,
    reads: u64,
}

impl ErrorType for Counted {
    type Error = FlashError;
}

impl ReadNorFlash for Counted {
    const READ_SIZE: usize = 1;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), FlashError> {
        self.reads += 1;
        COUNTS.set((self.reads, self.flash.ops()));
        self.flash.read(offset, bytes)
    }

    fn capacity(&self) -> usize {
        self.flash.capacity()
    }
}

impl NorFlash for Counted {
    const WRITE_SIZE: usize = 1;
    const ERASE_SIZE: usize = 4096;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), FlashError> {
        let done = self.flash.erase(from, to);
        COUNTS.set((self.reads, self.flash.ops()));
        done
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), FlashError> {
        let done = self.flash.write(offset, bytes);
        COUNTS.set((self.reads, self.flash.ops()));
        done
    }
}

thread_local! {
    /// Reads and operations so far: the update core owns the flash while it says what it calls.
    static COUNTS: Cell<(u64, u64)> = const { Cell::new((0, 0)) };
}

/// What became of a call.
struct Ran {
    returned: Result<(), ()>,
    flash: Flash,
    reads: u64,
    /// Each call, with the reads and operations before it.
    calls: Vec<((u64, u64), &'static str)>,
}

/// A step of an errand, about to be taken.
struct Chore<'s> {
    device: &'s Device,
    profile: &'s Profile,
    start: &'s Start<World>,
    step: Step,
    /// The flash before it.
    state: State,
    running: Partition,
    table: [u8; TABLE_LEN],
}

impl<'s> Chore<'s> {
    /// The device after its boot, and its errand; `None` if there is no call to make.
    fn booted(setup: &'s Setup, start: &'s Start<World>) -> Option<(Self, Errand)> {
        let World::Calls(plan) = start.world else {
            return None;
        };
        let errand = plan.errand?;
        let device = &setup.device;
        let mut flash = Flash::with_state(setup.profile.clone(), start.state.clone());
        let mut buffer = [0; CHUNK];
        let mut verifier = UnsignedVerifier::new(device.target, &mut buffer).ok()?;
        let (inputs, mut table) = (BootInputs::default(), [0; TABLE_LEN]);
        let efuse = &mut NoSecureVersion;
        let booted = boot(
            &mut flash,
            &mut verifier,
            efuse,
            &device.boot,
            &inputs,
            &mut table,
        );
        let chore = Self {
            device,
            profile: &setup.profile,
            start,
            step: errand.steps().next()?,
            running: booted.ok()?.partition,
            state: flash.state().clone(),
            table,
        };
        Some((chore, errand))
    }

    fn run(&self, fault: Option<Fault>) -> Ran {
        let mut flash = Flash::with_state(self.profile.clone(), self.state.clone());
        if let Some(fault) = fault {
            flash.inject(fault);
        }
        let mut flash = Counted { flash, reads: 0 };
        COUNTS.set((0, 0));
        let mut calls = Vec::new();
        let returned = self.calls(&mut flash, &mut |name| calls.push((COUNTS.get(), name)));
        Ran {
            returned: returned.ok_or(()),
            flash: flash.flash,
            reads: flash.reads,
            calls,
        }
    }

    fn calls(&self, flash: &mut Counted, said: &mut dyn FnMut(&'static str)) -> Option<()> {
        let table = PartitionTable::for_application(&self.table, self.device.md5).ok()?;
        let mut buffer = [0; CHUNK];
        let verifier = UnsignedVerifier::new(self.device.target, &mut buffer).ok()?;
        let mut ota = self
            .device
            .core(flash, verifier, NoSecureVersion, table, self.running);
        let taken = take(self.step, self.device, &mut ota, &mut |name, _| said(name));
        taken.ok()
    }

    fn trials(&self, healthy: &Ran) -> Vec<Trial> {
        let mut boots = Boots {
            chore: self,
            known: HashMap::new(),
        };
        let [before, after] = [&self.state, healthy.flash.state()].map(|s| boots.after(s));
        let slots = self.slots(healthy.flash.state());
        let rows: Vec<Op> = healthy
            .flash
            .trace()
            .iter()
            .filter_map(|r| r.op())
            .collect();
        let reads = (0..healthy.reads).map(|n| (n, Fails::Read));
        let ops = (0..).zip(&rows).flat_map(|(n, op)| {
            let swallowed = op.kind() == OpKind::Program && healthy.verifies(n);
            let ways = [Some(Fails::Undone), Some(Fails::Done)];
            let ways = ways
                .into_iter()
                .chain([swallowed.then_some(Fails::Swallowed)]);
            ways.flatten().map(move |fails| (n, fails))
        });
        let one = |(n, fails): (u64, Fails)| {
            let call = healthy.call_of(n, fails == Fails::Read);
            let op = rows.get(usize::try_from(n).unwrap_or(usize::MAX));
            let ran = self.run(Some(fault(n, fails, op)));
            assert_eq!(ran.flash.faults_fired(), 1, "{call}: {fails:?} {n}");
            let boots = boots.after(ran.flash.state());
            let (as_before, as_after) = (boots.runs_as(before), boots.runs_as(after));
            let found = error_honesty::judge_call(if ran.returned.is_ok() {
                let whole = healthy.returned.is_ok() && self.slots(ran.flash.state()) == slots;
                Returned::Ok {
                    kept: whole && as_after,
                }
            } else {
                Returned::Err {
                    before_or_after: as_before || as_after,
                }
            });
            let place = || match (fails, op) {
                (Fails::Read, _) | (_, None) => Window::new(Some(call), "read", "flash", None),
                (_, Some(op)) => {
                    let mut state = self.state.clone();
                    let before = rows.iter().take(usize::try_from(n).unwrap_or(0));
                    before.for_each(|op| state.apply(op));
                    Window::of(self.device, &state, op, Some(call))
                }
            };
            Trial {
                start: self.start.name.clone(),
                call,
                fails,
                refused: ran.returned.is_err(),
                finding: found.map(|finding| finding.at(place())),
            }
        };
        reads.chain(ops).map(one).collect()
    }

    /// What the slots hold.
    fn slots(&self, state: &State) -> Vec<u128> {
        let slots = self.device.partitions.iter().filter(|p| p.slot().is_some());
        slots
            .map(|p| state.hash_range(p.offset..p.offset + p.size))
            .collect()
    }
}

impl Ran {
    /// Whether what operation `op` programs is verified by a later call before all is said to be well.
    fn verifies(&self, op: u64) -> bool {
        let writes = matches!(self.call_of(op, false), "write" | "write_with_offset");
        writes && self.calls.iter().any(|(_, name)| *name == "end")
    }

    /// The call that makes this access.
    fn call_of(&self, access: u64, read: bool) -> &'static str {
        let begun = |((reads, ops), _): &&((u64, u64), &'static str)| {
            if read {
                *reads <= access
            } else {
                *ops <= access
            }
        };
        let call = self.calls.iter().rev().find(begun);
        call.map_or("", |(_, name)| *name)
    }
}

fn fault(n: u64, fails: Fails, op: Option<&Op>) -> Fault {
    let erase = op.is_some_and(|op| op.kind() == OpKind::Erase);
    let undone = if erase { Tear::E0 } else { Tear::P0 };
    let done = if erase { Tear::E7 } else { Tear::P6 };
    let (when, what) = match fails {
        Fails::Read => (When::Read(n), Failure::Read),
        Fails::Undone => (When::Op(n), Failure::Reported(undone)),
        Fails::Done => (When::Op(n), Failure::Reported(done)),
        Fails::Swallowed => (When::Op(n), Failure::Silent(undone)),
    };
    Fault { when, what }
}

/// What boots from a state, by the state's hash: many failures leave the same.
struct Boots<'s> {
    chore: &'s Chore<'s>,
    known: HashMap<u128, Course>,
}

impl Boots<'_> {
    fn after(&mut self, state: &State) -> Course {
        let Chore {
            device, profile, ..
        } = self.chore;
        let boots = || Twin::on(device, profile, state).course;
        *self.known.entry(state.hash()).or_insert_with(boots)
    }
}
