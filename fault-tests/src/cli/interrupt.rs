//! Ctrl-C: the first ends a sweep with what was covered, the second ends the command.

use std::process::exit;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::stderr::errln;

/// The exit code of an interrupted command: 128 and the number of the signal.
pub(super) const INTERRUPTED: u8 = 130;

/// A flag that the first interrupt sets.
pub(super) fn flag() -> Arc<AtomicBool> {
    let flag = Arc::new(AtomicBool::new(false));
    let set = Arc::clone(&flag);
    // Where no handler can be had, an interrupt ends the process as it always does.
    let _ = ctrlc::set_handler(move || {
        if set.swap(true, Ordering::Relaxed) {
            exit(INTERRUPTED.into());
        }
        errln!("brownout: interrupted; what was covered follows (once more ends it at once)");
    });
    flag
}
