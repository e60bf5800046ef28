//! Recovery that can be cut itself: an intent in one register, the account it is for in another.

use sim_flash::Level;

use super::Specimen;
use super::evidence::{P2, P3};
use super::habitat::{Habitat, SECTOR, chip, scripted};
use super::register::Register;
use crate::acknowledged::{Script, Store};
use crate::chip::{Chip, ChipError};

const INTENT: Register = Register::sound(0);
const ACCOUNT: Register = Register::sound(2 * SECTOR);

struct Ledger {
    /// The intent says what to add, not what the sum is to be.
    adds: bool,
}

impl Ledger {
    fn carry_out(&self, flash: &mut Chip<'_>) -> Result<(), ChipError> {
        let intent = INTENT.get(flash)?;
        if intent == 0 {
            return Ok(());
        }
        let before = if self.adds { ACCOUNT.get(flash)? } else { 0 };
        ACCOUNT.put(flash, before + intent)?;
        INTENT.put(flash, 0)
    }
}

impl Store for Ledger {
    type Mounted = ();
    type Value = u32;
    type Operation = u32;
    type Error = ChipError;

    fn mount(&self, flash: &mut Chip<'_>) -> Result<(), ChipError> {
        self.carry_out(flash)
    }

    fn value(&self, (): &mut (), flash: &mut Chip<'_>) -> Result<u32, ChipError> {
        ACCOUNT.get(flash)
    }

    fn apply(&self, (): &mut (), flash: &mut Chip<'_>, add: &u32) -> Result<(), ChipError> {
        let before = if self.adds { 0 } else { ACCOUNT.get(flash)? };
        INTENT.put(flash, before + add)?;
        self.carry_out(flash)
    }
}

pub(super) const SPECIMENS: &[Specimen] = &[Specimen {
    name: "redo-adds-again",
    mistake: "Recovery repeats what the intent says, and the intent says what to add: cut before the intent is cleared, it adds twice.",
    source: "FSCQ (SOSP 2015), Eleven82 (POPL 2016): recovery must be idempotent",
    caught_by: &[P2, P3],
    level: Level::L0,
    twin: Level::L2,
    build: |broken| -> Box<dyn Habitat> {
        let profile = chip(4);
        let mut state = profile.erased();
        INTENT.load(&mut state, 1, 0);
        ACCOUNT.load(&mut state, 10, 20);
        let script = Script::from(20).then(5, 25).then(6, 31);
        scripted(Ledger { adds: broken }, script, profile, state)
    },
}];
