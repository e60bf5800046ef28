//! Shows with a `Vec<u8>` alone, and nothing of this project, that the map of sequential-storage 8.0.2 loses an item when the
//! erase of a page stops with its first bytes as before.

use embedded_storage::nor_flash::{ErrorType, NorFlashErrorKind};
use embedded_storage_async::nor_flash::{MultiwriteNorFlash, NorFlash, ReadNorFlash};
use sequential_storage::cache::{Cache, Uncached};
use sequential_storage::map::{MapConfig, MapStorage};
use std::task::{Context, Poll, Waker};
fn block<F: Future>(f: F) -> F::Output {
    let mut f = std::pin::pin!(f);
    loop {
        if let Poll::Ready(o) = f.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return o;
        }
    }
}
struct Mem<'a> {
    bytes: &'a mut Vec<u8>,
    erases: &'a mut i32,
    keep: usize,
    dead: &'a mut bool,
}
impl ErrorType for Mem<'_> {
    type Error = NorFlashErrorKind;
}
impl ReadNorFlash for Mem<'_> {
    const READ_SIZE: usize = 1;
    async fn read(&mut self, o: u32, b: &mut [u8]) -> Result<(), NorFlashErrorKind> {
        if *self.dead {
            return Err(NorFlashErrorKind::Other);
        }
        b.copy_from_slice(&self.bytes[o as usize..][..b.len()]);
        Ok(())
    }
    fn capacity(&self) -> usize {
        self.bytes.len()
    }
}
impl NorFlash for Mem<'_> {
    const WRITE_SIZE: usize = 1;
    const ERASE_SIZE: usize = 256;
    async fn erase(&mut self, a: u32, b: u32) -> Result<(), NorFlashErrorKind> {
        if *self.dead {
            return Err(NorFlashErrorKind::Other);
        }
        *self.erases -= 1;
        if *self.erases == 0 {
            // The power fails: the first bytes are still as they were.
            self.bytes[a as usize + self.keep..b as usize].fill(0xFF);
            *self.dead = true;
            return Err(NorFlashErrorKind::Other);
        }
        self.bytes[a as usize..b as usize].fill(0xFF);
        Ok(())
    }
    async fn write(&mut self, o: u32, b: &[u8]) -> Result<(), NorFlashErrorKind> {
        if *self.dead {
            return Err(NorFlashErrorKind::Other);
        }
        for (c, n) in self.bytes[o as usize..].iter_mut().zip(b) {
            *c &= n;
        }
        Ok(())
    }
}
impl MultiwriteNorFlash for Mem<'_> {}
type Map<'a> = MapStorage<u8, Mem<'a>, Cache<Uncached, Uncached, Uncached, u8>>;

fn map(mem: Mem<'_>) -> Map<'_> {
    MapStorage::new(mem, const { MapConfig::new(0..768) }, Cache::new_uncached())
}

/// Lives of which an erase was cut so that the first `keep` bytes of its page are as before; those that then lose an item
/// that was acknowledged.
fn lives_that_lose(keep: usize) -> (usize, usize) {
    let (mut lives, mut lost) = (0, 0);
    for cut in 1..=12 {
        let mut bytes = vec![0xFF; 768];
        let (mut erases, mut dead) = (cut, false);
        let mut acknowledged = [None; 2];
        let mut pending = None;
        let mem = Mem {
            bytes: &mut bytes,
            erases: &mut erases,
            keep,
            dead: &mut dead,
        };
        let mut map = map(mem);
        for n in 1..200_u8 {
            let key = n % 2;
            pending = Some((key, n));
            if block(map.store_item(&mut [0; 128], &key, &&[n; 40][..])).is_err() {
                break;
            }
            acknowledged[usize::from(key)] = Some(n);
            pending = None;
        }
        drop(map);
        assert!(dead, "the erase came");
        lives += 1;
        let (mut none, mut alive) = (0, false);
        let mem = Mem {
            bytes: &mut bytes,
            erases: &mut none,
            keep,
            dead: &mut alive,
        };
        let mut map = self::map(mem);
        let keeps = |key: u8, found: Option<u8>| {
            found == acknowledged[usize::from(key)] || pending == found.map(|n| (key, n))
        };
        let mut found = |key: u8| {
            let mut buffer = [0; 128];
            let found = block(map.fetch_item::<&[u8]>(&mut buffer, &key));
            found.ok().flatten().map(|bytes| bytes[0])
        };
        let (one, other) = (found(0), found(1));
        lost += usize::from(!keeps(0, one) || !keeps(1, other));
    }
    (lost, lives)
}

#[test]
fn an_erase_that_stops_with_the_first_bytes_left_loses_an_acknowledged_item() {
    for keep in [1, 2, 8, 16, 32, 64, 128, 255] {
        assert_eq!(lives_that_lose(keep), (4, 12), "{keep} bytes left");
    }
}

/// The program itself loses nothing: an erase that was not begun, and one that was over.
#[test]
fn an_erase_that_did_nothing_or_all_loses_nothing() {
    for keep in [0, 256] {
        assert_eq!(lives_that_lose(keep), (0, 12), "{keep} bytes left");
    }
}
