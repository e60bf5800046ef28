//! P5, stability: what one power-on has acted on is what the next ones find.
//!
//! ∀σ ∈ Reach(M), ∀ω₁, ω₂: of two consecutive boots without a command between them, the second decides
//! what follows from what the first has found. Either weak bits never reach a decision, or the first
//! boot makes what it read permanent.
//!
//! *Looked at*: of devices that make single calls, the boots after the first, against the course that the
//! first one has taken; under the hardened policy, the boots after one that has undone a switch which was
//! cut, until the next call that switches; of a [store](crate::acknowledged), the value found by the power-on after one
//! that has let a value be seen.
//!
//! *Not claimed*: that two boots decide the same. A trial that ends is a second decision, and meant;
//! [P4](super::rollback_convergence) says how often.
//!
//! The judgement stands with P4: [`wrong_future`](super::rollback_convergence::wrong_future).
