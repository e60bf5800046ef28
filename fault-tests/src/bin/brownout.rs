//! The `brownout` command.

use std::process::ExitCode;

/// A sweep makes and drops small pieces of states by the million, and keeps some for long.
#[cfg(feature = "mimalloc")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    fault_tests::cli::main()
}
