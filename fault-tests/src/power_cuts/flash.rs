//! The flash as the code under test owns it: any geometry, whole or a partition of it, blocking and async.

use std::cell::RefCell;
use std::fmt;
use std::marker::PhantomData;
use std::sync::atomic::{AtomicU64, Ordering};

use embedded_storage::nor_flash::{ErrorType, MultiwriteNorFlash, NorFlash, ReadNorFlash};
use embedded_storage_async::nor_flash as asynchronous;
use sim_flash::{FlashError, Geometry, Multiwrite, OpKind, SpiNor, State, Units};

use crate::chip::{Chip, ChipError};

/// The flash of one power-on, to be owned by the code under test.
///
/// It is a handle: copies of it are the same flash, and a [`partition`](Self::partition) is a part of it. When the power
/// is cut, or the power-on is over, every operation fails with [`ChipError::PowerLost`] and changes nothing.
///
/// It implements the traits of `embedded-storage` and of `embedded-storage-async`, [`MultiwriteNorFlash`] where the chip
/// may be programmed again; `READ_SIZE`, `WRITE_SIZE` and `ERASE_SIZE` are those of `G`.
pub struct DeviceFlash<G = SpiNor> {
    power_on: u64,
    from: u32,
    size: u32,
    geometry: PhantomData<fn() -> G>,
}

impl<G> Clone for DeviceFlash<G> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<G> Copy for DeviceFlash<G> {}

impl<G> fmt::Debug for DeviceFlash<G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DeviceFlash({:#x}+{:#x})", self.from, self.size)
    }
}

/// Accesses after the power went, or after a power-on counts as endless, that code under test may make before it is
/// stopped: it retries for ever.
const PATIENCE: u32 = 10_000;

/// What is thrown to stop code that would go on for ever without power.
struct Stopped;

/// A chip that is lent to code under test.
struct Lent {
    power_on: u64,
    chip: Chip<'static>,
    refused: Vec<String>,
    in_vain: u32,
}

thread_local! {
    static LENT: RefCell<Vec<Lent>> = const { RefCell::new(Vec::new()) };
}

/// Power-ons so far, of all threads: a handle of another one finds no power.
static POWER_ONS: AtomicU64 = AtomicU64::new(0);

/// While it lives, the code under test has power.
pub(super) struct Power<'c, 'm> {
    chip: &'c mut Chip<'m>,
    number: u64,
    size: u32,
}

impl<'c, 'm> Power<'c, 'm> {
    pub(super) fn on(chip: &'c mut Chip<'m>) -> Self {
        let number = POWER_ONS.fetch_add(1, Ordering::Relaxed);
        let size = chip.state().size();
        let lent = Lent {
            power_on: number,
            chip: chip.lend(),
            refused: Vec::new(),
            in_vain: 0,
        };
        LENT.with_borrow_mut(|all| all.push(lent));
        Self { chip, number, size }
    }

    /// The whole flash.
    pub(super) fn flash<G>(&self) -> DeviceFlash<G> {
        DeviceFlash {
            power_on: self.number,
            from: 0,
            size: self.size,
            geometry: PhantomData,
        }
    }

    /// Whether there is nothing to be judged any more.
    pub(super) fn is_over(&self) -> bool {
        with(self.number, |lent| lent.chip.dead() || lent.chip.hangs()).unwrap_or(true)
    }

    /// Operations done.
    pub(super) fn operations(&self) -> usize {
        with(self.number, |lent| lent.chip.done().count()).unwrap_or_default()
    }

    /// Whether an erase was among those done after the first `operations`.
    pub(super) fn erased_since(&self, operations: usize) -> bool {
        let erased = |lent: &mut Lent| {
            let mut later = lent.chip.done().skip(operations);
            later.any(|row| row.kind == OpKind::Erase)
        };
        with(self.number, erased).unwrap_or_default()
    }

    /// Accesses made.
    pub(super) fn accesses(&self) -> u64 {
        with(self.number, |lent| lent.chip.accesses()).unwrap_or_default()
    }

    /// The contents now.
    pub(super) fn state(&self) -> State {
        with(self.number, |lent| lent.chip.state().clone())
            .unwrap_or_else(|| self.chip.state().clone())
    }

    /// The operations that were refused since the last time.
    pub(super) fn refused(&self) -> Vec<String> {
        with(self.number, |lent| std::mem::take(&mut lent.refused)).unwrap_or_default()
    }
}

impl Drop for Power<'_, '_> {
    fn drop(&mut self) {
        let lent = LENT.with_borrow_mut(|all| {
            let at = all.iter().rposition(|lent| lent.power_on == self.number);
            at.map(|at| all.remove(at))
        });
        if let Some(lent) = lent {
            self.chip.give_back(lent.chip);
        }
    }
}

fn with<T>(power_on: u64, f: impl FnOnce(&mut Lent) -> T) -> Option<T> {
    LENT.with_borrow_mut(|all| {
        let lent = all.iter_mut().rev();
        { lent }.find(|lent| lent.power_on == power_on).map(f)
    })
}

impl<G: Geometry> DeviceFlash<G> {
    /// The part of `size` bytes from `offset` on, as a flash of its own that begins at 0.
    ///
    /// # Panics
    ///
    /// If it is not of whole sectors, or reaches beyond the end.
    #[must_use]
    #[track_caller]
    pub fn partition(self, offset: u32, size: u32) -> Self {
        let (sector, whole) = (sector::<G>(), self.size);
        assert!(
            offset.is_multiple_of(sector) && size.is_multiple_of(sector),
            "partition {offset:#x}+{size:#x}: found an offset or a size that is not of whole sectors, expected multiples of {sector:#x}"
        );
        assert!(
            u64::from(offset) + u64::from(size) <= u64::from(whole),
            "partition {offset:#x}+{size:#x}: found an end beyond the flash, expected at most {whole:#x}"
        );
        Self {
            from: self.from + offset,
            size,
            ..self
        }
    }

    /// The same flash behind a driver of other units: reads of `READ` bytes, programs of `WRITE` and erases of `ERASE`,
    /// aligned to that.
    ///
    /// # Panics
    ///
    /// If `WRITE` is not of whole words of the chip, `ERASE` not of whole sectors, or the flash not of whole `ERASE`.
    #[must_use]
    #[track_caller]
    pub fn in_units<const READ: usize, const WRITE: usize, const ERASE: usize>(
        self,
    ) -> DeviceFlash<Units<READ, WRITE, ERASE>> {
        let fits = |unit: usize, of: usize| unit > 0 && unit.is_multiple_of(of);
        assert!(
            fits(WRITE, G::WRITE) && fits(ERASE, G::ERASE) && fits(READ, G::READ),
            "units of {READ}, {WRITE} and {ERASE} bytes: expected multiples of {}, {} and {}",
            G::READ,
            G::WRITE,
            G::ERASE
        );
        assert!(
            (self.size as usize).is_multiple_of(ERASE)
                && (self.from as usize).is_multiple_of(ERASE),
            "erases of {ERASE} bytes: found a flash of {:#x} bytes at {:#x}, expected multiples",
            self.size,
            self.from
        );
        DeviceFlash {
            power_on: self.power_on,
            from: self.from,
            size: self.size,
            geometry: PhantomData,
        }
    }

    /// Passes an access on, unless it is not aligned or not inside.
    fn access(
        self,
        kind: OpKind,
        (offset, len): (u32, u64),
        unit: usize,
        pass_on: impl FnOnce(&mut Chip<'static>, u32) -> Result<(), ChipError>,
    ) -> Result<(), ChipError> {
        let done = with(self.power_on, |lent| {
            let done = match self.refusal(kind, offset, len, unit) {
                Some(error) if !lent.chip.dead() => {
                    if kind != OpKind::Read {
                        lent.chip.keep_refusal(error.clone());
                    }
                    Err(ChipError::Refused(error))
                }
                _ => pass_on(&mut lent.chip, self.from.saturating_add(offset)),
            };
            match &done {
                Err(ChipError::Refused(error)) => lent.refused.push(error.to_string()),
                Err(ChipError::PowerLost | ChipError::Hang) => lent.in_vain += 1,
                Ok(()) => {}
            }
            (done, lent.in_vain > PATIENCE)
        });
        match done {
            Some((_, true)) => std::panic::panic_any(Stopped),
            Some((done, false)) => done,
            None => Err(ChipError::PowerLost),
        }
    }

    /// Why the driver passes nothing on.
    fn refusal(self, kind: OpKind, addr: u32, len: u64, unit: usize) -> Option<FlashError> {
        let size = self.size;
        if u64::from(addr) + len > u64::from(size) {
            return Some(FlashError::OutOfBounds {
                kind,
                addr,
                len,
                size,
            });
        }
        let aligned =
            (addr as usize).is_multiple_of(unit) && len.is_multiple_of(unit.max(1) as u64);
        let unit = u32::try_from(unit).unwrap_or(u32::MAX);
        (!aligned).then_some(FlashError::NotAligned {
            kind,
            addr,
            len,
            unit,
        })
    }
}

/// Bytes per erase.
fn sector<G: Geometry>() -> u32 {
    u32::try_from(G::ERASE).unwrap_or(u32::MAX)
}

impl<G> ErrorType for DeviceFlash<G> {
    type Error = ChipError;
}

impl<G: Geometry> ReadNorFlash for DeviceFlash<G> {
    const READ_SIZE: usize = G::READ;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), ChipError> {
        let place = (offset, bytes.len() as u64);
        self.access(OpKind::Read, place, G::READ, |chip, at| {
            chip.read(at, bytes)
        })
    }

    fn capacity(&self) -> usize {
        self.size as usize
    }
}

impl<G: Geometry> NorFlash for DeviceFlash<G> {
    const WRITE_SIZE: usize = G::WRITE;
    const ERASE_SIZE: usize = G::ERASE;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), ChipError> {
        let len = to.saturating_sub(from);
        let place = (from, u64::from(len));
        self.access(OpKind::Erase, place, G::ERASE, |chip, at| {
            chip.erase(at, at.saturating_add(len))
        })
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), ChipError> {
        let place = (offset, bytes.len() as u64);
        self.access(OpKind::Program, place, G::WRITE, |chip, at| {
            chip.write(at, bytes)
        })
    }
}

impl<G: Multiwrite> MultiwriteNorFlash for DeviceFlash<G> {}

impl<G: Geometry> asynchronous::ReadNorFlash for DeviceFlash<G> {
    const READ_SIZE: usize = G::READ;

    async fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), ChipError> {
        ReadNorFlash::read(self, offset, bytes)
    }

    fn capacity(&self) -> usize {
        self.size as usize
    }
}

impl<G: Geometry> asynchronous::NorFlash for DeviceFlash<G> {
    const WRITE_SIZE: usize = G::WRITE;
    const ERASE_SIZE: usize = G::ERASE;

    async fn erase(&mut self, from: u32, to: u32) -> Result<(), ChipError> {
        NorFlash::erase(self, from, to)
    }

    async fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), ChipError> {
        NorFlash::write(self, offset, bytes)
    }
}

impl<G: Multiwrite> asynchronous::MultiwriteNorFlash for DeviceFlash<G> {}
