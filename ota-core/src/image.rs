//! The application image: its parts, and whether it is whole.

pub mod app_desc;
mod map_flash;
pub mod verify;

pub use app_desc::{AppDesc, DescError, read_app_desc};
pub use verify::{ImageMetadata, Refusal, Target, VerifyError, VerifyImage};
