//! Standard output: what the command says, to whoever still reads it.

use std::io::{self, Write as _};

use super::Usage;

/// Writes `bytes`. Whoever reads the output may have seen enough, as `head` has after ten lines: then the rest is
/// written nowhere, and the exit code still tells the verdict.
///
/// # Errors
///
/// Nothing more can be written, as on a full disk.
pub(super) fn write(bytes: &[u8]) -> Result<(), Usage> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(bytes).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Usage::new(format_args!(
            "standard output: cannot be written: {error}"
        ))),
        _ => Ok(()),
    }
}

/// [`write`] for text, as `print!` takes it. What came from a file and would act on a terminal is escaped.
macro_rules! out {
    ($($text:tt)*) => {
        $crate::cli::stdout::write($crate::inspect::shown::lines(&::std::format!($($text)*)).as_bytes())
    };
}

/// [`out`], and a line ends.
macro_rules! outln {
    ($($text:tt)*) => {
        $crate::cli::stdout::out!("{}\n", ::std::format_args!($($text)*))
    };
}

pub(super) use {out, outln};
