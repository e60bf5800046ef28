//! What all JSON of the command has in common.
//!
//! `JSON.md` beside this crate's README documents every key.

/// The version of everything that is written as JSON, in the key `schema`. It changes when a key goes away or comes to
/// mean something else; new keys may come without.
pub const SCHEMA: u32 = 1;
