//! The flags of `brownout sweep`, and how their values are written.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::builder::PossibleValue;
use clap::{Args, ValueEnum};
use sim_flash::{Contract, Profile};

use super::FirmwareArgs;
use crate::dump::Call;
use crate::explore::ANY;
use crate::ota::Policy;
use crate::property::Consequence;
use crate::sweep::{self, Budget, Filling, Shard};

#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub(crate) struct SweepArgs {
    #[command(flatten)]
    pub(crate) firmware: FirmwareArgs,
    /// List the scenarios, the chips, the policies and the levels, and sweep nothing
    #[arg(long, exclusive = true)]
    pub(crate) list: bool,
    /// How much to try: `quick` each update with one cut, `full` the defaults of all flags below, `proof` everything
    /// with any number of cuts and no budget; flags that are given say otherwise
    #[arg(long, value_name = "EFFORT", value_enum, default_value_t = Effort::Full)]
    pub(crate) effort: Effort,
    /// Fail (exit code 1) if a cut can lead to this, or to worse
    #[arg(long, value_name = "CONSEQUENCE", value_enum)]
    pub(crate) deny: Option<Deny>,
    /// Fail only for what is not in this JSON of an earlier sweep, unless --deny says of what
    #[arg(long, value_name = "FILE")]
    pub(crate) baseline: Option<PathBuf>,
    /// Print the small print, and what is said of each property
    #[arg(long, short)]
    pub(crate) verbose: bool,
    /// What the dump's device does while the power fails [default: boot]
    #[arg(long = "do", value_name = "CALL", requires = "dump")]
    pub(crate) call: Option<Call>,
    /// The slot that `--do select` selects, by its name or its label [default: the one to update next]
    #[arg(long, value_name = "SLOT", requires = "dump")]
    pub(crate) slot: Option<String>,
    /// Sweep this scenario only, or all `updates`, or all `calls`; may be given again [default: all but `smallest`,
    /// which is for `--audit all`]
    #[arg(long, value_name = "NAME", conflicts_with = "dump")]
    pub(crate) scenario: Vec<String>,
    /// How badly a cut may behave: L0 whole operations, L1 byte prefixes, L2 any bits, L3 weak bits,
    /// L3-noheal weak bits that only an erase makes solid, L4 weak bits in the rest of the sector as well
    /// [default: L3; with stock code: L2]
    #[arg(long, value_name = "LEVEL")]
    pub(crate) level: Option<Contract>,
    /// Cuts in a row, at most; `any` for all there may be, `until-full` for all until the log of the hardened
    /// policy is full and in doubt, `while-room` for all in a log that is never full [default: 2; above L3, and at L3
    /// on chips that encrypt or program in words: 1; stock: any, 1 with weak bits; in company with stock code: 1]
    #[arg(long, value_name = "N|any|until-full|while-room")]
    pub(crate) cuts: Option<Depth>,
    /// Give a scenario up as inconclusive after so many boots (200000) or so much time (30s)
    /// [default: 2000000; with --effort proof none]
    #[arg(long, value_name = "BOOTS|SECONDSs")]
    pub(crate) budget: Option<Budget>,
    /// Give a scenario up as inconclusive when what is known of the starts that are explored together takes so much
    /// memory (500MiB, 4GiB); as many are explored at a time as there are jobs
    #[arg(long, value_name = "BYTES", default_value = "2GiB", value_parser = bytes)]
    pub(crate) memory: u64,
    /// With stock code: cut erases so that they leave old bits beside risen ones as well, one cut each; the hardened
    /// policy is always swept with these
    #[arg(long)]
    pub(crate) risen: bool,
    /// The flash chip [default: w25q64jv, or with one's own files one that the table fits in]
    #[arg(long, value_name = "NAME", value_parser = sweep::profile)]
    pub(crate) profile: Option<Profile>,
    /// The commit policy: stock for ESP-IDF's, hardened, hardened-GROUPS-RESERVE for a small log, or
    /// stock-bootloader or stock-application for a device of which that half is ESP-IDF's and the other hardened
    /// [default: stock with one's own files and dumps, hardened with the bundled ones]
    #[arg(long, value_name = "NAME", conflicts_with = "dump")]
    pub(crate) policy: Option<Policy>,
    /// Execute one in N of the pruned judgements after all, or all, or none
    #[arg(long, value_name = "N|all|none", default_value = "1000")]
    pub(crate) audit: Audit,
    /// Cut no power; instead, let one read of an image be answered otherwise in each power-on, each in turn, and judge
    /// P9 and P13
    #[arg(
        long,
        conflicts_with_all = ["dump", "level", "cuts", "shard", "json", "keep", "windows", "coverage", "deny", "baseline"]
    )]
    pub(crate) waver: bool,
    /// Stop at the first violation that is no known window; of scenarios behind it nothing is said
    #[arg(long, conflicts_with_all = ["dump", "shard", "waver"])]
    pub(crate) first: bool,
    /// Print which tears of which windows were tried, and how long each window is open
    #[arg(long)]
    pub(crate) coverage: bool,
    /// Print every case of every known window that was met, and why it is one
    #[arg(long)]
    pub(crate) windows: bool,
    /// Threads [default: one for each core]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) jobs: Option<u16>,
    /// Seeds the drawn tears and the audit
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) seed: u64,
    /// Sweep only one part of several, for `brownout merge`
    #[arg(long, value_name = "I/N", requires = "json", conflicts_with = "dump")]
    pub(crate) shard: Option<Shard>,
    /// Write one JSON object for each scenario, one on a line; "-" for standard output
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
    /// Write a case file for each window found into this folder
    #[arg(long, value_name = "DIR")]
    pub(crate) keep: Option<PathBuf>,
}

/// How much to try.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Effort {
    /// Each update, one cut.
    Quick,
    /// What a gate needs.
    Full,
    /// Until no state is left.
    Proof,
}

impl Effort {
    /// Cuts in a row, if none are asked for: `None` for as many as each scenario has by default.
    pub(crate) const fn cuts(self) -> Option<u32> {
        match self {
            Self::Quick => Some(1),
            Self::Full => None,
            Self::Proof => Some(ANY),
        }
    }

    /// The scenarios, if none are asked for: `None` for all.
    pub(crate) const fn scenarios(self) -> Option<&'static str> {
        match self {
            Self::Quick => Some("updates"),
            Self::Full | Self::Proof => None,
        }
    }

    /// The budget, if none is given.
    pub(crate) const fn budget(self) -> Budget {
        match self {
            Self::Quick | Self::Full => Budget::Boots(2_000_000),
            Self::Proof => Budget::Boots(u64::MAX),
        }
    }
}

/// A consequence that is denied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Deny(pub(crate) Consequence);

impl ValueEnum for Deny {
    fn value_variants<'a>() -> &'a [Self] {
        const DENIABLE: [Deny; 4] = [
            Deny(Consequence::Bricked),
            Deny(Consequence::Unchosen),
            Deny(Consequence::PromiseLost),
            Deny(Consequence::Redo),
        ];
        &DENIABLE
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(self.0.name()).help(self.0.happens()))
    }
}

impl ValueEnum for Call {
    fn value_variants<'a>() -> &'a [Self] {
        &Self::ALL
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(self.name()).help(self.about()))
    }
}

/// How many of the pruned judgements are executed after all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Audit {
    /// One in this many; 0 is none.
    pub(crate) one_in: u32,
}

impl FromStr for Audit {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let one_in = match text {
            "all" => Some(1),
            "none" => Some(0),
            number => number.parse().ok().filter(|one_in| *one_in > 0),
        };
        one_in.map(|one_in| Self { one_in }).ok_or_else(|| {
            format!("found \"{text}\", expected a number (one in so many), \"all\" or \"none\"")
        })
    }
}

/// So much memory: `4GiB`, `500MiB`, or bytes.
fn bytes(text: &str) -> Result<u64, String> {
    let unit = |suffix: &str, bytes: u64| Some((text.strip_suffix(suffix)?, bytes));
    let (number, unit) = None
        .or_else(|| unit("GiB", 1 << 30))
        .or_else(|| unit("MiB", 1 << 20))
        .or_else(|| unit("KiB", 1 << 10))
        .unwrap_or((text, 1));
    let bytes = number.parse::<u64>().ok().and_then(|n| n.checked_mul(unit));
    bytes.filter(|bytes| *bytes > 0).ok_or_else(|| {
        format!("found \"{text}\", expected bytes such as 500MiB or 4GiB, more than none")
    })
}

impl FromStr for Budget {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong =
            || format!("found \"{text}\", expected a number of boots (200000) or of seconds (30s)");
        match text.strip_suffix('s') {
            Some(seconds) => {
                let seconds: u64 = seconds.parse().map_err(|_| wrong())?;
                Ok(Self::Time(Duration::from_secs(seconds)))
            }
            None => Ok(Self::Boots(text.parse().map_err(|_| wrong())?)),
        }
    }
}

/// How many cuts in a row.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Depth {
    pub(crate) cuts: u32,
    /// How far they may fill a log.
    pub(crate) filling: Filling,
}

impl FromStr for Depth {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let filling = match text {
            "until-full" => Filling::UntilFull,
            "while-room" => Filling::WhileRoom,
            _ => Filling::Any,
        };
        let cuts = match text {
            "any" | "until-full" | "while-room" => ANY,
            text => text.parse().map_err(|_| {
                format!("found \"{text}\", expected a number, any, until-full or while-room")
            })?,
        };
        Ok(Self { cuts, filling })
    }
}
