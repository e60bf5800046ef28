//! The calls that only read: what they answer narrows what the device may have chosen.

use ota_core::partition::Slot;
use ota_core::update::OtaError;

use super::application::{Application, Core, Outcome};
use super::device::Device;
use super::model::{Around, State};
use super::verdict::{Rule, Violation, list};

impl Application<'_, '_> {
    /// Every call that only reads.
    pub(super) fn ask(&mut self, ota: &mut Core<'_, '_>) -> Result<(), Violation> {
        let around = self.around(ota);
        let before = ota.flash().done;
        self.narrow(
            "boot_partition",
            ota.boot_partition(),
            |state, _| Some(state.current.slot),
            |partition| partition.and_then(|row| row.slot()),
            &around,
        )?;
        self.narrow(
            "check_rollback_is_possible",
            ota.check_rollback_is_possible(),
            |state, around| state.goes_back_to(around).is_some(),
            |possible| possible,
            &around,
        )?;
        self.narrow(
            "last_invalid_partition",
            ota.last_invalid_partition(),
            State::last_invalid,
            |row| row.and_then(|row| row.slot()),
            &around,
        )?;
        for slot in (0..around.count).map(Slot::Ota) {
            let said = match ota.state_partition(&Device::partition(slot)) {
                Err(OtaError::StateUnknown) => Ok("unknown"),
                state => state.map(|state| state.name().unwrap_or("?")),
            };
            let says = |state: &State, _: &Around| state.state_of(slot);
            self.narrow("state_partition", said, says, |name| name, &around)?;
        }
        for slot in 0..around.count {
            self.progress(Slot::Ota(slot), ota)?;
        }
        let after = ota.flash().done;
        if (before.in_otadata, before.in_slots) != (after.in_otadata, after.in_slots) {
            return Err(Violation::new(
                Rule::Wear,
                "a question writes nothing",
                "it writes",
            ));
        }
        Ok(())
    }

    /// Keeps the states that answer a question so.
    fn narrow<T, A: PartialEq + std::fmt::Debug>(
        &mut self,
        name: &str,
        got: Outcome<T>,
        says: impl Fn(&State, &Around) -> A,
        answer: impl Fn(T) -> A,
        around: &Around,
    ) -> Result<(), Violation> {
        let got = match got {
            Ok(got) => answer(got),
            Err(error) => {
                return Err(Violation::new(
                    Rule::Answer,
                    format!("{name}: Ok"),
                    format!("{error:?}"),
                ));
            }
        };
        let mut allowed = Vec::new();
        let mut kept = Vec::new();
        for state in &self.living.states {
            let mut agrees = false;
            for around in around.certain() {
                let says = says(state, &around);
                agrees |= says == got;
                let says = format!("{says:?}");
                if !allowed.contains(&says) {
                    allowed.push(says);
                }
            }
            if agrees {
                kept.push(*state);
            }
        }
        (self.told)(format!("  {name}: {got:?}"));
        if kept.is_empty() {
            let allowed = format!("{name}: {}", list(&allowed));
            return Err(Violation::new(Rule::Answer, allowed, format!("{got:?}")));
        }
        self.living.states = kept;
        Ok(())
    }
}
