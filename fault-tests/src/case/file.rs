//! Case files: one case, written for a person to read and to edit.
//!
//! ```text
//! # Anything after a # at the start of a line is for the reader.
//! id       = bo1:update-confirm@w25q64jv:L2:stock/b1.o0.E3~9c3e01ab
//! property = P3
//! allowed  = v2 (c3_256k)
//! got      = v1 (c3_64k) from ota_0
//! ```

use std::fmt;

use super::id::CaseId;
use crate::property::{Finding, Property};

/// A case and the violation that it must show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaseFile {
    /// What to replay.
    pub id: CaseId,
    /// What it shows.
    pub finding: Finding,
    /// The comment above it, without the `#`.
    pub comment: String,
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

const KEYS: [&str; 4] = ["id", "property", "allowed", "got"];

impl CaseFile {
    /// Reads a case file.
    pub fn parse(text: &str) -> Result<Self, CaseFileError> {
        let mut values: [Option<(usize, String)>; 4] = Default::default();
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
        let mut take = |slot: usize| {
            values[slot].take().ok_or_else(|| CaseFileError {
                line: 0,
                why: format!("expected a line \"{} = …\", found none", KEYS[slot]),
            })
        };
        let (line, id) = take(0)?;
        let id = id.parse().map_err(|e: super::CaseIdError| CaseFileError {
            line,
            why: e.to_string(),
        })?;
        let (line, property) = take(1)?;
        let property = Property::from_id(&property).ok_or_else(|| {
            let known = Property::ALL.map(Property::id).join(", ");
            CaseFileError {
                line,
                why: format!("found the property \"{property}\", expected one of {known}"),
            }
        })?;
        let finding = Finding::new(property, take(2)?.1, take(3)?.1);
        Ok(Self {
            id,
            finding,
            comment,
        })
    }
}

impl fmt::Display for CaseFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in self.comment.lines() {
            writeln!(f, "{}", format!("# {line}").trim_end())?;
        }
        let values = [
            self.id.to_string(),
            self.finding.property.id().into(),
            self.finding.allowed.clone(),
            self.finding.got.clone(),
        ];
        for (key, value) in KEYS.iter().zip(values) {
            writeln!(f, "{key:<8} = {value}")?;
        }
        Ok(())
    }
}
