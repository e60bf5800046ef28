//! Observers: who watches a flash while it works.

use crate::op::Op;
use crate::state::State;

/// Watches a flash. Called only while the power is on.
///
/// `()` watches nothing and costs nothing.
pub trait Observer {
    /// Whether `before` and `after` are wanted. An [`Op`] owns its data; a flash that nobody watches makes none.
    const OPS: bool = true;

    /// An operation is about to start; `state` is what it starts from. Cloning it is cheap, and it is
    /// [sealed](State::seal).
    fn before(&mut self, state: &State, op: &Op) {
        let _ = (state, op);
    }

    /// An operation has completed. Not called for one that was cut.
    fn after(&mut self, state: &State, op: &Op) {
        let _ = (state, op);
    }

    /// `len` bytes at `addr` are being read.
    fn read(&mut self, addr: u32, len: u32) {
        let _ = (addr, len);
    }
}

impl Observer for () {
    const OPS: bool = false;
}
