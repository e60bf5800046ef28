//! The simplest use of all this: every state that one cut of a script can leave.

use crate::flash::{Cut, Flash};
use crate::level::Level;
use crate::observer::Observer;
use crate::op::Op;
use crate::profile::Profile;
use crate::state::State;
use crate::tear::{Density, Tear, tears};

/// Keeps what every operation started from.
#[derive(Clone, Debug, Default)]
pub struct Recorder {
    operations: Vec<(State, Op)>,
}

impl Recorder {
    /// Every operation so far, with the contents it started from.
    pub fn operations(&self) -> &[(State, Op)] {
        &self.operations
    }
}

impl Observer for Recorder {
    fn before(&mut self, state: &State, op: &Op) {
        self.operations.push((state.clone(), op.clone()));
    }
}

/// What one cut leaves.
#[derive(Clone, Debug)]
pub struct CrashState {
    /// Where the cut hit and what it tore. Arm it to see the same live.
    pub cut: Cut,
    /// The operation it hit.
    pub op: Op,
    /// What the flash holds afterwards.
    pub state: State,
}

/// Runs `script` once on a healthy flash and derives every state that one cut can leave, operation by operation, tear by
/// tear. Nothing is run again to get there.
///
/// The last operation, done and not acknowledged, is among them. Cuts of what happens *after* the power is back are the
/// caller's to add: run the recovery as the next script.
pub fn crash_states<G>(
    profile: &Profile<G>,
    start: &State,
    density: Density,
    level: Level,
    script: impl FnOnce(&mut Flash<Recorder, G>),
) -> CrashStates {
    let mut flash = Flash::with_observer(profile.clone(), start.clone(), Recorder::default());
    script(&mut flash);
    let (_, recorder, _) = flash.into_parts();
    CrashStates {
        operations: recorder.operations,
        index: 0,
        tears: Vec::new().into_iter(),
        density,
        level,
    }
}

/// Derives crash states one by one; see [`crash_states`].
#[derive(Clone, Debug)]
pub struct CrashStates {
    operations: Vec<(State, Op)>,
    /// The operation after the one that `tears` are of.
    index: usize,
    tears: std::vec::IntoIter<Tear>,
    density: Density,
    level: Level,
}

impl Iterator for CrashStates {
    type Item = CrashState;

    fn next(&mut self) -> Option<CrashState> {
        loop {
            if let Some(tear) = self.tears.next() {
                let index = self.index - 1;
                let (before, op) = &self.operations[index];
                let mut state = before.clone();
                state.tear(op, tear);
                return Some(CrashState {
                    cut: Cut {
                        op: index as u64,
                        tear,
                    },
                    op: op.clone(),
                    state,
                });
            }
            let (_, op) = self.operations.get(self.index)?;
            self.tears = tears(op, self.density, self.level).into_iter();
            self.index += 1;
        }
    }
}
