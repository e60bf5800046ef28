//! How hard to try: stages from the mildest cuts to the worst.

use std::time::{Duration, Instant};

use sim_flash::{Density, Level};

use crate::explore::Limits;

/// How much time a test may take: the environment variable `BROWNOUT_EFFORT`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effort {
    /// One cut, at few places of each operation.
    Quick,
    Usual,
    /// Two cuts in a row at every level, ten times the time.
    Full,
}

/// The variable that scales all tests.
pub(super) const EFFORT: &str = "BROWNOUT_EFFORT";

impl Effort {
    /// What the environment asks for.
    ///
    /// # Panics
    ///
    /// If that is no effort.
    pub(super) fn asked_for() -> Self {
        match std::env::var(EFFORT).as_deref() {
            Err(_) | Ok("") => Self::Usual,
            Ok("quick") => Self::Quick,
            Ok("full") => Self::Full,
            Ok(other) => panic!("{EFFORT}: found \"{other}\", expected quick or full"),
        }
    }

    /// Sequences that are drawn.
    pub(super) const fn draws(self) -> u64 {
        match self {
            Self::Quick => 4,
            Self::Usual => 12,
            Self::Full => 200,
        }
    }

    const fn seconds(self) -> u64 {
        match self {
            Self::Quick => 10,
            Self::Usual => 60,
            Self::Full => 600,
        }
    }

    const fn boots(self) -> u64 {
        match self {
            Self::Quick => 50_000,
            Self::Usual => 500_000,
            Self::Full => 5_000_000,
        }
    }
}

/// One exploration of several.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stage {
    pub(super) level: Level,
    pub(super) cuts: u32,
}

/// The limits of a test.
#[derive(Clone, Debug)]
pub(super) struct Budget {
    pub(super) effort: Effort,
    pub(super) boots: u64,
    pub(super) deadline: Instant,
    pub(super) memory: u64,
}

impl Budget {
    pub(super) fn new(
        effort: Effort,
        boots: Option<u64>,
        seconds: Option<u64>,
        memory: Option<u64>,
    ) -> Self {
        let seconds = seconds.unwrap_or_else(|| effort.seconds());
        Self {
            effort,
            boots: boots.unwrap_or_else(|| effort.boots()),
            deadline: Instant::now() + Duration::from_secs(seconds),
            memory: memory.unwrap_or(1 << 30),
        }
    }

    /// The limits of a stage.
    pub(super) fn limits(&self, stage: Stage) -> Limits {
        let thorough = self.effort != Effort::Quick;
        Limits {
            level: stage.level,
            cuts: stage.cuts,
            first: if thorough {
                Density::Full
            } else {
                Density::Coarse
            },
            later: if self.effort == Effort::Full {
                Density::Full
            } else {
                Density::Coarse
            },
            every_byte: thorough,
            every_row: thorough,
            boots: self.boots,
            deadline: Some(self.deadline),
            memory: self.memory,
            ..Limits::default()
        }
    }
}

/// What is tried, the mildest first: each level up to `worst` with one cut, and two cuts in a row where that is cheap.
pub(super) fn stages(effort: Effort, worst: Level, cuts: Option<u32>) -> Vec<Stage> {
    let levels = Level::ALL.into_iter().filter(|level| *level <= worst);
    let mut stages: Vec<Stage> = levels
        .map(|level| Stage {
            level,
            cuts: cuts.unwrap_or(if level == Level::L0 { 2 } else { 1 }),
        })
        .collect();
    if cuts.is_none() {
        let twice: &[Level] = match effort {
            Effort::Quick => &[],
            Effort::Usual => &[Level::L1],
            Effort::Full => &Level::ALL[1..],
        };
        let twice = twice.iter().filter(|level| **level <= worst);
        stages.extend(twice.map(|level| Stage {
            level: *level,
            cuts: 2,
        }));
    }
    stages
}
