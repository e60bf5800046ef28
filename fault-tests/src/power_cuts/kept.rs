//! Cases that were found once, in `power-cuts/NAME.case`: replayed first from then on.

use std::path::{Path, PathBuf};

use crate::case::CaseFile;
use crate::output::Output;

/// Where the cases of a test are kept.
#[derive(Clone, Debug)]
pub(super) struct Archive {
    path: PathBuf,
    /// The source file of the test.
    source: String,
}

/// The folder of the package that is tested: as cargo and cargo-nextest say, or the one that is current.
pub(super) fn in_package() -> PathBuf {
    let package = std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
    package.unwrap_or_default().join("power-cuts")
}

/// The line that says which test a file belongs to.
const TEST: &str = "# of a test in ";

impl Archive {
    /// The archive of the test `name` in the source file `source`.
    pub(super) fn of(folder: &Path, name: &str, source: &str) -> Self {
        let letter = |c: char| {
            if c.is_alphanumeric() || c == '_' {
                c
            } else {
                '-'
            }
        };
        let name: String = name.replace("::", "-").chars().map(letter).collect();
        Self {
            path: folder.join(format!("{name}.case")),
            source: source.to_owned(),
        }
    }

    /// The file, as short as it can be shown.
    pub(super) fn shown(&self) -> String {
        let shown = |path: &Path| path.display().to_string();
        let here = std::env::current_dir();
        let short = here
            .ok()
            .and_then(|here| self.path.strip_prefix(here).ok().map(shown));
        short.unwrap_or_else(|| shown(&self.path))
    }

    /// The cases on it.
    ///
    /// # Errors
    ///
    /// If the file cannot be read, is no case file, or belongs to another test of the same name.
    pub(super) fn cases(&self) -> Result<Vec<CaseFile>, String> {
        if !self.path.exists() {
            return Ok(Vec::new());
        }
        let shown = self.shown();
        let text = std::fs::read_to_string(&self.path);
        let text = text.map_err(|error| format!("{shown}: cannot be read: {error}"))?;
        let owner = text.lines().find_map(|line| line.strip_prefix(TEST));
        if let Some(owner) = owner
            && !same_file(owner, &self.source)
        {
            return Err(format!(
                "{shown}: found cases of a test in {owner}, expected those of {}: two tests have this name, give one another with .named(..)",
                self.source
            ));
        }
        let mut cases = Vec::new();
        let mut first = 1;
        for block in text.split("\n\n") {
            let is_case = block
                .lines()
                .any(|line| !line.trim().is_empty() && !line.starts_with('#'));
            if is_case {
                let case = CaseFile::parse(block).map_err(|error| {
                    let line = first + error.line.max(1) - 1;
                    format!("{shown}: line {line}: {}", error.why)
                })?;
                cases.push(case);
            }
            first += block.lines().count() + 1;
        }
        Ok(cases)
    }

    /// Keeps a case, unless it is there.
    ///
    /// # Errors
    ///
    /// If the file cannot be written.
    pub(super) fn keep(&self, case: &CaseFile) -> Result<(), String> {
        let known = self.cases()?;
        if known.iter().any(|known| known.id == case.id) {
            return Ok(());
        }
        let mut text = if known.is_empty() {
            format!(
                "# Power cuts that a test did not survive once. It replays them first: check this file in.\n{TEST}{}\n",
                self.source
            )
        } else {
            std::fs::read_to_string(&self.path).map_err(|error| error.to_string())?
        };
        text.push('\n');
        text.push_str(&case.to_string());
        let folder = self.path.parent().unwrap_or(Path::new("."));
        std::fs::create_dir_all(folder).map_err(|error| error.to_string())?;
        let output = Output::prepare(&self.path, &[]).map_err(|error| error.to_string())?;
        output
            .write(text.as_bytes())
            .map_err(|error| error.to_string())
    }
}

/// Whether two paths name one source file, be it from different folders.
fn same_file(one: &str, other: &str) -> bool {
    let unix = |path: &str| path.replace('\\', "/");
    let (one, other) = (unix(one), unix(other));
    one == other || one.ends_with(&format!("/{other}")) || other.ends_with(&format!("/{one}"))
}
