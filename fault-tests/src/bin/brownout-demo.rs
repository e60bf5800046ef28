//! What `cargo run` at the top of a checkout runs: the `brownout` command, which without arguments does the main job,
//! a quick sweep of the bundled firmware, and with arguments is `brownout` itself.

use std::process::ExitCode;

#[cfg(feature = "mimalloc")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    fault_tests::cli::demo()
}
