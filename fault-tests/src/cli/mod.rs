//! The `brownout` command: arguments in, text and exit code out.

// What is printed goes through `stdout` and `stderr`, which bear with a reader who has seen enough.
#![deny(clippy::print_stdout, clippy::print_stderr)]

mod adversary;
mod args;
mod dump;
mod inspect;
mod merge;
mod replay;
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
        Self(format!("{}: {message}", path.display()))
    }
}

/// The exit code for a user's mistake.
const USAGE: u8 = 2;

/// Runs the command with the arguments of this process.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let done = match cli.command {
        None => sweep::run(&cli.sweep),
        Some(Command::Sweep(args)) => sweep::run(&args),
        Some(Command::Merge(args)) => merge::run(&args),
        Some(Command::Replay(args)) => replay::run(&args),
        Some(Command::Zoo(args)) => zoo::run(&args),
        Some(Command::Adversary(args)) => adversary::run(&args),
        Some(Command::Inspect(args)) => inspect::inspect(&args),
        Some(Command::Conform(args)) => inspect::conform(&args),
        Some(Command::Table(args)) => inspect::table(&args),
    };
    match done {
        Ok(code) => ExitCode::from(code),
        Err(Usage(message)) => {
            errln!("brownout: {message}");
            ExitCode::from(USAGE)
        }
    }
}
