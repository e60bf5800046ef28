//! A flash that answers one read otherwise than the others: a weak bit, or somebody on its bus.
//!
//! Every word of the images is answered otherwise once, at its first read of a boot or of a call, at its second,
//! and so on for as long as there are more, in several ways each. Whatever is answered, no image below the minimum
//! version runs, what is said of the image that runs is what its bytes say, and the device boots again.
#![expect(
    clippy::redundant_closure_for_method_calls,
    reason = "the methods themselves are not general enough in their lifetimes"
)]

mod boots;
mod calls;
#[path = "../parsers/checks.rs"]
#[expect(dead_code, reason = "its flash is used, its checks are the parsers'")]
mod checks;
mod flash;
#[path = "../parsers/seeds.rs"]
#[expect(dead_code, reason = "the parsers need more of them")]
mod seeds;
#[cfg(feature = "secure-boot-ecdsa")]
mod signed;
