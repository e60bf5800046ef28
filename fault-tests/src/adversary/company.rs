//! A stock bootloader beside ours: it reads the same bits, and its writes are dropped.

use embedded_storage::nor_flash::{ErrorType, NorFlash, NorFlashErrorKind, ReadNorFlash};
use ota_core::boot::{self, BootConfig, BootInputs};
use ota_core::efuse::NoSecureVersion;
use ota_core::hardened::{Decision, Reason};
use ota_core::image::UnsignedVerifier;
use ota_core::otadata::{ENTRY_LEN, Entry, slot_of};
use ota_core::partition::{Slot, TABLE_LEN};

use super::cells::{Cells, END, SECTOR};
use super::device::{OTADATA, TARGET};
use super::life::Day;
use super::live::Living;
use super::powered::Powered;
use super::reading::Reading;
use super::verdict::{Rule, Violation, list};

/// A read-only view of the flash that acknowledges erases and programs and ignores them.
struct Glance<'c> {
    cells: &'c Cells,
    reading: Reading,
    boot: u32,
    reads: u32,
}

impl ErrorType for Glance<'_> {
    type Error = NorFlashErrorKind;
}

impl ReadNorFlash for Glance<'_> {
    const READ_SIZE: usize = 1;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), Self::Error> {
        self.reads += 1;
        if let Some(solid) = self.cells.solid(offset, bytes.len()) {
            bytes.copy_from_slice(solid);
            return Ok(());
        }
        for (at, byte) in (offset..).zip(bytes) {
            let cell = self.cells.byte(at);
            *byte = self.reading.read(at, cell, self.boot, self.reads);
        }
        Ok(())
    }

    fn capacity(&self) -> usize {
        END as usize
    }
}

impl NorFlash for Glance<'_> {
    const WRITE_SIZE: usize = 1;
    const ERASE_SIZE: usize = SECTOR as usize;

    fn erase(&mut self, _: u32, _: u32) -> Result<(), Self::Error> {
        Ok(())
    }

    fn write(&mut self, _: u32, _: &[u8]) -> Result<(), Self::Error> {
        Ok(())
    }
}

/// The choice of a stock bootloader.
pub(super) struct Stock {
    boots: Option<Slot>,
    /// The slots that valid entries name.
    named: Vec<Slot>,
}

impl Living<'_> {
    /// Starts a stock bootloader, before ours and on the same bits.
    pub(super) fn stock_boots(&self, flash: &Powered<'_>, day: &Day) -> Stock {
        let mut glance = Glance {
            cells: flash.cells(),
            reading: day.reading,
            boot: self.power_ons,
            reads: 0,
        };
        let (mut table, mut buffer) = ([0; TABLE_LEN], [0; 512]);
        let config = BootConfig::new(END);
        let inputs = BootInputs::default();
        let boots = UnsignedVerifier::new(TARGET, &mut buffer)
            .ok()
            .and_then(|mut verifier| {
                let efuse = &mut NoSecureVersion;
                let booted = boot::boot(
                    &mut glance,
                    &mut verifier,
                    efuse,
                    &config,
                    &inputs,
                    &mut table,
                );
                booted.ok().map(|decision| decision.slot)
            });
        let slots = u32::from(self.device.slots);
        let named = [OTADATA, OTADATA + SECTOR].into_iter().filter_map(|at| {
            let entry = Entry::parse(flash.cells().solid(at, ENTRY_LEN)?.first_chunk()?);
            let slot = slot_of(entry.seq, slots).filter(|_| entry.is_valid())?;
            u8::try_from(slot).ok().map(Slot::Ota)
        });
        Stock {
            boots,
            named: named.collect(),
        }
    }

    /// Judges the stock bootloader: where ours boots a slot, the stock bootloader boots a slot as well; at rest both boot
    /// the same slot, and no entry names an open slot.
    pub(super) fn judge_company(
        &self,
        stock: &Stock,
        was_weak: bool,
        decision: &Decision,
    ) -> Result<(), Violation> {
        let Some(boots) = stock.boots else {
            let got = "a stock bootloader boots nothing";
            return Err(Violation::new(Rule::Company, "it boots something", got));
        };
        if !self.rests || was_weak {
            return Ok(());
        }
        let chosen = match decision.reason {
            Reason::Confirmed | Reason::Trial { .. } => decision.chosen.map(|chosen| chosen.slot),
            _ => None,
        };
        // A stock bootloader does not see the reset pin of this power-on.
        let same = chosen.is_none_or(|slot| slot == boots) || decision.wipe.is_some();
        if !same {
            let allowed = format!("a stock bootloader boots {}", decision.slot);
            return Err(Violation::new(
                Rule::Company,
                allowed,
                format!("it boots {boots}"),
            ));
        }
        let is_open = |slot: &Slot| {
            let open =
                |state: &super::model::State| state.open.is_some_and(|(open, _)| open == *slot);
            self.states.iter().all(open)
        };
        if let Some(slot) = stock.named.iter().find(|slot| is_open(slot)) {
            let named: Vec<_> = stock.named.iter().map(ToString::to_string).collect();
            let allowed = format!("no entry names {slot}, which is being written");
            return Err(Violation::new(Rule::Company, allowed, list(&named)));
        }
        Ok(())
    }
}
