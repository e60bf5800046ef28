//! Observers: who watches a flash while it works, and decides what weak bits read as.

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

    /// A read at `addr` met weak bits: those set in `weak`. `out` holds what the flash's
    /// [`Adversary`](crate::Adversary) made of them and may be changed; only weak bits count. This is where an explorer
    /// branches. On an encrypted flash, cells are meant and not the decrypted bytes.
    fn weak(&mut self, addr: u32, weak: &[u8], out: &mut [u8]) {
        let _ = (addr, weak, out);
    }
}

impl Observer for () {
    const OPS: bool = false;
}
