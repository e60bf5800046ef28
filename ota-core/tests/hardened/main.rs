//! Promises of the hardened policy on whole images, with the verifier that a product uses.
#![expect(
    clippy::redundant_closure_for_method_calls,
    reason = "the methods themselves are not general enough in their lifetimes"
)]

mod anti_rollback;
#[path = "../parsers/checks.rs"]
#[expect(dead_code, reason = "its flash is used, its checks are the parsers'")]
mod checks;
mod device;
mod integrity;
#[path = "../parsers/seeds.rs"]
#[expect(dead_code, reason = "the parsers need more of them")]
mod seeds;
