//! Case files: one case, written for a person to read and to edit.
//!
//! ```text
//! # Anything after a # at the start of a line is for the reader.
//! id       = bo1:update-confirm@w25q64jv:L2:stock/b1.o0.E3~9c3e01ab
//! property = P3
//! allowed  = v2 (c3_256k)
//! got      = v1 (c3_64k) from ota_0
//! ```
//!
//! A case that was mended says which property holds again, in the place of the last three lines:
//!
//! ```text
//! id       = bo1:update-confirm@w25q64jv:L2:hardened/b1.o0.E3~9c3e01ab
//! holds    = P3
//! ```

use std::fmt;

use super::id::CaseId;
use super::replay::Replay;
use crate::property::{Finding, Property};

/// A case and what it must show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaseFile {
    /// What to replay.
    pub id: CaseId,
    /// What it shows.
    pub expected: Expected,
    /// The comment above it, without the `#`.
    pub comment: String,
}

/// What a case must show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expected {
    /// This violation.
    Shown(Finding),
    /// No violation of any property; of this one there was one once.
    Holds(Property),
}

impl Expected {
    /// Whether the replay shows it.
    pub fn is_met_by(&self, replay: &Replay) -> bool {
        match self {
            Self::Shown(finding) => replay.shows(finding),
            Self::Holds(_) => replay.finding().is_none(),
        }
    }

    /// The violation, if it is one.
    pub const fn finding(&self) -> Option<&Finding> {
        match self {
            Self::Shown(finding) => Some(finding),
            Self::Holds(_) => None,
        }
    }
}

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Shown(finding) => finding.fmt(f),
            Self::Holds(property) => write!(f, "{property} holds"),
        }
    }
}

/// Why a text is no case file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaseFileError {
    /// The line, counted from 1; 0 if a line is missing.
    pub line: usize,
    /// What was found and what was expected.
    pub why: String,
}

impl fmt::Display for CaseFileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => f.write_str(&self.why),
            line => write!(f, "line {line}: {}", self.why),
        }
    }
}

impl std::error::Error for CaseFileError {}

const KEYS: [&str; 5] = ["id", "property", "allowed", "got", "holds"];

impl CaseFile {
    /// Reads a case file.
    pub fn parse(text: &str) -> Result<Self, CaseFileError> {
        let mut values: [Option<(usize, String)>; 5] = Default::default();
        let mut comment = String::new();
        for (number, line) in (1..).zip(text.lines()) {
            let error = |why| CaseFileError { line: number, why };
            let line = line.trim();
            if let Some(words) = line.strip_prefix('#') {
                comment.push_str(words.strip_prefix(' ').unwrap_or(words));
                comment.push('\n');
            } else if !line.is_empty() {
                let (key, value) = line
                    .split_once('=')
                    .ok_or_else(|| error(format!("found \"{line}\", expected KEY = VALUE")))?;
                let key = key.trim();
                let slot = KEYS.iter().position(|known| *known == key).ok_or_else(|| {
                    error(format!(
                        "found the key \"{key}\", expected one of {}",
                        KEYS.join(", ")
                    ))
                })?;
                if values[slot]
                    .replace((number, value.trim().to_owned()))
                    .is_some()
                {
                    return Err(error(format!(
                        "found \"{key}\" a second time, expected it once"
                    )));
                }
            }
        }
        let [id, property, allowed, got, holds] = values;
        let needed = |key: &str, value: Option<(usize, String)>| {
            value.ok_or_else(|| CaseFileError {
                line: 0,
                why: format!("expected a line \"{key} = …\", found none"),
            })
        };
        let (line, id) = needed("id", id)?;
        let id = id.parse().map_err(|e: super::CaseIdError| CaseFileError {
            line,
            why: e.to_string(),
        })?;
        let expected = match holds {
            None => {
                let property = parse_property(&needed("property", property)?)?;
                let (_, allowed) = needed("allowed", allowed)?;
                Expected::Shown(Finding::new(property, allowed, needed("got", got)?.1))
            }
            Some(held) => {
                if let Some((line, _)) = property.or(allowed).or(got) {
                    let why =
                        "found what is violated beside \"holds\", expected one of them".into();
                    return Err(CaseFileError { line, why });
                }
                Expected::Holds(parse_property(&held)?)
            }
        };
        Ok(Self {
            id,
            expected,
            comment,
        })
    }
}

fn parse_property((line, id): &(usize, String)) -> Result<Property, CaseFileError> {
    Property::from_id(id).ok_or_else(|| {
        let known = Property::ALL.map(Property::id).join(", ");
        CaseFileError {
            line: *line,
            why: format!("found the property \"{id}\", expected one of {known}"),
        }
    })
}

impl fmt::Display for CaseFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in self.comment.lines() {
            writeln!(f, "{}", format!("# {line}").trim_end())?;
        }
        let mut line = |key: &str, value: &dyn fmt::Display| writeln!(f, "{key:<8} = {value}");
        line("id", &self.id)?;
        match &self.expected {
            Expected::Shown(finding) => {
                line("property", &finding.property.id())?;
                line("allowed", &finding.allowed)?;
                line("got", &finding.got)
            }
            Expected::Holds(property) => line("holds", &property.id()),
        }
    }
}
