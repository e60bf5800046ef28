//! An application that makes one call, first thing after power-on, and then rests.
//!
//! A call that a cut interrupted is made again at the next power-on, unless its effect is there
//! already. What every boot must decide comes from the [fault-free twin](super::twin).

use ota_core::partition::{Partition, PartitionTable, TABLE_LEN};

use super::core::UpdateCore;
use super::course::{Outcome, Plan};
use super::device::{Device, Verifier};
use super::errand::{Errand, Step, take};
use super::twin::Twin;
use super::world::World;
use crate::chip::Chip;
use crate::subject::{Dead, Journal, Rest};

/// A running application that makes one call.
pub(super) struct Caller<'a> {
    pub(super) device: &'a Device,
    pub(super) journal: &'a mut Journal<World>,
    /// Where it runs from.
    pub(super) running: Partition,
    /// The partition table as the bootloader read it.
    pub(super) table: &'a [u8; TABLE_LEN],
}

impl Caller<'_> {
    /// From its first instruction on, after a boot that decided `got`.
    pub(super) fn run(
        &mut self,
        chip: &mut Chip<'_>,
        verifier: Verifier<'_>,
        plan: Plan,
        got: Outcome,
    ) -> Result<Rest, Dead> {
        let plan = self.judge(chip, plan, got)?;
        let Some(errand) = plan.errand.filter(|_| got.image.is_some()) else {
            return Ok(Rest::Idle);
        };
        let Ok(table) = PartitionTable::for_application(self.table, self.device.md5) else {
            self.journal
                .note("the application finds no partition table");
            return Ok(Rest::Idle);
        };
        let (device, running) = (self.device, self.running);
        device.with_core(chip, verifier, table, running, |ota| {
            for step in errand.steps() {
                if !self.take(ota, step, table)? {
                    self.finish(None);
                    return Ok(Rest::Idle);
                }
            }
            self.finish(errand.then());
            Ok(Rest::Idle)
        })
    }

    fn judge(&mut self, chip: &mut Chip<'_>, plan: Plan, got: Outcome) -> Result<Plan, Dead> {
        let ahead = Twin::new(self.device, chip).course();
        alive(chip)?;
        let show = |outcome: Option<Outcome>| self.show(outcome);
        let (plan, wrong) = plan.judge(got, ahead, &show);
        self.journal.found(wrong);
        self.plan(plan);
        Ok(plan)
    }

    /// Takes a step; whether it went well.
    fn take<'c, 'm: 'c>(
        &mut self,
        ota: &mut dyn UpdateCore<Flash = &'c mut Chip<'m>>,
        step: Step,
        table: PartitionTable<'_>,
    ) -> Result<bool, Dead> {
        let World::Calls(plan) = *self.journal.world() else {
            return Ok(false);
        };
        let twin = Twin::new(self.device, ota.flash());
        let after = twin.rehearse(step, table, self.running).course();
        alive(ota.flash())?;
        self.plan(plan.calling(after));
        let taken = take(step, self.device, ota, &mut |name, argument| {
            self.journal.call(name, argument);
        });
        ota.flash().performed();
        alive(ota.flash())?;
        self.plan(plan.called(after));
        match &taken {
            Ok(()) => self.journal.note("Ok"),
            Err(error) => self
                .journal
                .note(format_args!("{}: {error}", error.esp_err())),
        }
        Ok(taken.is_ok())
    }

    /// The errand is over, but for this.
    fn finish(&mut self, then: Option<Errand>) {
        if let World::Calls(plan) = *self.journal.world() {
            self.plan(Plan {
                errand: then,
                ..plan
            });
        }
    }

    fn plan(&mut self, plan: Plan) {
        self.journal.change(|world| *world = World::Calls(plan));
    }

    fn show(&self, outcome: Option<Outcome>) -> String {
        let Some(outcome) = outcome else {
            return "nothing that boots".into();
        };
        let image = outcome.image.map_or_else(
            || "unpublished content".into(),
            |image| self.device.name(image),
        );
        format!("{image} from {}", outcome.slot)
    }
}

fn alive(chip: &Chip<'_>) -> Result<(), Dead> {
    if chip.dead() || chip.hangs() {
        return Err(Dead);
    }
    Ok(())
}
