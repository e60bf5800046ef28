//! Flash mocks that others have published and that somebody who tests flash code would reach for.
//!
//! None of them has cuts inside an operation, weak bits, snapshots or device time; some check less than
//! the traits demand. What is compared is the healthy path: erase, and program what was erased.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use embedded_storage::nor_flash::NorFlash;
use embedded_storage_async::nor_flash::NorFlash as AsyncNorFlash;
use embedded_storage_file::NorMemoryInram;
use embedded_storage_inmemory::MemFlash;
use sequential_storage::mock_flash::{MockFlashBase, WriteCountCheck};

use crate::workload::LEN;

const SIZE: usize = LEN as usize;
const SECTOR: usize = 4096;
const WORD: usize = 4;

/// A mock of [`LEN`] bytes, in sectors of 4 KiB and words of 4 bytes.
pub trait Peer {
    /// Its name on crates.io, and what of it is meant.
    fn name(&self) -> &'static str;

    /// Its key in JSON.
    fn key(&self) -> &'static str;

    /// What it does besides storing the bytes.
    fn checks(&self) -> &'static str;

    /// Erases everything and programs `data`, in pieces; whether it accepted all of it.
    fn erase_and_program(&mut self, data: &[u8], piece: usize) -> bool;
}

/// All of them.
pub fn all() -> Vec<Box<dyn Peer>> {
    vec![
        Box::new(NorMemoryInram::<1, WORD, SECTOR>::new(SIZE)),
        Box::new(InMemory(boxed())),
        Box::new(Sequential::new(WriteCountCheck::OnceOnly, None, false)),
    ]
}

impl Peer for NorMemoryInram<1, WORD, SECTOR> {
    fn name(&self) -> &'static str {
        "embedded-storage-file, in RAM"
    }

    fn key(&self) -> &'static str {
        "peer_embedded_storage_file"
    }

    fn checks(&self) -> &'static str {
        "ANDs, never objects"
    }

    fn erase_and_program(&mut self, data: &[u8], piece: usize) -> bool {
        program(self, data, piece)
    }
}

/// It holds its bytes in place, so it must lie on the heap.
struct InMemory(Box<MemFlash<SIZE, SECTOR, WORD>>);

/// Made in a thread that has room for it to be moved from the stack.
fn boxed() -> Box<MemFlash<SIZE, SECTOR, WORD>> {
    let made = std::thread::Builder::new()
        .stack_size(16 * SIZE)
        .spawn(|| Box::new(MemFlash::new(0xFF)));
    let made = made.expect("a thread can be had");
    made.join().expect("it has room enough")
}

impl Peer for InMemory {
    fn name(&self) -> &'static str {
        "embedded-storage-inmemory"
    }

    fn key(&self) -> &'static str {
        "peer_embedded_storage_inmemory"
    }

    fn checks(&self) -> &'static str {
        "once per byte"
    }

    fn erase_and_program(&mut self, data: &[u8], piece: usize) -> bool {
        program(&mut *self.0, data, piece)
    }
}

fn program(flash: &mut impl NorFlash, data: &[u8], piece: usize) -> bool {
    let pieces = (0..).step_by(piece).zip(data.chunks(piece));
    flash.erase(0, LEN).is_ok() && { pieces }.all(|(at, piece)| flash.write(at, piece).is_ok())
}

type Sequential = MockFlashBase<{ SIZE / SECTOR }, WORD, { SECTOR / WORD }>;

impl Peer for Sequential {
    fn name(&self) -> &'static str {
        "sequential-storage, mock_flash"
    }

    fn key(&self) -> &'static str {
        "peer_sequential_storage_mock"
    }

    fn checks(&self) -> &'static str {
        "once per word, cuts between bytes, counters"
    }

    fn erase_and_program(&mut self, data: &[u8], piece: usize) -> bool {
        at_once(async {
            if self.erase(0, LEN).await.is_err() {
                return false;
            }
            for (at, piece) in (0..).step_by(piece).zip(data.chunks(piece)) {
                if self.write(at, piece).await.is_err() {
                    return false;
                }
            }
            true
        })
        .unwrap_or(false)
    }
}

/// The result of a future that waits for nothing.
fn at_once<T>(future: impl Future<Output = T>) -> Option<T> {
    let mut context = Context::from_waker(Waker::noop());
    match pin!(future).poll(&mut context) {
        Poll::Ready(result) => Some(result),
        Poll::Pending => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_peer_takes_the_workload() {
        let data = crate::workload::data();
        for mut peer in all() {
            for piece in [256, 4096] {
                assert!(peer.erase_and_program(&data, piece), "{}", peer.name());
            }
        }
    }
}
