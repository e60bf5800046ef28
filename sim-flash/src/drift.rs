//! What becomes of cells without any operation: stuck bits, lost charge, disturb.

use crate::fault::Failure;
use crate::state::State;

/// Bits that stay as they are.
#[derive(Clone, PartialEq, Eq, Debug)]
struct StuckBits {
    addr: u32,
    mask: Vec<u8>,
    at: bool,
}

/// All stuck bits of a flash.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(crate) struct Stuck {
    bits: Vec<StuckBits>,
}

impl Stuck {
    pub(crate) fn is_empty(&self) -> bool {
        self.bits.is_empty()
    }

    /// Lets a failure of cells strike; the others are none.
    pub(crate) fn drift(&mut self, state: &mut State, failure: &Failure) {
        match failure {
            Failure::Stuck { addr, mask, at } => {
                self.bits.push(StuckBits {
                    addr: *addr,
                    mask: mask.clone(),
                    at: *at,
                });
                let len = u32::try_from(mask.len()).unwrap_or(u32::MAX);
                self.force(state, *addr, len);
            }
            Failure::Rot { addr, mask, lost } => {
                let mut cells = cells(state, *addr, mask);
                let zeros: Vec<u8> = mask.iter().zip(&cells).map(|(m, cell)| m & !cell).collect();
                if *lost {
                    cells
                        .iter_mut()
                        .zip(&zeros)
                        .for_each(|(cell, m)| *cell |= m);
                    state.drift(*addr, &cells, &zeros);
                } else {
                    state.weaken(*addr, &zeros);
                }
            }
            Failure::Disturb { addr, mask } => {
                let cells = cells(state, *addr, mask);
                let ones: Vec<u8> = mask.iter().zip(&cells).map(|(m, cell)| m & cell).collect();
                state.weaken(*addr, &ones);
            }
            Failure::Reported(_) | Failure::Silent(_) | Failure::Read | Failure::Ecc => {}
        }
    }

    /// Puts stuck bits in `addr..addr + len` back where they are stuck.
    pub(crate) fn force(&self, state: &mut State, addr: u32, len: u32) {
        for bits in &self.bits {
            let end = u64::from(bits.addr) + bits.mask.len() as u64;
            if u64::from(addr) >= end || u64::from(bits.addr) >= u64::from(addr) + u64::from(len) {
                continue;
            }
            let mut cells = cells(state, bits.addr, &bits.mask);
            for (cell, mask) in cells.iter_mut().zip(&bits.mask) {
                *cell = if bits.at { *cell | mask } else { *cell & !mask };
            }
            state.drift(bits.addr, &cells, &bits.mask);
        }
    }
}

fn cells(state: &State, addr: u32, mask: &[u8]) -> Vec<u8> {
    let mut cells = vec![0; mask.len()];
    state.read(addr, &mut cells);
    cells
}
