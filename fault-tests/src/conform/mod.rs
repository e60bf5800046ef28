//! Conformance: the core against vectors that ESP-IDF's own code answered.
//!
//! A run reads `otadata.jsonl`, `image.jsonl` and `table.jsonl`, puts every question to `ota-core` and
//! compares every value that a vector carries. Where the reference is wrong in a way that nobody may
//! want back, the core answers otherwise: such answers are listed with their reason and counted apart.

mod application;
mod device;
mod image;
mod otadata;
mod report;
mod table;
mod vector;

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;

use crate::input::{self, InputError, Place, Problem};

pub use report::{ConformReport, Deliberate, Difference, FieldCount, FileReport};

/// What to run on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConformOptions {
    /// Folder with the three files; none: the bundled vectors.
    pub vectors: Option<PathBuf>,
    /// Folder with the images that vectors start from; none: the bundled images.
    pub images: Option<PathBuf>,
    /// Folder with the binary tables that vectors start from; none: the bundled tables.
    pub tables: Option<PathBuf>,
}

/// Runs all vectors.
///
/// # Errors
/// A file that is missing, a line that is no vector, a vector that starts from an unknown file. What
/// the core answers is never an error: that is in the report.
pub fn run(options: &ConformOptions) -> Result<ConformReport, InputError> {
    let mut report = ConformReport::default();
    for bundled in corpus::vectors() {
        let (file, text) = if let Some(folder) = &options.vectors {
            let file = folder.join(bundled.name);
            let text = input::read_text(&file, "file of vectors", input::limit::LINES)?;
            (file, Cow::from(text))
        } else {
            (PathBuf::from(bundled.name), Cow::from(bundled.text))
        };
        let mut vectors = FileReport::new(file);
        match bundled.name {
            "table.jsonl" => table::check(&text, &options.table_bases(), &mut vectors)?,
            "image.jsonl" => image::check(&text, &options.image_bases(), &mut vectors)?,
            "otadata.jsonl" => otadata::check(&text, &mut vectors)?,
            _ => continue,
        }
        report.files.push(vectors);
    }
    Ok(report)
}

impl ConformOptions {
    fn table_bases(&self) -> Bases {
        Bases {
            folder: self.tables.clone(),
            bundled: |name| corpus::table(name)?.binary(),
            what: "among the bundled tables",
        }
    }

    fn image_bases(&self) -> Bases {
        Bases {
            folder: self.images.clone(),
            bundled: |name| Some(corpus::image(name)?.bytes),
            what: "among the bundled images",
        }
    }
}

/// Where the files are that vectors start from.
struct Bases {
    folder: Option<PathBuf>,
    bundled: fn(&str) -> Option<&'static [u8]>,
    what: &'static str,
}

impl Bases {
    fn find(&self, base: &str) -> Result<Vec<u8>, Problem> {
        let (found, looked_in) = if let Some(folder) = &self.folder {
            // A name, not a path: vectors do not reach outside the folder.
            let name = Path::new(base).file_name().filter(|name| *name == base);
            let found = name.and_then(|name| {
                input::read(&folder.join(name), self.what, input::limit::IMAGE).ok()
            });
            (
                found,
                format!("in the folder {}", crate::inspect::shown::path(folder)),
            )
        } else {
            let name = base.strip_suffix(".bin");
            let found = name.and_then(self.bundled).map(<[u8]>::to_vec);
            (found, self.what.to_owned())
        };
        found.ok_or_else(|| Problem::UnknownBase {
            base: base.to_owned(),
            looked_in,
        })
    }
}

/// Reads the lines of a file and hands each vector, with its line number, to `check`.
fn each<V: DeserializeOwned>(
    file: &Path,
    text: &str,
    mut check: impl FnMut(usize, V) -> Result<(), Problem>,
) -> Result<(), InputError> {
    let mut empty = true;
    for (index, line) in text.lines().enumerate() {
        if line.trim().is_empty() {
            continue;
        }
        empty = false;
        let number = index + 1;
        serde_json::from_str(line)
            .map_err(Problem::from)
            .and_then(|vector| check(number, vector))
            .map_err(|problem| InputError::new(file, Place::Line(number), problem))?;
    }
    if empty {
        return Err(InputError::new(file, Place::Whole, Problem::NoVectors));
    }
    Ok(())
}

/// The base with its patches. What a patch reaches beyond the end was erased flash.
fn patched(mut base: Vec<u8>, patches: &[vector::Patch]) -> Result<Vec<u8>, Problem> {
    /// The largest partition that the reference verifies.
    const END: usize = 0x100_0000;

    for vector::Patch(offset, vector::HexBytes(bytes)) in patches {
        let end = offset.saturating_add(bytes.len());
        if end > END {
            return Err(Problem::Impossible {
                asked: format!("a patch that ends at {end:#x}"),
                expected: "patches to end within 16 MiB",
            });
        }
        if end > base.len() {
            base.resize(end, 0xFF);
        }
        base[*offset..end].copy_from_slice(bytes);
    }
    Ok(base)
}
