//! The documents that are made of measurements, and where they belong.
//!
//! All in them is exact and the same on every machine: operations, bytes and device time. What a host
//! takes is for `ratios` and criterion to tell.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

use crate::device;

/// What stands before and behind the part of the README that is made.
const MARKS: [&str; 2] = [
    "<!-- costs: made by `cargo run --release -p benches --bin docs` -->\n",
    "<!-- end of costs -->\n",
];

/// A document as it should be.
#[derive(Clone, Debug)]
pub struct Document {
    /// Its file.
    pub path: PathBuf,
    /// What it should say.
    pub text: String,
}

/// The top of the checkout.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Measures, and makes every document.
///
/// # Errors
///
/// The README cannot be read or has no place for the costs; a picture cannot be drawn.
pub fn all() -> Result<Vec<Document>, Box<dyn Error>> {
    let chips = device::measure();
    let document = |path: &str, text| Document {
        path: root().join(path),
        text,
    };
    let readme = fs::read_to_string(root().join("README.md"))?;
    let costs = device::headline(&chips);
    Ok(vec![
        document("benches/docs/throughput.md", device::report(&chips)),
        document("benches/docs/throughput.svg", device::plot(&chips)?),
        document("README.md", with_costs(&readme, &costs)?),
    ])
}

/// The README with these costs.
fn with_costs(readme: &str, costs: &str) -> Result<String, Box<dyn Error>> {
    let [begin, end] = MARKS;
    let (before, rest) = { readme.split_once(begin) }.ok_or("README.md has no place for costs")?;
    let (_, behind) = rest
        .split_once(end)
        .ok_or("README.md's costs have no end")?;
    Ok(format!("{before}{begin}\n{costs}\n{end}{behind}"))
}
