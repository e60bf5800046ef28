//! The `brownout` command: arguments in, text and exit code out.

// What is printed goes through `stdout` and `stderr`, which bear with a reader who has seen enough.
#![deny(clippy::print_stdout, clippy::print_stderr)]

mod adversary;
mod args;
mod colour;
mod dump;
mod inspect;
mod interrupt;
mod list;
mod merge;
mod progress;
mod replay;
mod shell;
mod stderr;
mod stdout;
mod sweep;
mod zoo;

use std::fmt;
use std::path::Path;
use std::process::ExitCode;

use clap::Parser;

use args::{Cli, Command};
use stderr::errln;

/// A user's mistake: said in one message, and exit code 2.
#[derive(Debug)]
pub(crate) struct Usage(String);

impl Usage {
    pub(crate) fn new(message: impl fmt::Display) -> Self {
        Self(message.to_string())
    }

    pub(crate) fn file(path: &Path, message: impl fmt::Display) -> Self {
        Self(format!("{}: {message}", crate::inspect::shown::path(path)))
    }
}

/// The exit code for a user's mistake.
const USAGE: u8 = 2;

/// Runs the command with the arguments of this process.
pub fn main() -> ExitCode {
    run(&Cli::parse())
}

/// The same; without arguments it does the main job: a quick sweep of the bundled firmware.
pub fn demo() -> ExitCode {
    match std::env::args_os().len() {
        0 | 1 => run(&Cli::parse_from(["brownout", "sweep", "--effort", "quick"])),
        _ => main(),
    }
}

fn run(cli: &Cli) -> ExitCode {
    let done = match &cli.command {
        Command::Sweep(args) => sweep::run(args),
        Command::Merge(args) => merge::run(args),
        Command::Replay(args) => replay::run(args),
        Command::Zoo(args) => zoo::run(args),
        Command::Adversary(args) => adversary::run(args),
        Command::Inspect(args) => inspect::inspect(args),
        Command::Conform(args) => inspect::conform(args),
        Command::Table(args) => inspect::table(args),
        Command::Completions(args) => shell::completions(args),
        Command::Man(args) => shell::man(args),
    };
    match done {
        Ok(code) => ExitCode::from(code),
        Err(Usage(message)) => {
            errln!("brownout: {message}");
            ExitCode::from(USAGE)
        }
    }
}
