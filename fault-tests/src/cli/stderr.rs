//! Standard error: what went wrong, to whoever still reads it.

/// Writes a line, as `eprintln!` does; where nobody reads it, it is written nowhere, and the exit code says the rest.
/// What came from a file and would act on a terminal is escaped.
macro_rules! errln {
    ($($text:tt)*) => {{
        use ::std::io::Write as _;
        let _ = ::std::writeln!(
            ::std::io::stderr().lock(),
            "{}",
            $crate::inspect::shown::lines(&::std::format!($($text)*))
        );
    }};
}

pub(super) use errln;
