//! What can be said on the command line.

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use clap::builder::PossibleValue;
use clap::{ArgGroup, Args, Parser, Subcommand, ValueEnum};
use sim_flash::{Contract, Profile};

use crate::adversary::Life;
use crate::dump::Call;
use crate::explore::ANY;
use crate::ota::Policy;
use crate::partition_csv;
use crate::sweep::{self, Budget, Filling, Shard};

const EXIT_CODES: &str = "Exit codes:
  0  every promised property holds
  1  a safety property is violated, or a full sweep never met what it must
  2  usage: a wrong flag or an unusable file
  5  the code under test does not repeat itself
  6  inconclusive: the budget or the memory ran out, or a case is stale";

/// Cuts the power everywhere in an over-the-air update, boots the device after
/// every cut, and says what it does.
///
/// Without a command it sweeps all scenarios on the bundled firmware, under
/// the hardened policy.
#[derive(Debug, Parser)]
#[command(name = "brownout", version, args_conflicts_with_subcommands = true, after_help = EXIT_CODES)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    #[command(flatten)]
    pub(crate) sweep: SweepArgs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Cut the power everywhere and judge every boot (the default)
    #[command(after_help = SWEEP_HELP)]
    Sweep(Box<SweepArgs>),
    /// Put the shards of a sweep together: the verdict of the whole
    #[command(after_help = MERGE_HELP)]
    Merge(MergeArgs),
    /// Replay one case, a case file, or a folder of case files
    #[command(after_help = REPLAY_HELP)]
    Replay(ReplayArgs),
    /// Say what a file is: a flash dump, otadata, an image; what boots from it, and why
    #[command(after_help = INSPECT_HELP)]
    Inspect(InspectArgs),
    /// Hunt the broken subjects of the zoo: the harness against mistakes that it must catch
    #[command(after_help = ZOO_HELP)]
    Zoo(ZooArgs),
    /// Hunt for faults of the hardened policy with random lives: a second judge
    #[command(after_help = ADVERSARY_HELP)]
    Adversary(AdversaryArgs),
    /// Check ota-core against vectors that ESP-IDF's own code answered
    #[command(after_help = CONFORM_HELP)]
    Conform(ConformArgs),
    /// Convert a partition table, CSV to binary or binary to CSV
    Table(TableArgs),
}

const SWEEP_HELP: &str = "Examples:
  brownout sweep
  brownout sweep --policy stock
  brownout sweep --scenario update-confirm --level L1 --json out.jsonl
  brownout sweep --table partitions.csv --running v1.bin --update v2.bin
  brownout sweep --dump flash.bin --do confirm
  brownout sweep --dump flash.bin --do update --update v2.bin

The policy is ota-core's own, which closes the windows of ESP-IDF's; --policy
stock sweeps that one, and a dump's device always has it.

A sweep of the user's own files runs every scenario that the table allows:
v1 is put into its slot, v2 is what the server offers. A sweep of a dump asks
what could have happened to that device: it boots, makes the one call, and the
power fails everywhere in that call and in the boots after it.";

const MERGE_HELP: &str = "Example:
  brownout sweep --shard 1/2 --json a.json     # on one machine
  brownout sweep --shard 2/2 --json b.json     # on another
  brownout merge a.json b.json

It says what one sweep would have said. A shard that is missing, there twice,
truncated, or of another sweep makes it inconclusive: exit code 6.";

const REPLAY_HELP: &str = "Examples:
  brownout replay 'bo1:update-confirm@w25q64jv:L2:stock/b1.o0.E3~9c3e01ab'
  brownout replay corpus/cases
  brownout replay 'bo1:dump-confirm+1a2b3c4d@...' --dump flash.bin

An id prints its timeline, and the exit code is 1 if the device violates a
property there. A file or folder says what each case must show; the exit code
is 1 if one no longer shows it.";

const INSPECT_HELP: &str = "Examples:
  esptool read-flash 0 ALL dump.bin && brownout inspect dump.bin
  esptool read-flash 0xd000 0x2000 otadata.bin && brownout inspect otadata.bin --table partitions.csv
  brownout inspect app.bin

It says what kind of file it is, and looks at what it can. The file is never
changed. Bytes outside it are not taken for erased: where the answer depends
on them it says so, and what to read.

Exit codes:
  0  what is selected boots; or the image, or the table, is right
  1  it does not
  2  usage: a wrong flag, or a file in which there is nothing to inspect
  6  the file does not tell";

const ZOO_HELP: &str = "Examples:
  brownout zoo
  brownout zoo --subject swap-bad-magic

Each subject has one mistake, and a healthy twin without it. The exit code is
1 if a mistake is not caught, or if a twin is found at fault.";

const ADVERSARY_HELP: &str = "Examples:
  brownout adversary --power-ons 1000000 --seed 7
  brownout adversary --policy hardened-4-2
  brownout adversary --replay 'adversary1 blank slots=2 ... / read=zero:0 valid'

It shares nothing with the explorer: a flash of its own, lives drawn at random,
and a model of the documented calls as its oracle. A life that fails is made
small and printed in one line, to be replayed. The exit code is 1 if one fails.";

const CONFORM_HELP: &str = "Examples:
  brownout conform
  brownout conform vectors --images images --tables tables

DIR holds otadata.jsonl, image.jsonl and table.jsonl; without it the bundled
vectors are checked. The exit code is 1 if an answer differs, deliberate
differences apart.";

/// The user's own firmware, or a device's flash, instead of the bundled firmware.
#[derive(Debug, Args, Clone, Default)]
#[command(group = ArgGroup::new("device").args(["running", "dump"]).multiple(true))]
pub(crate) struct FirmwareArgs {
    /// Partition table, binary or CSV
    #[arg(long, value_name = "FILE", requires = "running", requires = "update")]
    #[arg(conflicts_with = "dump")]
    pub(crate) table: Option<PathBuf>,
    /// App image that the device runs
    #[arg(
        long,
        value_name = "FILE",
        requires = "update",
        conflicts_with = "dump"
    )]
    pub(crate) running: Option<PathBuf>,
    /// App image that it is updated to
    #[arg(long, value_name = "FILE", requires = "device")]
    pub(crate) update: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) dump: DumpArgs,
    #[command(flatten)]
    pub(crate) csv: CsvArgs,
}

impl FirmwareArgs {
    /// The files that are read.
    pub(crate) fn inputs(&self) -> Vec<&Path> {
        let files = [&self.table, &self.running, &self.update, &self.dump.dump];
        files.into_iter().flatten().map(PathBuf::as_path).collect()
    }
}

/// A real device's flash, and what a dump leaves open.
#[derive(Debug, Args, Clone, Default)]
pub(crate) struct DumpArgs {
    /// Flash dump of the device, from address 0 on, as `esptool read_flash` makes it
    #[arg(long, value_name = "FILE")]
    pub(crate) dump: Option<PathBuf>,
    /// Size of the dump's flash in MiB, 1 to 16 [default: the next power of two]
    #[arg(long, value_name = "MIB", requires = "dump")]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=16))]
    pub(crate) flash_size: Option<u32>,
    /// The dump's chip, for instance esp32c3 [default: what the dump says]
    #[arg(long, value_name = "NAME", requires = "dump")]
    pub(crate) chip: Option<String>,
    /// The dump's bootloader does not monitor the first boot of a new image
    #[arg(long, requires = "dump")]
    pub(crate) no_rollback: bool,
}

impl ValueEnum for Call {
    fn value_variants<'a>() -> &'a [Self] {
        &Self::ALL
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(self.name()).help(self.about()))
    }
}

/// What a partition table in CSV leaves open.
#[derive(Debug, Args, Clone, Default)]
#[allow(clippy::struct_field_names)] // as the flags are called
pub(crate) struct CsvArgs {
    /// Flash address of the partition table
    #[arg(long, value_name = "ADDR", default_value = "0x8000", value_parser = address)]
    pub(crate) table_offset: u32,
    /// Flash address of the bootloader, for CSV tables with a row for it
    #[arg(long, value_name = "ADDR", value_parser = address)]
    pub(crate) primary_bootloader_offset: Option<u32>,
    /// Flash address of the recovery bootloader, for CSV tables with a row for it
    #[arg(long, value_name = "ADDR", value_parser = address)]
    pub(crate) recovery_bootloader_offset: Option<u32>,
}

impl CsvArgs {
    pub(crate) fn options(&self) -> partition_csv::Options {
        partition_csv::Options {
            table_offset: self.table_offset,
            primary_bootloader_offset: self.primary_bootloader_offset,
            recovery_bootloader_offset: self.recovery_bootloader_offset,
            ..partition_csv::Options::default()
        }
    }
}

#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub(crate) struct SweepArgs {
    #[command(flatten)]
    pub(crate) firmware: FirmwareArgs,
    /// What the dump's device does while the power fails [default: boot]
    #[arg(long = "do", value_name = "CALL", requires = "dump")]
    pub(crate) call: Option<Call>,
    /// The slot that `--do select` selects [default: the one to update next]
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
    #[arg(long, value_name = "BOOTS|SECONDSs", default_value = "2000000")]
    pub(crate) budget: Budget,
    /// Give a scenario up as inconclusive when what is known of the starts that are explored together takes so much
    /// memory (500MiB, 4GiB); as many are explored at a time as there are jobs
    #[arg(long, value_name = "BYTES", default_value = "2GiB", value_parser = bytes)]
    pub(crate) memory: u64,
    /// With stock code: cut erases so that they leave old bits beside risen ones as well, one cut each; the hardened
    /// policy is always swept with these
    #[arg(long)]
    pub(crate) risen: bool,
    /// The chip
    #[arg(long, value_name = "NAME", default_value = "w25q64jv", value_parser = sweep::profile)]
    pub(crate) profile: Profile,
    /// The commit policy: hardened, hardened-GROUPS-RESERVE for a small log, stock for ESP-IDF's, or
    /// stock-bootloader or stock-application for a device of which that half is ESP-IDF's and the other hardened
    #[arg(
        long,
        value_name = "NAME",
        default_value = "hardened",
        conflicts_with = "dump"
    )]
    pub(crate) policy: Policy,
    /// Execute one in N of the pruned judgements after all, or all, or none
    #[arg(long, value_name = "N|all|none", default_value = "1000")]
    pub(crate) audit: Audit,
    /// Cut no power; instead, let one read of an image be answered otherwise in each power-on, each in turn, and judge
    /// P9 and P13
    #[arg(
        long,
        conflicts_with_all = ["dump", "level", "cuts", "shard", "json", "keep", "windows", "coverage"]
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

#[derive(Debug, Args)]
pub(crate) struct MergeArgs {
    /// What `brownout sweep --shard I/N --json FILE` wrote, for every I
    #[arg(value_name = "FILE", required = true)]
    pub(crate) files: Vec<PathBuf>,
    /// Print which tears of which windows were tried, and how long each window is open
    #[arg(long)]
    pub(crate) coverage: bool,
    /// Print every case of every known window that was met, and why it is one
    #[arg(long)]
    pub(crate) windows: bool,
    /// Write one JSON object for each scenario, one on a line; "-" for standard output
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct ReplayArgs {
    /// A case id, a case file, or a folder of them
    #[arg(value_name = "ID|FILE|DIR")]
    pub(crate) case: String,
    #[command(flatten)]
    pub(crate) firmware: FirmwareArgs,
}

#[derive(Debug, Args)]
pub(crate) struct InspectArgs {
    /// A flash dump or a part of one, otadata, an image, a partition table; "-" for standard input
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Flash address of the file's first byte [default: 0, or what its contents say]
    #[arg(long, value_name = "ADDR", value_parser = address)]
    pub(crate) from: Option<u32>,
    /// Flash address of the partition table [default: 0x8000, or the first sector with a table]
    #[arg(long, value_name = "ADDR", value_parser = address)]
    pub(crate) table_offset: Option<u32>,
    /// The chip, for instance esp32c3 [default: what the images say]
    #[arg(long, value_name = "NAME")]
    pub(crate) chip: Option<String>,
    /// The chip's revision, for instance v0.4 [default: one that every image takes]
    #[arg(long, value_name = "vM.N")]
    pub(crate) chip_revision: Option<Revision>,
    /// The revision of the chip's eFuse blocks, for instance v1.3 [default: one that every image takes]
    #[arg(long, value_name = "vM.N")]
    pub(crate) efuse_revision: Option<Revision>,
    /// The secure version in eFuse, of a device with anti-rollback [default: without anti-rollback]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(0..=32))]
    pub(crate) efuse_version: Option<u32>,
    /// The device has secure boot v2: images need a signature, which is not checked
    #[arg(long)]
    pub(crate) secure_boot: bool,
    /// Boot only as a bootloader without rollback does [default: both ways]
    #[arg(long)]
    pub(crate) no_rollback: bool,
    /// Number of OTA slots, for otadata alone [default: several are tried]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=16))]
    pub(crate) slots: Option<u32>,
    /// Partition table that says how many OTA slots there are, for otadata alone
    #[arg(long, value_name = "FILE", conflicts_with = "slots")]
    pub(crate) table: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// A revision, major × 100 + minor.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Revision(pub(crate) u16);

impl FromStr for Revision {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parsed = || {
            let (major, minor) = text.strip_prefix('v').unwrap_or(text).split_once('.')?;
            let (major, minor): (u16, u16) = (major.parse().ok()?, minor.parse().ok()?);
            Some(Self(major.checked_mul(100)?.checked_add(minor)?)).filter(|_| minor < 100)
        };
        parsed().ok_or_else(|| format!("found \"{text}\", expected a revision such as v0.4"))
    }
}

#[derive(Debug, Args)]
pub(crate) struct ZooArgs {
    /// Hunt this one only, and tell what happens in its case; may be given again [default: all]
    #[arg(long, value_name = "NAME")]
    pub(crate) subject: Vec<String>,
    /// Print one JSON object for each, one on a line
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct AdversaryArgs {
    /// How many power-ons, or a few more
    #[arg(long, value_name = "N", default_value_t = 200_000)]
    pub(crate) power_ons: u64,
    /// Seeds the lives
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) seed: u64,
    /// Live no random lives but every sequence of so many calls in one power-on, and of two across a restart, from points
    /// of an ordinary life: 2 takes seconds, 3 minutes
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=3))]
    #[arg(conflicts_with_all = ["power_ons", "seed", "policy"])]
    pub(crate) sequences: Option<u32>,
    /// The policy: hardened, or hardened-GROUPS-RESERVE for a small log; may be given again [default: hardened and
    /// four small logs]
    #[arg(long, value_name = "NAME")]
    pub(crate) policy: Vec<Policy>,
    /// Stop at the first life that fails
    #[arg(long)]
    pub(crate) first: bool,
    /// Threads [default: one for each core]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) jobs: Option<u16>,
    /// Live one life instead, and tell it
    #[arg(long, value_name = "LIFE", conflicts_with_all = ["power_ons", "seed", "sequences", "policy", "first", "jobs"])]
    pub(crate) replay: Option<Life>,
}

#[derive(Debug, Args)]
pub(crate) struct ConformArgs {
    /// Folder of the vectors
    #[arg(value_name = "DIR")]
    pub(crate) vectors: Option<PathBuf>,
    /// Folder of the images that vectors start from [default: the bundled images]
    #[arg(long, value_name = "DIR")]
    pub(crate) images: Option<PathBuf>,
    /// Folder of the binary tables that vectors start from [default: the bundled tables]
    #[arg(long, value_name = "DIR")]
    pub(crate) tables: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct TableArgs {
    /// The table, CSV or binary
    #[arg(value_name = "INPUT")]
    pub(crate) input: PathBuf,
    /// Where to write it; "-" for standard output
    #[arg(value_name = "OUTPUT")]
    pub(crate) output: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) csv: CsvArgs,
    /// Size of the flash in MiB, 1 to 128: partitions must end inside
    #[arg(long, value_name = "MIB", value_parser = clap::value_parser!(u32).range(1..=128))]
    pub(crate) flash_size: Option<u32>,
    /// Leave the MD5 row out, or do not expect one
    #[arg(long)]
    pub(crate) disable_md5sum: bool,
    /// Do not check the rules
    #[arg(long)]
    pub(crate) no_verify: bool,
    /// The secure boot scheme, which changes how app sizes are aligned
    #[arg(long, value_name = "SCHEME")]
    pub(crate) secure: Option<Secure>,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub(crate) enum Secure {
    V1,
    V2,
}

impl TableArgs {
    pub(crate) fn options(&self) -> partition_csv::Options {
        partition_csv::Options {
            flash_size: self.flash_size.map(|mib| mib << 20),
            md5: !self.disable_md5sum,
            verify: !self.no_verify,
            secure: self.secure.map(|secure| match secure {
                Secure::V1 => partition_csv::SecureBoot::V1,
                Secure::V2 => partition_csv::SecureBoot::V2,
            }),
            ..self.csv.options()
        }
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

fn address(text: &str) -> Result<u32, String> {
    let parsed = match text.strip_prefix("0x") {
        Some(digits) => u32::from_str_radix(digits, 16),
        None => text.parse(),
    };
    parsed.map_err(|_| format!("found \"{text}\", expected a flash address such as 0x8000"))
}
