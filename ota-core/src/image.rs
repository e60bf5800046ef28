//! The application image: its parts, and whether it is whole.

pub mod app_desc;
pub mod verify;

pub use app_desc::{AppDesc, DescError, read_app_desc};
pub use verify::{ImageMetadata, Refusal, Target, VerifyError, VerifyImage};
