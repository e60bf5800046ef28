//! What can be said on the command line.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use sim_flash::Level;

use crate::sweep::Budget;

const EXIT_CODES: &str = "Exit codes:
  0  every promised property holds
  1  a safety property is violated
  2  usage: a wrong flag or an unusable file
  5  the code under test does not repeat itself
  6  inconclusive: the budget ran out, or a case is stale";

/// Cuts the power everywhere in an over-the-air update, boots the device after
/// every cut, and says what it does.
///
/// Without a command it sweeps all scenarios on the bundled firmware.
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
    Sweep(SweepArgs),
    /// Replay one case, a case file, or a folder of case files
    #[command(after_help = REPLAY_HELP)]
    Replay(ReplayArgs),
}

const SWEEP_HELP: &str = "Examples:
  brownout sweep
  brownout sweep --scenario update-confirm --level L1 --json out.jsonl
  brownout sweep --table partitions.csv --running v1.bin --update v2.bin

A sweep of the user's own files runs every scenario that the table allows:
v1 is put into its slot, v2 is what the server offers.";

const REPLAY_HELP: &str = "Examples:
  brownout replay 'bo1:update-confirm@w25q64jv:L2:stock/b1.o0.E3~9c3e01ab'
  brownout replay corpus/cases

An id prints its timeline, and the exit code is 1 if the device violates a
property there. A file or folder says what each case must show; the exit code
is 1 if one no longer shows it.";

/// The user's own firmware instead of the bundled one.
#[derive(Debug, Args, Clone, Default)]
pub(crate) struct FirmwareArgs {
    /// Partition table, binary or CSV
    #[arg(long, value_name = "FILE", requires = "running", requires = "update")]
    pub(crate) table: Option<PathBuf>,
    /// App image that the device runs
    #[arg(long, value_name = "FILE", requires = "update")]
    pub(crate) running: Option<PathBuf>,
    /// App image that it is updated to
    #[arg(long, value_name = "FILE", requires = "running")]
    pub(crate) update: Option<PathBuf>,
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

#[derive(Debug, Args)]
pub(crate) struct SweepArgs {
    #[command(flatten)]
    pub(crate) firmware: FirmwareArgs,
    /// Sweep this scenario only; may be given again [default: all]
    #[arg(long, value_name = "NAME")]
    pub(crate) scenario: Vec<String>,
    /// How badly a cut may behave: L0 whole operations, L1 byte prefixes, L2 any bits
    #[arg(long, value_name = "LEVEL", default_value = "L2")]
    pub(crate) level: Level,
    /// Cuts in a row, at most
    #[arg(long, value_name = "N", default_value_t = 2)]
    pub(crate) cuts: u32,
    /// Give a scenario up as inconclusive after so many boots (200000) or so much time (30s)
    #[arg(long, value_name = "BOOTS|SECONDSs", default_value = "2000000")]
    pub(crate) budget: Budget,
    /// Threads [default: one for each core]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) jobs: Option<u16>,
    /// Seeds the drawn tears and the audit
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) seed: u64,
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

fn address(text: &str) -> Result<u32, String> {
    let parsed = match text.strip_prefix("0x") {
        Some(digits) => u32::from_str_radix(digits, 16),
        None => text.parse(),
    };
    parsed.map_err(|_| format!("found \"{text}\", expected a flash address such as 0x8000"))
}
