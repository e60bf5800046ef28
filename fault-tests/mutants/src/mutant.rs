//! A mutant: a mistake, where it is planted, and what it means in the field.
//!
//! ```text
//! place: ota-core/src/hardened/boot.rs
//! mistake: a start is not counted where the log is exhausted
//! field: an image that hangs is started for ever
//!
//! --- was
//! let over = «started >= attempts»;
//! --- is
//! started > attempts
//! ```
//!
//! Between « and » stands what is replaced: an expression, or whole statements; without them, all of it. It must be found
//! once in the file, whatever its white space. A mutant may have several pairs. `--- plainly was` is replaced in every
//! case, switched on or not: so a `const fn` becomes a plain one, for instance.

use std::fs;
use std::path::Path;

/// A mistake.
#[derive(Debug)]
pub struct Mutant {
    pub name: String,
    /// The file, from the top of the workspace.
    pub place: String,
    pub mistake: String,
    pub field: String,
    pub changes: Vec<Change>,
}

/// One replacement.
#[derive(Debug)]
pub struct Change {
    /// With white space taken out: what stands before it, what is replaced, what stands behind.
    pub before: String,
    pub was: String,
    pub behind: String,
    pub is: String,
    pub plainly: bool,
}

impl Mutant {
    /// The crate that it is planted in.
    pub fn krate(&self) -> &str {
        self.place.split('/').next().unwrap_or_default()
    }

    fn read(path: &Path) -> Result<Self, String> {
        let wrong = |what: &str| format!("{}: {what}", path.display());
        let text = fs::read_to_string(path).map_err(|error| wrong(&error.to_string()))?;
        let (head, body) = text
            .split_once("\n---")
            .ok_or_else(|| wrong("no \"--- was\""))?;
        let field = |key: &str| {
            let mut lines = head.lines();
            let found = lines.find_map(|line| line.strip_prefix(key)?.strip_prefix(": "));
            found
                .map(str::to_owned)
                .ok_or_else(|| wrong(&format!("no \"{key}: \"")))
        };
        let mut changes = Vec::new();
        let sections = format!("\n---{body}");
        let mut sections = sections.split("\n--- ").skip(1);
        while let Some(section) = sections.next() {
            let (title, was) = section.split_once('\n').unwrap_or((section, ""));
            let plainly = match title.trim() {
                "was" => false,
                "plainly was" => true,
                other => return Err(wrong(&format!("\"--- {other}\", expected \"--- was\""))),
            };
            let is = sections.next().and_then(|is| is.strip_prefix("is"));
            let is = is.ok_or_else(|| wrong("no \"--- is\""))?.trim().to_owned();
            let (before, rest) = was.split_once('«').unwrap_or(("", was));
            let (was, behind) = rest.split_once('»').unwrap_or((rest, ""));
            let [before, was, behind] = [before, was, behind].map(squeezed);
            changes.push(Change {
                before,
                was,
                behind,
                is,
                plainly,
            });
        }
        let stem = path.file_stem().and_then(|stem| stem.to_str());
        Ok(Self {
            name: stem.unwrap_or_default().to_owned(),
            place: field("place")?,
            mistake: field("mistake")?,
            field: field("field")?,
            changes,
        })
    }
}

/// Every mutant of a folder, by name.
pub fn all(folder: &Path) -> Result<Vec<Mutant>, String> {
    let entries = fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut paths: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    paths.retain(|path| path.extension().is_some_and(|kind| kind == "mutant"));
    paths.sort();
    paths.iter().map(|path| Mutant::read(path)).collect()
}

fn squeezed(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace()).collect()
}
