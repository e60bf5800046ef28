//! Device time: what an update costs on a chip, exact and the same on every machine.
//!
//! The simulated clock adds up the typical times of the chip's [`Profile`](sim_flash::Profile), which
//! says for each where it is from. There is no host clock in here.
//!
//! | room | what lives there |
//! |---|---|
//! | `driver` | a chip as a driver offers it to the update core |
//! | `machine` | a device under one policy |
//! | `update` | one update in the middle of a device's life, call by call |
//! | `bound` | the least that the data sheet allows |
//! | `grid` | which updates are measured, on which chips |
//! | `report`, `plot` | the same as a document |

mod bound;
mod driver;
mod grid;
mod machine;
mod plot;
mod report;
mod update;

pub use bound::Bound;
pub use driver::Driver;
pub use grid::{CHUNKS, Chip, Measured, SIZES, measure, measure_chip};
pub use machine::{Device, SLOT};
pub use plot::plot;
pub use report::{headline, report};
pub use update::{Case, Erasing, NotMeasured, Policy, Update, update};
