//! Any code that keeps something on flash, under test in ten lines.

mod check;
mod course;
mod device;
mod drawn;
mod effort;
mod flash;
mod kept;
mod label;
mod plan;
mod story;
mod wait;

pub use check::Checked;
pub use flash::DeviceFlash;
pub use plan::{Applied, Operated, PowerCuts, Seen, Stored, Test};
pub use story::Story;
pub use wait::{block_on, infallible};
