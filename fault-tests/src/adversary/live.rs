//! Lives a life: each power-on runs the code under test on the cells, and is judged by the [model](super::model).

use std::cell::Cell;
use std::convert::Infallible;
use std::panic::{AssertUnwindSafe, catch_unwind};

use embedded_storage::nor_flash::NorFlashErrorKind;
use ota_core::boot::{BootInputs, Wipe};
use ota_core::efuse::SecureVersion;
use ota_core::hardened::{self, BootError, Decision, Log, Order, Reason, Source};
use ota_core::image::UnsignedVerifier;
use ota_core::partition::{PartitionTable, Slot, TABLE_LEN};

use super::application::Application;
use super::cells::{Cells, Content, SECTOR};
use super::device::{Born, DATA, Device, NVS, OTADATA, TARGET};
use super::life::{Day, Life, Refuses};
use super::model::{Around, Named, OfStock, State, Why};
use super::outside::judge_data;
use super::powered::{Done, Powered};
use super::verdict::{Rule, Violation, list};

/// The fuses of the secure version: how many are burnt, and how many there are.
pub(super) struct Fuses<'m>(pub(super) &'m Cell<u32>, pub(super) u32);

impl SecureVersion for Fuses<'_> {
    type Error = Infallible;

    fn read(&mut self) -> Result<u32, Infallible> {
        Ok(self.0.get())
    }

    fn burn(&mut self, version: u32) -> Result<(), Infallible> {
        self.0.set(version);
        Ok(())
    }

    fn capacity(&self) -> u32 {
        self.1
    }
}

/// A device that lives, and what it may have chosen.
pub(super) struct Living<'c> {
    pub(super) device: Device,
    pub(super) cells: &'c mut Cells,
    /// What may be chosen: each boot narrows it.
    pub(super) states: Vec<State>,
    pub(super) minimum: Cell<u32>,
    pub(super) power_ons: u32,
    /// How many power-ons were cut since one erased a sector of otadata and was not.
    pub(super) cuts_since_switch: u32,
    /// Of the slot that is being written: the image, and how many bytes of it are noted as complete.
    pub(super) download: Option<Download>,
    /// The last power-on ended with everything in order.
    pub(super) rests: bool,
}

/// A download that was begun.
#[derive(Clone, Copy, Debug)]
pub(super) struct Download {
    pub(super) to: Slot,
    pub(super) image: usize,
    /// Bytes that are known to be noted.
    pub(super) noted: u32,
    /// Somebody else has written there since.
    pub(super) foreign: bool,
}

impl Download {
    /// One that has just been opened.
    pub(super) const fn of(to: Slot, image: usize) -> Self {
        Self {
            to,
            image,
            noted: 0,
            foreign: false,
        }
    }
}

/// What a life came to.
#[derive(Debug)]
pub(super) struct Lived {
    pub(super) power_ons: u32,
    /// How many of them were cut.
    pub(super) cuts: u32,
    /// What was violated, in which power-on, and what otadata held when it began.
    pub(super) violation: Option<(usize, Violation)>,
}

/// Lives a life, up to the first violation. `told` hears what happens.
pub(super) fn live(life: &Life, cells: &mut Cells, told: &mut dyn FnMut(String)) -> Lived {
    let mut living = Living::new(life.device, cells);
    let mut lived = Lived {
        power_ons: 0,
        cuts: 0,
        violation: None,
    };
    for (n, day) in life.days.iter().enumerate() {
        lived.power_ons += 1;
        let caught = catch_unwind(AssertUnwindSafe(|| living.day(day, told)));
        let judged = caught.unwrap_or_else(|_| {
            *living.cells = Cells::blank();
            Err(Violation::new(
                Rule::Totality,
                "no panic",
                "the code under test panics",
            ))
        });
        match judged {
            Ok(done) => lived.cuts += u32::from(done.dead),
            Err(violation) => {
                lived.violation = Some((n, violation));
                break;
            }
        }
    }
    lived
}

impl<'c> Living<'c> {
    pub(super) fn new(device: Device, cells: &'c mut Cells) -> Self {
        device.flash(cells);
        Self {
            device,
            cells,
            states: vec![born(device)],
            minimum: Cell::new(0),
            power_ons: 0,
            cuts_since_switch: 0,
            download: None,
            rests: false,
        }
    }

    /// What the device has besides its otadata.
    pub(super) fn around(&self, cells: &Cells, running: Slot, in_doubt: bool) -> Around {
        let mut slots = [Content::Nothing; 4];
        for (n, slot) in [Slot::Factory, Slot::Ota(0), Slot::Ota(1), Slot::Ota(2)]
            .into_iter()
            .enumerate()
        {
            if self.device.all_slots().any(|there| there == slot) {
                slots[n] = cells.content(Device::partition(slot).offset);
            }
        }
        Around {
            slots,
            count: self.device.slots,
            factory: self.device.factory,
            monitored: self.device.monitored || self.device.anti_rollback,
            anti_rollback: self.device.anti_rollback,
            attempts: self.device.attempts,
            minimum: self.minimum.get(),
            fuses: self.device.fuses.into(),
            running,
            in_doubt,
        }
    }

    /// One power-on.
    pub(super) fn day(
        &mut self,
        day: &Day,
        told: &mut dyn FnMut(String),
    ) -> Result<Done, Violation> {
        self.power_ons += 1;
        if let Some(outside) = day.outside {
            self.outside(outside, told);
        }
        self.expand();
        let mut cells = std::mem::replace(self.cells, Cells::none());
        let mut flash = Powered::new(
            &mut cells,
            day.reading,
            self.power_ons,
            day.cut,
            day.refuses,
        );
        let judged = self.power_on(day, &mut flash, told);
        let done = flash.done;
        *self.cells = cells;
        if done.refused {
            self.cuts_since_switch += 1;
        }
        if done.is_over() {
            for state in &mut self.states {
                if let Some(of_stock) = &mut state.of_stock {
                    of_stock.torn = true;
                }
            }
            self.cuts_since_switch += u32::from(done.dead);
            self.rests = false;
            let (inside, outside) = (done.in_otadata, done.in_slots);
            let what = if done.dead {
                "the power goes away"
            } else {
                "the flash refuses"
            };
            told(format!(
                "  {what}: operation {inside} of otadata, {outside} elsewhere"
            ));
            self.cells.rows(OTADATA, 2 * SECTOR, told);
        } else if done.erases > 0 {
            self.cuts_since_switch = 0;
        }
        judged?;
        if let Some(at) = done.astray {
            return Err(Violation::new(
                Rule::Containment,
                "erases and programs in otadata and in the slot that is open",
                format!("one at 0x{at:x}"),
            ));
        }
        self.rests = !done.is_over();
        Ok(done)
    }

    fn power_on(
        &mut self,
        day: &Day,
        flash: &mut Powered<'_>,
        told: &mut dyn FnMut(String),
    ) -> Result<(), Violation> {
        let mut table = [0; TABLE_LEN];
        let mut buffer = [0; 512];
        // 256 bytes are the least.
        let Ok(mut verifier) = UnsignedVerifier::new(TARGET, &mut buffer) else {
            return Ok(());
        };
        let minimum = self.minimum.get();
        let was_weak = flash.cells().is_weak(OTADATA, 8192);
        let stock = self.stock_boots(flash, day);
        let before = self.around(flash.cells(), Slot::Test, false);
        let fuses = Cell::new(minimum);
        let inputs = BootInputs {
            factory_reset_pin: day.reset_pin,
            deep_sleep_wake: day.wakes,
            ..BootInputs::default()
        };
        flash.may_wipe(day.resets());
        let booted = hardened::boot(
            flash,
            &mut verifier,
            &mut Fuses(&fuses, self.device.fuses.into()),
            &self.device.boot_config(),
            self.device.log,
            &inputs,
            &mut table,
        );
        flash.may_wipe(false);
        self.minimum.set(fuses.get());
        if flash.done.dead {
            self.judge_fuses(minimum, &[minimum])?;
            self.boot_was_cut(day, &before, flash.cells());
            return Ok(());
        }
        let refused = flash.done.refused;
        let Some(decision) = self.judge_boot(day, &before, &booted, refused, told)? else {
            return Ok(());
        };
        self.judge_rest(day, was_weak, &flash.done, &decision)?;
        self.judge_raised(minimum, &before, &decision)?;
        judge_data(day, flash)?;
        if refused {
            return Ok(());
        }
        let Ok(table) = PartitionTable::for_application(&table, true) else {
            return Ok(());
        };
        self.judge_company(&stock, was_weak, &decision)?;
        let in_doubt = matches!(decision.reason, Reason::Trial { .. });
        let mut application = Application {
            living: self,
            running: decision.slot,
            in_doubt,
            told,
        };
        application.run(&day.calls, table, flash, verifier, &fuses)?;
        self.minimum.set(fuses.get());
        Ok(())
    }

    /// Either of what a device of stock code may read, where a cut has hit it.
    pub(super) fn expand(&mut self) {
        let states = self.states.clone();
        for state in states {
            if let Some(of_stock @ OfStock { torn: true, .. }) = state.of_stock {
                for previous in [of_stock.before, of_stock.without] {
                    self.add(State { previous, ..state });
                }
            }
        }
    }

    pub(super) fn add(&mut self, state: State) {
        if !self.states.contains(&state) {
            self.states.push(state);
        }
    }

    /// The device is in a state from before the boot, or in one from after it.
    fn boot_was_cut(&mut self, day: &Day, around: &Around, cells: &Cells) {
        // The data are wiped first: until they are, nothing is chosen.
        let wipes = day.resets() && day.refuses != Some(Refuses::Data) && !is_blank(cells, NVS);
        for state in self.states.clone() {
            for around in around.certain() {
                self.add(State {
                    of_stock: None,
                    ..state
                });
                if wipes {
                    continue;
                }
                self.add(state.boot(day.resets(), &around).1);
                // The reset comes first, then what runs is loaded.
                if day.resets() {
                    self.add(state.reset(&around));
                }
            }
        }
    }

    fn judge_boot(
        &mut self,
        day: &Day,
        around: &Around,
        booted: &Result<Decision, BootError<NorFlashErrorKind>>,
        refused: bool,
        told: &mut dyn FnMut(String),
    ) -> Result<Option<Decision>, Violation> {
        // Nothing more is written: the log is exhausted, or the flash refuses.
        let exhausted = |order: Order| order != Order::Kept;
        let got = match booted {
            Ok(decision) => {
                told(format!("  {decision}").replace('\n', "\n  "));
                Some((decision.slot, why(decision.reason)))
            }
            Err(error) => {
                told(format!("  {error}").replace('\n', "\n  "));
                None
            }
        };
        let mut allowed = Vec::new();
        let mut kept = Vec::new();
        for state in &self.states {
            for around in around.certain() {
                let (boots, after) = state.boot(day.resets(), &around);
                let (mut ways, mut afters) = (vec![boots], vec![after]);
                if booted
                    .as_ref()
                    .is_ok_and(|decision| exhausted(decision.order))
                {
                    let uncounted = state.boot(false, &around).0;
                    let is_trial = matches!(uncounted, Some((_, Why::Trial { .. })));
                    ways = vec![state.boot_exhausted(&around)];
                    // What it goes back to was found before the flash refused that to be written.
                    ways.extend((refused && !is_trial).then_some(uncounted));
                    afters.push(*state);
                }
                for after in afters {
                    if ways.contains(&got) && !kept.contains(&after) {
                        kept.push(after);
                    }
                }
                for shown in ways.into_iter().map(show) {
                    if !allowed.contains(&shown) {
                        allowed.push(shown);
                    }
                }
            }
        }
        let Ok(decision) = booted else {
            if kept.is_empty() {
                return Err(Violation::new(
                    Rule::NoBrick,
                    list(&allowed),
                    "nothing boots",
                ));
            }
            // A reset has chosen factory all the same.
            self.states.retain(|_| refused);
            self.states.extend(kept);
            return Ok(None);
        };
        let may_be = match decision.order {
            Order::Kept => true,
            Order::Exhausted => self.may_be_exhausted(),
            Order::Failed(_) => refused,
        };
        if !may_be {
            return Err(Violation::new(
                Rule::Totality,
                "otadata is put in order",
                format!("{:?} after {} cuts", decision.order, self.cuts_since_switch),
            ));
        }
        if kept.is_empty() {
            let rule = match decision.reason {
                Reason::Trial { .. } => Rule::Trial,
                _ => Rule::Choice,
            };
            return Err(Violation::new(rule, list(&allowed), show(got)));
        }
        let wiped = day.refuses != Some(Refuses::Data) && decision.order == Order::Kept;
        let wanted = if wiped { Wipe::Done } else { Wipe::Incomplete };
        // Where factory was chosen already there is nothing to write.
        let either = day.refuses != Some(Refuses::Data) && decision.order != Order::Kept;
        if day.resets() && decision.wipe != Some(wanted) && !either {
            return Err(Violation::new(
                Rule::Reset,
                format!("the factory reset: {wanted:?}"),
                format!("{:?}", decision.wipe),
            ));
        }
        if refused {
            // What could not be put in order may be read otherwise the next time.
            self.states.extend(kept);
        } else {
            self.states = kept;
        }
        Ok(Some(*decision))
    }

    /// So many cuts cost two groups each of those that are kept back.
    pub(super) fn may_be_exhausted(&self) -> bool {
        self.cuts_since_switch * 2 >= u32::from(self.device.log.reserve())
    }

    /// A boot behind one that left everything in order finds nothing to do.
    fn judge_rest(
        &self,
        day: &Day,
        was_weak: bool,
        done: &Done,
        decision: &Decision,
    ) -> Result<(), Violation> {
        let idle = matches!(decision.reason, Reason::Confirmed | Reason::Fallback) && !day.resets();
        let operations = done.in_otadata + done.in_slots;
        if self.rests && idle && !was_weak && !done.refused && operations > 0 {
            return Err(Violation::new(
                Rule::Wear,
                "no operation: everything was in order",
                format!("{operations} operations"),
            ));
        }
        // A trial begins with a log that has room for every start.
        let counts = matches!(decision.reason, Reason::Trial { .. }) && !day.resets();
        let adopts = decision
            .chosen
            .is_none_or(|chosen| matches!(chosen.source, Source::Stock(_)));
        let roomy = self.device.log == Log::DEFAULT && !adopts;
        if self.rests && counts && roomy && !was_weak && done.erases > 0 {
            let got = format!("{} erases", done.erases);
            return Err(Violation::new(
                Rule::Wear,
                "a start is counted without an erase",
                got,
            ));
        }
        Ok(())
    }
}

/// Whether every bit of the first bytes of a sector is 1, and none is weak.
fn is_blank(cells: &Cells, at: u32) -> bool {
    let bytes = cells.solid(at, DATA.len());
    bytes.is_some_and(|bytes| bytes.iter().all(|byte| *byte == 0xFF))
}

/// What a new device has chosen.
pub(super) fn born(device: Device) -> State {
    let factory = device.factory.then_some(Named::any(Slot::Factory));
    let first = Named::any(Slot::Ota(0));
    let (current, before, trial) = match device.born {
        Born::Blank => (factory.unwrap_or(first), None, None),
        Born::OneEntry => (first, factory, None),
        Born::TwoEntries => (Named::any(Slot::Ota(1)), Some(first), None),
        Born::OnTrial => (Named::any(Slot::Ota(1)), Some(first), Some((0, 1))),
        Born::Started => (Named::any(Slot::Ota(1)), Some(first), Some((1, 1))),
    };
    State {
        trial,
        previous: before,
        of_stock: Some(OfStock {
            torn: false,
            before,
            without: factory.filter(|factory| *factory != current),
        }),
        ..State::confirmed(current)
    }
}

fn why(reason: Reason) -> Why {
    match reason {
        Reason::Confirmed => Why::Confirmed,
        Reason::Trial { start, attempts } => Why::Trial { start, attempts },
        Reason::RolledBack { .. } => Why::RolledBack,
        Reason::Postponed { .. } => Why::Postponed,
        Reason::Fallback | Reason::NoOtadata | Reason::TestPin => Why::Fallback,
    }
}

fn show(boots: Option<(Slot, Why)>) -> String {
    match boots {
        None => "nothing boots".into(),
        Some((slot, Why::Confirmed)) => format!("{slot}, confirmed"),
        Some((slot, Why::Trial { start, attempts })) => {
            format!("{slot}, on trial, start {start} of {attempts}")
        }
        Some((slot, Why::RolledBack)) => format!("{slot}, rolled back to"),
        Some((slot, Why::Fallback)) => format!("{slot}, as a fallback"),
        Some((slot, Why::Postponed)) => format!("{slot}, as the trial has to wait"),
    }
}
