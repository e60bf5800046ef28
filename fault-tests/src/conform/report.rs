//! What a conformance run found: counts for each field, mismatches, deliberate differences.

use std::fmt;
use std::path::PathBuf;

use serde::Serialize;

/// What a run found in all files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConformReport {
    /// One for each file, in the order of the run.
    pub files: Vec<FileReport>,
}

impl ConformReport {
    /// Whether nothing differs, deliberate differences apart. The exit status follows from this.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.files.iter().all(|file| file.mismatches.is_empty())
    }

    /// Number of vectors.
    #[must_use]
    pub fn vectors(&self) -> usize {
        self.files.iter().map(|file| file.vectors).sum()
    }
}

/// What a run found in one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileReport {
    /// The file.
    pub file: PathBuf,
    /// Number of its vectors.
    pub vectors: usize,
    /// Fields that were compared, in the order of the first comparison.
    pub fields: Vec<FieldCount>,
    /// What differs.
    pub mismatches: Vec<Difference>,
    /// What differs on purpose.
    pub deliberate: Vec<Deliberate>,
}

/// How often one field was compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FieldCount {
    /// The field, with the names of the objects it is in.
    pub field: &'static str,
    /// Comparisons.
    pub checked: usize,
    /// Comparisons that failed.
    pub mismatched: usize,
}

/// One value that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Line of the vector; the first is 1.
    pub line: usize,
    /// The vector's own number.
    pub id: u64,
    /// The field, with the slot it is about.
    pub field: String,
    /// The vector's value, as JSON.
    pub expected: String,
    /// Our value, as JSON.
    pub found: String,
}

/// An answer that differs from the reference's on purpose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deliberate {
    /// The whole answer, not a single field of it.
    pub difference: Difference,
    /// Why ours is another.
    pub reason: &'static str,
}

impl FileReport {
    pub(super) const fn new(file: PathBuf) -> Self {
        Self {
            file,
            vectors: 0,
            fields: Vec::new(),
            mismatches: Vec::new(),
            deliberate: Vec::new(),
        }
    }

    pub(super) fn vector(&mut self, line: usize, id: u64) -> Checks<'_> {
        self.vectors += 1;
        Checks {
            report: self,
            line,
            id,
        }
    }

    fn count(&mut self, field: &'static str) -> &mut FieldCount {
        let known = self.fields.iter().position(|count| count.field == field);
        let index = known.unwrap_or_else(|| {
            self.fields.push(FieldCount {
                field,
                checked: 0,
                mismatched: 0,
            });
            self.fields.len() - 1
        });
        &mut self.fields[index]
    }
}

/// The comparisons of one vector.
pub(super) struct Checks<'a> {
    report: &'a mut FileReport,
    line: usize,
    id: u64,
}

impl Checks<'_> {
    /// Compares a value of the vector with ours.
    pub(super) fn equal<T: PartialEq + Serialize + ?Sized>(
        &mut self,
        field: &'static str,
        expected: &T,
        found: &T,
    ) {
        self.equal_of(field, None, expected, found);
    }

    /// The same for a field that exists once for each slot.
    pub(super) fn equal_of<T: PartialEq + Serialize + ?Sized>(
        &mut self,
        field: &'static str,
        slot: Option<&str>,
        expected: &T,
        found: &T,
    ) {
        let count = self.report.count(field);
        count.checked += 1;
        if expected != found {
            count.mismatched += 1;
            let difference = self.difference(field, slot, expected, found);
            self.report.mismatches.push(difference);
        }
    }

    /// Notes an answer that is another on purpose.
    pub(super) fn deliberate<T: Serialize + ?Sized>(
        &mut self,
        field: &'static str,
        slot: &str,
        expected: &T,
        found: &T,
        reason: &'static str,
    ) {
        let difference = self.difference(field, Some(slot), expected, found);
        self.report
            .deliberate
            .push(Deliberate { difference, reason });
    }

    fn difference<T: Serialize + ?Sized>(
        &self,
        field: &str,
        slot: Option<&str>,
        expected: &T,
        found: &T,
    ) -> Difference {
        Difference {
            line: self.line,
            id: self.id,
            field: match slot {
                Some(slot) => format!("{field} ({slot})"),
                None => field.to_owned(),
            },
            expected: json(expected),
            found: json(found),
        }
    }
}

fn json<T: Serialize + ?Sized>(value: &T) -> String {
    serde_json::to_string(value).unwrap_or_else(|error| error.to_string())
}

impl fmt::Display for ConformReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for file in &self.files {
            writeln!(f, "{file}")?;
        }
        let checked: usize = self.fields().map(|field| field.checked).sum();
        let mismatched: usize = self.files.iter().map(|file| file.mismatches.len()).sum();
        let deliberate: usize = self.files.iter().map(|file| file.deliberate.len()).sum();
        write!(
            f,
            "{} vectors, {checked} values checked, {mismatched} mismatches, {deliberate} deliberate differences",
            self.vectors()
        )
    }
}

impl ConformReport {
    fn fields(&self) -> impl Iterator<Item = &FieldCount> {
        self.files.iter().flat_map(|file| &file.fields)
    }
}

impl fmt::Display for FileReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{}: {} vectors",
            crate::inspect::shown::path(&self.file),
            self.vectors
        )?;
        writeln!(f, "  {:<28} {:>8} {:>11}", "field", "checked", "mismatched")?;
        for count in &self.fields {
            writeln!(
                f,
                "  {:<28} {:>8} {:>11}",
                count.field, count.checked, count.mismatched
            )?;
        }
        for difference in &self.mismatches {
            writeln!(f, "  mismatch: {difference}")?;
        }
        let mut reasons: Vec<&str> = self.deliberate.iter().map(|one| one.reason).collect();
        reasons.sort_unstable();
        reasons.dedup();
        for reason in reasons {
            let same = || self.deliberate.iter().filter(|one| one.reason == reason);
            writeln!(f, "  {} deliberate differences: {reason}", same().count())?;
            for one in same() {
                writeln!(f, "    {}", one.difference)?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            line,
            id,
            field,
            expected,
            found,
        } = self;
        write!(
            f,
            "id {id} (line {line}) {field}: expected {expected}, found {found}"
        )
    }
}
