//! Standard error: what went wrong, to whoever still reads it.

/// Writes a line, as `eprintln!` does; where nobody reads it, it is written nowhere, and the exit code says the rest.
macro_rules! errln {
    ($($text:tt)*) => {{
        use ::std::io::Write as _;
        let _ = ::std::writeln!(::std::io::stderr().lock(), $($text)*);
    }};
}

pub(super) use errln;
