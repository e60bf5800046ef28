//! The `brownout` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    fault_tests::cli::main()
}
