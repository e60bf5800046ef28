//! Traces as text, one line per operation, to be written to a file and read back.
//!
//! ```text
//! sim-flash trace 1
//! 0.3 @45000000 program 0x1000+0x4 128000ns done 00aabbcc
//! 0 @45128000 stuck1 0x1000 0f
//! ```
//! Power-on and number, device time, operation, duration, outcome, data. An event has no number and no duration: power-on,
//! device time, what became of which cells (`stuck0`, `stuck1`, `rot`, `lost`, `disturb`), from where on, which bits.

use std::fmt;
use std::str::FromStr;

use super::{Entry, Event, Outcome, Trace};
use crate::fault::Failure;
use crate::op::OpKind;

const HEADER: &str = "sim-flash trace 1";

impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{HEADER}")?;
        for (place, row) in self.iter().enumerate() {
            self.events_at(place).try_for_each(|event| event.fmt(f))?;
            write!(f, "{}.{} @{} {} ", row.boot, row.index, row.start, row.kind)?;
            write!(
                f,
                "{:#x}+{:#x} {}ns {}",
                row.addr, row.len, row.duration, row.outcome
            )?;
            hex(row.data, f)?;
            writeln!(f)?;
        }
        self.events_at(self.len())
            .try_for_each(|event| event.fmt(f))
    }
}

impl fmt::Display for Event {
    /// As a line of the trace.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (word, addr, mask) = match &self.what {
            Failure::Stuck {
                addr,
                mask,
                at: false,
            } => ("stuck0", addr, mask),
            Failure::Stuck { addr, mask, .. } => ("stuck1", addr, mask),
            Failure::Rot {
                addr,
                mask,
                lost: false,
            } => ("rot", addr, mask),
            Failure::Rot { addr, mask, .. } => ("lost", addr, mask),
            Failure::Disturb { addr, mask } => ("disturb", addr, mask),
            // No events: they are outcomes of rows.
            Failure::Reported(_) | Failure::Silent(_) | Failure::Read | Failure::Ecc => {
                return Ok(());
            }
        };
        write!(f, "{} @{} {word} {addr:#x}", self.boot, self.time)?;
        hex(mask, f)?;
        writeln!(f)
    }
}

fn hex(bytes: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    if bytes.is_empty() {
        return Ok(());
    }
    f.write_str(" ")?;
    { bytes.iter() }.try_for_each(|byte| write!(f, "{byte:02x}"))
}

/// A text that is no trace.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ParseTraceError {
    /// The line, from 1.
    pub line: usize,
    /// What stands there.
    pub found: String,
}

impl fmt::Display for ParseTraceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.line == 1 {
            return write!(f, "line 1: \"{}\" instead of \"{HEADER}\"", self.found);
        }
        write!(
            f,
            "line {}: \"{}\" is no row of a trace",
            self.line, self.found
        )
    }
}

impl std::error::Error for ParseTraceError {}

impl FromStr for Trace {
    type Err = ParseTraceError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = |line: usize, found: &str| ParseTraceError {
            line,
            found: found.chars().take(80).collect(),
        };
        let mut lines = text.lines();
        let header = lines.next().unwrap_or_default();
        if header != HEADER {
            return Err(error(1, header));
        }
        let mut trace = Trace::default();
        for (number, line) in lines.enumerate() {
            row(line, &mut trace)
                .or_else(|| event(line, &mut trace))
                .ok_or_else(|| error(number + 2, line))?;
        }
        Ok(trace)
    }
}

fn row(line: &str, trace: &mut Trace) -> Option<()> {
    let mut words = line.split(' ');
    let (boot, index) = words.next()?.split_once('.')?;
    let start = words.next()?.strip_prefix('@')?;
    let kind = match words.next()? {
        "read" => OpKind::Read,
        "program" => OpKind::Program,
        "erase" => OpKind::Erase,
        _ => return None,
    };
    let (addr, len) = words.next()?.split_once('+')?;
    let hex = |text: &str| u32::from_str_radix(text.strip_prefix("0x")?, 16).ok();
    let duration = words.next()?.strip_suffix("ns")?;
    let outcome = outcome(words.next()?)?;
    let data = words.next().map_or(Some(Vec::new()), bytes)?;
    let entry = Entry {
        start: start.parse().ok()?,
        duration: duration.parse().ok()?,
        index: index.parse().ok()?,
        boot: boot.parse().ok()?,
        addr: hex(addr)?,
        len: hex(len)?,
        kind,
    };
    let expected = if kind == OpKind::Program {
        entry.len as usize
    } else {
        0
    };
    if words.next().is_some() || data.len() != expected {
        return None;
    }
    trace.push_with(entry, &data, outcome);
    Some(())
}

fn event(line: &str, trace: &mut Trace) -> Option<()> {
    let mut words = line.split(' ');
    let boot = words.next()?.parse().ok()?;
    let time = words.next()?.strip_prefix('@')?.parse().ok()?;
    let word = words.next()?;
    let addr = u32::from_str_radix(words.next()?.strip_prefix("0x")?, 16).ok()?;
    let mask = words.next().map_or(Some(Vec::new()), bytes)?;
    let what = match word {
        "stuck0" | "stuck1" => Failure::Stuck {
            addr,
            mask,
            at: word == "stuck1",
        },
        "rot" | "lost" => Failure::Rot {
            addr,
            mask,
            lost: word == "lost",
        },
        "disturb" => Failure::Disturb { addr, mask },
        _ => return None,
    };
    if words.next().is_some() {
        return None;
    }
    trace.push_event(boot, time, what);
    Some(())
}

fn outcome(text: &str) -> Option<Outcome> {
    let (word, tear) = match text.split_once(':') {
        Some((word, tear)) => (word, Some(tear.parse().ok()?)),
        None => (text, None),
    };
    Some(match (word, tear) {
        ("done", None) => Outcome::Done,
        ("cut", Some(tear)) => Outcome::Cut(tear),
        ("failed", Some(tear)) => Outcome::Failed(tear),
        ("failed", None) => Outcome::ReadFailed,
        ("silent", Some(tear)) => Outcome::Silent(tear),
        ("ignored", None) => Outcome::Ignored,
        ("suspended", Some(tear)) => Outcome::Suspended(tear),
        ("step", Some(tear)) => Outcome::Step(tear),
        ("reset", None) => Outcome::Reset,
        _ => return None,
    })
}

fn bytes(hex: &str) -> Option<Vec<u8>> {
    let (pairs, rest) = hex.as_bytes().as_chunks::<2>();
    if !rest.is_empty() {
        return None;
    }
    let digit = |byte: u8| {
        char::from(byte)
            .to_digit(16)
            .and_then(|digit| u8::try_from(digit).ok())
    };
    pairs
        .iter()
        .map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?))
        .collect()
}
