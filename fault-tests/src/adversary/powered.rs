//! The flash while the power is on: what the code under test sees of the cells.

use embedded_storage::nor_flash::{
    ErrorType, NorFlash, NorFlashErrorKind, ReadNorFlash, check_erase, check_read, check_write,
};

use super::cells::{BASE, Cells, END, SECTOR};
use ota_core::partition::Slot;

use super::device::{Device, NVS, OTADATA};
use super::dice::Dice;
use super::life::{Cut, Refuses, Where};
use super::reading::Reading;
use super::tear;

/// A flash in one power-on.
pub(super) struct Powered<'c> {
    cells: &'c mut Cells,
    reading: Reading,
    /// The number of the power-on, and of the read in it.
    boot: u32,
    reads: u32,
    cut: Option<Cut>,
    refuses: Option<Refuses>,
    /// What may be erased and programmed now, besides otadata.
    writable: Vec<Slot>,
    /// The bootloader may wipe the data.
    wipes: bool,
    /// What was done.
    pub(super) done: Done,
}

/// What was done in a power-on.
#[derive(Clone, Copy, Default)]
pub(super) struct Done {
    /// The power is gone.
    pub(super) dead: bool,
    /// It went in an operation outside otadata.
    pub(super) dead_in_slot: bool,
    /// Operations of otadata, and outside it.
    pub(super) in_otadata: u32,
    pub(super) in_slots: u32,
    /// Erases of a sector of otadata.
    pub(super) erases: u32,
    /// Where the last operation outside otadata began.
    pub(super) in_slot: Option<u32>,
    /// The first operation where none was to be.
    pub(super) astray: Option<u32>,
    /// An operation was refused, with the power on.
    pub(super) refused: bool,
}

impl Done {
    /// The flash does nothing more for this application: the power is gone, or an operation was refused.
    pub(super) const fn is_over(&self) -> bool {
        self.dead || self.refused
    }
}

impl<'c> Powered<'c> {
    pub(super) const fn new(
        cells: &'c mut Cells,
        reading: Reading,
        boot: u32,
        cut: Option<Cut>,
        refuses: Option<Refuses>,
    ) -> Self {
        Self {
            cells,
            reading,
            boot,
            reads: 0,
            cut,
            refuses,
            writable: Vec::new(),
            wipes: false,
            done: Done {
                dead: false,
                dead_in_slot: false,
                in_otadata: 0,
                in_slots: 0,
                erases: 0,
                in_slot: None,
                astray: None,
                refused: false,
            },
        }
    }

    /// What may be erased and programmed from now on, besides otadata.
    pub(super) fn may_write(&mut self, slots: &[Slot]) {
        self.writable.clear();
        self.writable.extend_from_slice(slots);
    }

    /// Whether the bootloader may wipe the data from now on.
    pub(super) const fn may_wipe(&mut self, wipes: bool) {
        self.wipes = wipes;
    }

    pub(super) const fn cells(&self) -> &Cells {
        self.cells
    }

    /// Programs bytes that nobody judges, and that no cut hits.
    pub(super) fn settle(&mut self, at: u32, bytes: &[u8]) {
        self.cells.program(at, bytes);
    }

    /// Counts an operation; true if the power goes away in it.
    fn is_cut(&mut self, at: u32, end: u32, erase: bool) -> bool {
        let otadata = at >= OTADATA && end <= OTADATA + 2 * SECTOR;
        let within = |slot: &Slot| {
            let row = Device::partition(*slot);
            at >= row.offset && end <= row.offset + row.size
        };
        let wipes = self.wipes && at >= NVS && end <= NVS + SECTOR;
        let allowed = wipes || self.writable.iter().any(within);
        if !otadata && !allowed {
            self.done.astray.get_or_insert(at);
        }
        if otadata {
            self.done.in_otadata += 1;
            self.done.erases += u32::from(erase);
        } else {
            self.done.in_slots += 1;
            self.done.in_slot = Some(at);
        }
        let hit = self.cut.is_some_and(|cut| match cut.place {
            Where::Erases => otadata && erase && self.done.erases == cut.at,
            Where::Otadata => otadata && self.done.in_otadata == cut.at,
            Where::Anywhere => self.done.in_otadata + self.done.in_slots == cut.at,
        });
        self.done.dead |= hit;
        self.done.dead_in_slot |= hit && !otadata;
        hit
    }

    /// Whether the flash refuses this operation, which then leaves things as they were.
    fn refuses(&mut self, at: u32) -> Result<(), NorFlashErrorKind> {
        let otadata = (OTADATA..OTADATA + 2 * SECTOR).contains(&at);
        let refused = match self.refuses {
            None => false,
            Some(Refuses::Otadata(number)) => otadata && self.done.in_otadata + 1 == number,
            Some(Refuses::Data) => at == NVS,
        };
        if !refused {
            return Ok(());
        }
        self.done.in_otadata += u32::from(otadata);
        self.done.refused = true;
        Err(NorFlashErrorKind::Other)
    }

    fn alive(&self) -> Result<(), NorFlashErrorKind> {
        if self.done.dead {
            return Err(NorFlashErrorKind::Other);
        }
        Ok(())
    }
}

impl ErrorType for Powered<'_> {
    type Error = NorFlashErrorKind;
}

impl ReadNorFlash for Powered<'_> {
    const READ_SIZE: usize = 1;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), Self::Error> {
        self.alive()?;
        check_read(self, offset, bytes.len())?;
        if offset < BASE {
            return Err(NorFlashErrorKind::OutOfBounds);
        }
        self.reads += 1;
        if let Some(solid) = self.cells.solid(offset, bytes.len()) {
            bytes.copy_from_slice(solid);
            return Ok(());
        }
        for (at, byte) in (offset..).zip(bytes) {
            *byte = self
                .reading
                .read(at, self.cells.byte(at), self.boot, self.reads);
        }
        Ok(())
    }

    fn capacity(&self) -> usize {
        END as usize
    }
}

impl NorFlash for Powered<'_> {
    const WRITE_SIZE: usize = 1;
    const ERASE_SIZE: usize = SECTOR as usize;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), Self::Error> {
        self.alive()?;
        check_erase(self, from, to)?;
        if from < BASE {
            return Err(NorFlashErrorKind::OutOfBounds);
        }
        self.refuses(from)?;
        let cut = self.is_cut(from, to, true).then_some(self.cut).flatten();
        let mut dice = Dice::new(cut.map_or(0, |cut| cut.seed.into()));
        let sectors = (to - from) / SECTOR;
        let hit = cut.map(|_| dice.below(sectors.max(1)));
        for n in 0..sectors {
            let at = from + n * SECTOR;
            if Some(n) == hit {
                tear::erase(at, self.cells, &mut dice);
                return Err(NorFlashErrorKind::Other);
            }
            self.cells.erase(at);
        }
        Ok(())
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), Self::Error> {
        self.alive()?;
        check_write(self, offset, bytes.len())?;
        if offset < BASE {
            return Err(NorFlashErrorKind::OutOfBounds);
        }
        self.refuses(offset)?;
        let end = offset + u32::try_from(bytes.len()).unwrap_or(0);
        if !self.is_cut(offset, end, false) {
            self.cells.program(offset, bytes);
            return Ok(());
        }
        let seed = self.cut.map_or(0, |cut| cut.seed.into());
        tear::program(offset, bytes, self.cells, &mut Dice::new(seed));
        Err(NorFlashErrorKind::Other)
    }
}
