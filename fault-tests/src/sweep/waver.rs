//! A sweep of reads instead of cuts: in each power-on one read of an image is answered otherwise, once.
//!
//! The device lives its life, without a cut. Each power-on of it is lived again for each read that looks at certain
//! words of the images: what the header and the descriptor say, some of the data, checksum and hash; and the one that
//! follows as well, with every read right. P9 and P13 are judged in both. A pointer to an image that one power-on
//! refused over a wrong read is judged in the next one: there the image is as it is.

use std::fmt;
use std::ops::Range;

use ota_core::image::app_desc;
use ota_core::partition::Type;
use rayon::prelude::*;
use sim_flash::State;

use super::known::{self, Known};
use super::{Skipped, SweepOptions, thousands};
use crate::chip::{Knowledge, Knows, Waver, reads_word};
use crate::explore::{Conditions, PowerOn, REST, power_on, power_on_prepared};
use crate::ota::{Policy, Scenario, Setup, World};
use crate::property::{Finding, Property};
use crate::subject::Rest;

/// What such a sweep found.
#[derive(Clone, Debug)]
pub struct WaverReport {
    /// The policy under test.
    pub policy: Policy,
    /// Each scenario.
    pub scenarios: Vec<WaverScenario>,
    /// Scenarios left out.
    pub skipped: Vec<Skipped>,
}

/// What was found in one scenario.
#[derive(Clone, Debug)]
pub struct WaverScenario {
    /// Its name.
    pub scenario: String,
    /// Power-ons of its lives.
    pub power_ons: usize,
    /// Reads that were answered otherwise, one at a time.
    pub reads: usize,
    /// What a read led to.
    pub findings: Vec<Wavered>,
}

/// A violation, and the read that led to it.
#[derive(Clone, Debug)]
pub struct Wavered {
    /// The read.
    pub read: String,
    /// What is violated.
    pub finding: Finding,
    /// Why, where that is known.
    pub known: Option<&'static Known>,
}

/// One read that is answered otherwise.
#[derive(Clone, Copy, Debug)]
struct Lie {
    at: u32,
    /// Which read of the word, from 0 on.
    nth: u32,
    word: [u8; 4],
}

/// Sweeps the reads of every scenario, `options` says of which device.
pub fn run(options: &SweepOptions) -> WaverReport {
    let mut report = WaverReport {
        policy: options.policy,
        scenarios: Vec::new(),
        skipped: Vec::new(),
    };
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(options.jobs)
        .build();
    for &scenario in &options.scenarios {
        let setup = match &options.inputs {
            None => Ok(scenario.bundled(&options.profile)),
            Some(inputs) => scenario.with_inputs(&options.profile, inputs),
        };
        match setup.and_then(|setup| setup.under(options.policy)) {
            Ok(setup) => report.scenarios.push(match &pool {
                Ok(pool) => pool.install(|| sweep(scenario, &setup)),
                Err(_) => sweep(scenario, &setup),
            }),
            Err(why) => report.skipped.push(Skipped {
                scenario: scenario.name.to_owned(),
                why: why.0.to_owned(),
            }),
        }
    }
    report
}

fn sweep(scenario: &Scenario, setup: &Setup) -> WaverScenario {
    let mut found = WaverScenario {
        scenario: scenario.name.to_owned(),
        power_ons: 0,
        reads: 0,
        findings: Vec::new(),
    };
    for start in &setup.starts {
        let (mut state, mut world) = (start.state.clone(), start.world);
        for boot in 0..REST {
            let mut reads = Vec::new();
            let conditions = Conditions::undisturbed(Knows::Nothing);
            let (before, was) = (state.clone(), world);
            let honest = power_on_prepared(
                &setup.device,
                &setup.profile,
                before.clone(),
                was,
                conditions,
                |chip| chip.waver(Waver::Lists(Vec::new())),
                |chip| reads = chip.listed_reads(),
            );
            found.power_ons += 1;
            let lies = lies(setup, &before, &reads);
            found.reads += lies.len();
            let told: Vec<_> = { lies.par_iter() }
                .flat_map_iter(|lie| {
                    let findings = tell(setup, (&before, was), *lie, &honest);
                    let read = lie.describe(setup, &start.name, boot);
                    findings.into_iter().map(move |finding| Wavered {
                        read: read.clone(),
                        known: known::of_wavering(setup.device.policy, finding.property),
                        finding,
                    })
                })
                .collect();
            found.findings.extend(told);
            let rests =
                honest.end == Ok(Rest::Idle) && honest.state == state && honest.world == world;
            (state, world) = (honest.state, honest.world);
            if rests || honest.end == Ok(Rest::Stuck) {
                break;
            }
        }
    }
    found
}

/// A power-on with a lie in it, and the next one without.
fn tell(
    setup: &Setup,
    (state, world): (&State, World),
    lie: Lie,
    honest: &PowerOn<World>,
) -> Vec<Finding> {
    let Lie { at, nth, word } = lie;
    let conditions = Conditions::undisturbed(Knows::Nothing);
    let (device, profile) = (&setup.device, &setup.profile);
    let after = nth;
    let lied = power_on_prepared(
        device,
        profile,
        state.clone(),
        world,
        conditions,
        |chip| chip.waver(Waver::Lies { at, after, word }),
        |_| {},
    );
    let of = |property: Property| move |finding: &Finding| finding.property == property;
    let mut findings: Vec<_> = { lied.findings.into_iter() }
        .filter(of(Property::AntiRollback))
        .collect();
    if lied.state != honest.state || lied.world != honest.world {
        let mut known = Knowledge::default();
        let conditions = Conditions::undisturbed(Knows::Results(&mut known));
        let next = power_on(device, profile, lied.state, lied.world, conditions);
        findings.extend(next.findings.into_iter().filter(|finding| {
            of(Property::AntiRollback)(finding) || of(Property::PublishOrder)(finding)
        }));
    }
    findings
}

/// Every lie about a word that matters, at every read of it.
fn lies(setup: &Setup, state: &State, reads: &[Range<u32>]) -> Vec<Lie> {
    const VERSION: u32 = app_desc::OFFSET + 4;
    let mut lies = Vec::new();
    let published = setup.device.published.iter();
    let lengths: Vec<u32> = { published.map(|firmware| firmware.bytes.len()) }
        .filter_map(|len| u32::try_from(len).ok())
        .collect();
    let slots = setup.device.partitions.iter();
    for slot in slots.filter(|row| row.kind == Type::APP) {
        // The header, the first segment's, the descriptor; then some of the data; then checksum and hash.
        let mut words: Vec<u32> = (0..app_desc::OFFSET).step_by(4).collect();
        words.extend([
            app_desc::OFFSET,
            VERSION,
            app_desc::OFFSET + 176,
            app_desc::OFFSET + 180,
        ]);
        words.extend([0x400, 0x1000]);
        words.extend(lengths.iter().flat_map(|len| [len - 36, len - 32, len - 4]));
        words.sort_unstable();
        words.dedup();
        for offset in words.into_iter().filter(|offset| offset + 4 <= slot.size) {
            let at = slot.offset + offset;
            let looks = reads.iter().filter(|read| reads_word(read, at)).count();
            let mut truth = [0; 4];
            state.read(at, &mut truth);
            let truth = u32::from_le_bytes(truth);
            let mut answers = vec![!truth, 0];
            if offset == VERSION {
                answers.extend([1, 2, 3, 4, 16, u32::MAX]);
            }
            for (nth, answer) in (0..u32::try_from(looks).unwrap_or(0))
                .flat_map(|nth| answers.iter().map(move |answer| (nth, *answer)))
            {
                let word = answer.to_le_bytes();
                lies.push(Lie { at, nth, word });
            }
        }
    }
    lies
}

impl Lie {
    fn describe(self, setup: &Setup, start: &str, boot: u32) -> String {
        let place = setup.device.map().place(self.at).name;
        let start = if start.is_empty() { "" } else { ", " };
        format!(
            "power-on {boot}{start}: read {} of 0x{:x} in {place} as 0x{:08x}",
            self.nth + 1,
            self.at,
            u32::from_le_bytes(self.word)
        )
    }
}

impl WaverReport {
    /// Whether nothing was found that is not known.
    pub fn passed(&self) -> bool {
        let mut findings = self.scenarios.iter().flat_map(|s| &s.findings);
        findings.all(|wavered| wavered.known.is_some())
    }

    /// 0, or 1 if a property is violated; 6 if nothing was swept.
    pub fn exit_code(&self) -> u8 {
        match self.scenarios.iter().map(|s| s.reads).sum::<usize>() {
            0 => 6,
            _ => u8::from(!self.passed()),
        }
    }
}

impl fmt::Display for WaverReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "one read of an image wavers in each power-on, policy {}",
            self.policy
        )?;
        writeln!(
            f,
            "{:<22}{:>10}{:>12}  verdict",
            "scenario", "power-ons", "reads"
        )?;
        for scenario in &self.scenarios {
            let of = |property: Property| {
                let mut findings = scenario.findings.iter();
                findings.any(|wavered| wavered.finding.property == property)
            };
            let failed = scenario
                .findings
                .iter()
                .any(|wavered| wavered.known.is_none());
            let (power_ons, reads) = (scenario.power_ons as u64, scenario.reads as u64);
            write!(
                f,
                "{:<22}{:>10}{:>12}  {}",
                scenario.scenario,
                thousands(power_ons),
                thousands(reads),
                if failed { "FAIL" } else { "PASS" }
            )?;
            for property in [Property::AntiRollback, Property::PublishOrder] {
                let holds = if of(property) { "not " } else { "" };
                write!(f, "  {holds}{}", property.id())?;
            }
            writeln!(f)?;
            let mut told: Vec<Option<&str>> = Vec::new();
            for wavered in &scenario.findings {
                let why = wavered.known.map(|known| known.why.text);
                // Once for each reason that is known; every one that is not.
                if why.is_some() && told.contains(&why) {
                    continue;
                }
                told.push(why);
                writeln!(f, "  {}: {}", wavered.read, wavered.finding)?;
                if let Some(why) = why {
                    writeln!(f, "    known: {why}")?;
                }
            }
        }
        for Skipped { scenario, why } in &self.skipped {
            writeln!(f, "{scenario} left out: {why}")?;
        }
        Ok(())
    }
}
