//! Files that a user names: reading them, and saying what is wrong with them.
//!
//! Every error says which file, where in it, what was found and what was expected. The command line
//! answers all of them with exit status 2.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// A file that cannot be used.
#[derive(Debug)]
pub struct InputError {
    /// The file, as the user named it. Bundled files have their bare name.
    pub file: PathBuf,
    /// Where in the file.
    pub place: Place,
    /// What is wrong there.
    pub problem: Problem,
}

/// Where in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// The file as a whole.
    Whole,
    /// A line; the first is 1.
    Line(usize),
    /// A byte; the first is 0.
    Offset(u64),
}

/// What is wrong.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// The operating system does not hand it out.
    #[error("cannot be read: {0}")]
    Unreadable(#[from] io::Error),
    /// Not UTF-8.
    #[error("expected UTF-8 text, found the byte {found:02x}")]
    NotText {
        /// The first byte that is no text.
        found: u8,
    },
    /// A file of vectors with nothing in it.
    #[error("expected one vector per line, found none")]
    NoVectors,
    /// A line that is no vector of this file.
    #[error("not a vector: {}", without_line(.0))]
    Vector(#[from] serde_json::Error),
    /// A vector starts from a file that is not there.
    #[error("the vector starts from {base:?}, which is not {looked_in}")]
    UnknownBase {
        /// The name in the vector.
        base: String,
        /// Where it was looked for, for instance `in the folder images`.
        looked_in: String,
    },
    /// A vector describes something that cannot be built.
    #[error("the vector asks for {asked}: expected {expected}")]
    Impossible {
        /// What it asks for.
        asked: String,
        /// What is possible.
        expected: &'static str,
    },
}

/// The text of an error in a line that was read alone: its own line number, always 1, would mislead.
fn without_line(error: &serde_json::Error) -> String {
    error
        .to_string()
        .replace(" at line 1 column ", " at column ")
}

impl InputError {
    pub(crate) fn new(file: &Path, place: Place, problem: impl Into<Problem>) -> Self {
        Self {
            file: file.to_owned(),
            place,
            problem: problem.into(),
        }
    }
}

impl fmt::Display for InputError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file.display())?;
        match self.place {
            Place::Whole => {}
            Place::Line(line) => write!(f, ", line {line}")?,
            Place::Offset(offset) => write!(f, ", offset {offset:#x}")?,
        }
        write!(f, ": {}", self.problem)
    }
}

impl std::error::Error for InputError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.problem)
    }
}

/// Reads a whole file.
pub fn read(path: &Path) -> Result<Vec<u8>, InputError> {
    std::fs::read(path).map_err(|error| InputError::new(path, Place::Whole, error))
}

/// Reads a whole text file.
pub fn read_text(path: &Path) -> Result<String, InputError> {
    String::from_utf8(read(path)?).map_err(|error| {
        let offset = error.utf8_error().valid_up_to();
        let found = error.as_bytes()[offset];
        InputError::new(
            path,
            Place::Offset(offset as u64),
            Problem::NotText { found },
        )
    })
}
