//! What can be said on the command line.

mod sweep;

use std::path::{Path, PathBuf};
use std::str::FromStr;

use clap::{ArgGroup, Args, Parser, Subcommand};
use clap_complete::Shell;

pub(super) use sweep::{Deny, SweepArgs};

use crate::adversary::Life;
use crate::ota::Policy;
use crate::partition_csv;

const EXIT_CODES: &str = "Exit codes:
  0    every promised property holds, or does outside known windows (WINDOWS)
  1    a safety property is violated, a denied or new window was met, or a full
       sweep never met what it must
  2    usage: a wrong flag or an unusable file
  5    the code under test does not repeat itself
  6    inconclusive: the budget or the memory ran out, or a case is stale
  130  interrupted: what was covered until then is said";

/// Cuts the power everywhere in an over-the-air update, boots the device after
/// every cut, and says what it does.
#[derive(Debug, Parser)]
#[command(name = "brownout", version, arg_required_else_help = true)]
#[command(max_term_width = 80, after_help = EXIT_CODES)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Cut the power everywhere and judge every boot
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
    /// Print what makes a shell complete this command
    #[command(after_help = COMPLETIONS_HELP)]
    Completions(CompletionsArgs),
    /// Print the man page, or write one for each command into a folder
    #[command(after_help = MAN_HELP)]
    Man(ManArgs),
}

const COMPLETIONS_HELP: &str = "Examples:
  brownout completions bash > ~/.local/share/bash-completion/completions/brownout
  brownout completions fish > ~/.config/fish/completions/brownout.fish";

const MAN_HELP: &str = "Examples:
  brownout man | man -l -
  brownout man ~/.local/share/man/man1";

const SWEEP_HELP: &str = "Examples:
  brownout sweep --table partitions.csv --running v1.bin --update v2.bin
  brownout sweep --dump flash.bin --do confirm
  brownout sweep --dump flash.bin --do update --update v2.bin
  brownout sweep --effort quick
  brownout sweep --policy stock --deny bricked --baseline last.jsonl

A sweep of one's own files runs every scenario that the table allows: v1 is put
into its slot, v2 is what the server offers. It is swept with ESP-IDF's
algorithm, as the device has it; --policy hardened asks what ota-core's would
do. A sweep of a dump asks what could have happened to that device: it boots,
makes the one call, and the power fails everywhere in that call and in the
boots after it. Without either, ota-core's policy is swept on bundled firmware.";

const MERGE_HELP: &str = "Example:
  brownout sweep --shard 1/2 --json a.json     # on one machine
  brownout sweep --shard 2/2 --json b.json     # on another
  brownout merge a.json b.json

It says what one sweep would have said. A shard that is missing, there twice,
truncated, or of another sweep makes it inconclusive: exit code 6.";

const REPLAY_HELP: &str = "Examples:
  brownout replay 'bo1:first-update@w25q64jv:L2:stock/b1.o0.E7~f092a15d'
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
    /// Partition table, binary or CSV [default: a bundled one with factory and two slots]
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
    /// Size of the dump's flash in MiB, 1 to 128 [default: the next power of two]
    #[arg(long, value_name = "MIB", requires = "dump")]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=128))]
    pub(crate) flash_size: Option<u32>,
    /// The dump's chip, for instance esp32c3 [default: what the dump says]
    #[arg(long, value_name = "NAME", requires = "dump")]
    pub(crate) chip: Option<String>,
    /// The dump's bootloader does not monitor the first boot of a new image
    #[arg(long, requires = "dump")]
    pub(crate) no_rollback: bool,
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
    /// Print the small print, and what is said of each property
    #[arg(long, short)]
    pub(crate) verbose: bool,
    /// Write one JSON object for each scenario, one on a line; "-" for standard output
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct CompletionsArgs {
    /// The shell
    #[arg(value_name = "SHELL")]
    pub(crate) shell: Shell,
}

#[derive(Debug, Args)]
pub(crate) struct ManArgs {
    /// The folder [default: print the page of `brownout` itself]
    #[arg(value_name = "DIR")]
    pub(crate) folder: Option<PathBuf>,
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

fn address(text: &str) -> Result<u32, String> {
    let parsed = match text.strip_prefix("0x") {
        Some(digits) => u32::from_str_radix(digits, 16),
        None => text.parse(),
    };
    parsed.map_err(|_| format!("found \"{text}\", expected a flash address such as 0x8000"))
}
