//! The documents that are made of measurements, and where they belong.
//!
//! All in them is exact and the same on every machine: operations, bytes and device time. What a host
//! takes is for `ratios` and criterion to tell.

use std::error::Error;
use std::path::{Path, PathBuf};

use crate::device::{self, Chip};
use crate::exploration;

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

/// All that was measured.
#[derive(Clone, Debug)]
pub struct Measured {
    /// Updates on every chip.
    pub chips: Vec<Chip>,
    /// Explorations.
    pub explored: exploration::Report,
}

/// Measures: some ten seconds.
///
/// # Panics
///
/// If explorers disagree.
pub fn measure() -> Measured {
    std::thread::scope(|scope| {
        let explored = scope.spawn(exploration::report);
        let chips = device::measure();
        let explored = explored.join().expect("explorers agree");
        Measured { chips, explored }
    })
}

const ON_THE_DEVICE: &str = "\
# What it costs

Made by `cargo run -p benches --bin docs`.

Device time of one update, from `begin` to `set_boot_partition`, erased up front, at the chip's typical times; and of
the first boot with its confirmation. [Every chip, size and way of erasing](throughput.md).
";

const IN_THE_EXPLORER: &str = "\
Operations of the chip that an exploration executes, by what it has to save work by; all find the same.
[How that grows](explorer.md).
";

impl Measured {
    /// Every document.
    ///
    /// # Errors
    ///
    /// A picture cannot be drawn.
    pub fn documents(&self) -> Result<Vec<Document>, Box<dyn Error>> {
        let document = |path: &str, text| Document {
            path: root().join(path),
            text,
        };
        let device = device::headline(&self.chips);
        let explorer = &self.explored.headline;
        let costs = format!("{ON_THE_DEVICE}\n{device}\n{IN_THE_EXPLORER}\n{explorer}");
        Ok(vec![
            document("benches/docs/throughput.md", device::report(&self.chips)),
            document("benches/docs/throughput.svg", device::plot(&self.chips)?),
            document("benches/docs/explorer.md", self.explored.document.clone()),
            document("benches/docs/costs.md", costs),
        ])
    }
}
