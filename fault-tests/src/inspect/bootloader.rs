//! The second-stage bootloader: whether the ROM finds one, and what its header says.

use std::fmt;

use ota_core::chip::CHIPS;
use ota_core::image::{Target, UnsignedVerifier, VerifyImage as _};
use ota_core::{Chip, Region};
use serde::Serialize;

use super::dump_flash::{DumpFlash, Known};
use super::layout::{Absent, bootloader_offsets, header_at};

/// The second-stage bootloader.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BootloaderView {
    /// Where the chip looks for it; `None` if the chip is not known.
    pub offset: Option<u32>,
    /// The chip that its header names.
    pub chip: Option<&'static str>,
    /// The size of the flash in bytes, as its header says; this is what the bootloader goes by.
    pub flash_size: Option<u32>,
    /// What is there.
    pub state: BootloaderState,
}

/// What is where the ROM looks for a bootloader.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum BootloaderState {
    /// A bootloader that is whole, with its length in bytes.
    Verifies(u32),
    /// A bootloader that is not, and why.
    Damaged(String),
    /// A bootloader of which the file ends before it does.
    CutOff,
    /// One for a chip that is not known, by the id in its header.
    UnknownChip(u16),
    /// None, and what is there instead.
    Absent(Absent),
    /// None, but one lies where another chip looks for it.
    Elsewhere {
        /// Where it lies.
        at: u32,
        /// What is where this chip looks.
        here: Absent,
    },
}

impl BootloaderView {
    /// Looks for a header of a known chip where that chip looks for its bootloader, and for what is there otherwise.
    pub(super) fn look(known: Known<'_>, option: Option<&'static Chip>) -> Self {
        let mut view = Self {
            offset: option.map(|chip| chip.bootloader_offset),
            chip: None,
            flash_size: None,
            state: BootloaderState::Absent(Absent::Outside),
        };
        let headers: Vec<_> = { bootloader_offsets().into_iter() }
            .filter_map(|at| Some((at, header_at(known, at)?)))
            .collect();
        let in_place = CHIPS.iter().find_map(|chip| {
            let own = |(at, header): &&(u32, _)| {
                let header: &ota_core::image::Header = header;
                *at == chip.bootloader_offset && header.chip_id == chip.id
            };
            headers.iter().find(own)
        });
        let found = in_place.or_else(|| {
            headers
                .iter()
                .find(|(_, h)| Chip::by_id(h.chip_id).is_some())
        });
        if let Some((at, header)) = found.or(headers.first()) {
            view.flash_size = header.flash_size();
            let Some(chip) = Chip::by_id(header.chip_id) else {
                view.offset = Some(*at);
                view.state = BootloaderState::UnknownChip(header.chip_id);
                return view;
            };
            view.chip = Some(chip.name);
            view.offset = Some(chip.bootloader_offset);
            view.state = if chip.bootloader_offset == *at {
                BootloaderState::CutOff
            } else {
                let here = Absent::at(known, chip.bootloader_offset);
                BootloaderState::Elsewhere { at: *at, here }
            };
        }
        view
    }

    /// The chip that its header names.
    pub(super) fn named_chip(&self) -> Option<&'static Chip> {
        self.chip.and_then(Chip::by_name)
    }

    /// Verifies it, now that the table says how far it may reach; says of one that is missing what is in its place, now
    /// that images may have said which chip it is.
    pub(super) fn finish(
        &mut self,
        known: Known<'_>,
        table_offset: u32,
        flash_size: u32,
        chip: Option<&'static Chip>,
    ) {
        match &self.state {
            BootloaderState::CutOff => {}
            BootloaderState::Absent(_) => {
                self.offset = chip.map(|chip| chip.bootloader_offset);
                let absent = match self.offset {
                    Some(at) => Absent::at(known, at),
                    None => nowhere(known),
                };
                self.state = BootloaderState::Absent(absent);
                return;
            }
            _ => return,
        }
        let (Some(chip), Some(offset)) = (self.named_chip(), self.offset) else {
            return;
        };
        let at = Region {
            offset,
            size: table_offset.saturating_sub(offset),
        };
        let mut flash = DumpFlash::new(known, flash_size);
        let mut buffer = [0; 4096];
        let Ok(mut verifier) = UnsignedVerifier::new(Target::new(chip), &mut buffer) else {
            return;
        };
        let image = verifier.verify_bootloader(&mut flash, at);
        self.state = match (flash.take_unknown(), image) {
            (Some(_), _) => BootloaderState::CutOff,
            (None, Ok(image)) => BootloaderState::Verifies(image.image_len),
            (None, Err(error)) => BootloaderState::Damaged(error.to_string()),
        };
    }
}

/// What is where any chip looks: the same everywhere, or what counts most.
fn nowhere(known: Known<'_>) -> Absent {
    let places: Vec<Absent> = { bootloader_offsets().into_iter() }
        .map(|at| Absent::at(known, at))
        .collect();
    for absent in [Absent::Outside, Absent::Encrypted] {
        if places.contains(&absent) {
            return absent;
        }
    }
    let other = places.iter().find(|place| **place != Absent::Erased);
    other.copied().unwrap_or(Absent::Erased)
}

impl fmt::Display for BootloaderView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.offset {
            Some(at) => write!(f, "bootloader at {at:#x}: ")?,
            None => f.write_str("bootloader at 0x0, 0x1000 or 0x2000, as the chip has it: ")?,
        }
        match &self.state {
            BootloaderState::Verifies(length) => write!(f, "{length} bytes, verifies"),
            BootloaderState::Damaged(reason) => write!(f, "does not verify: {reason}"),
            BootloaderState::CutOff => f.write_str("begins like one; the file ends before it does"),
            BootloaderState::UnknownChip(id) => {
                write!(f, "one for the chip with id {id}, which is not known here")
            }
            BootloaderState::Absent(absent) => write!(f, "none, {absent}"),
            BootloaderState::Elsewhere { at, here } => {
                let chip = self.chip.unwrap_or("this chip");
                write!(f, "none, {here}; one for {chip} lies at {at:#x}")
            }
        }
    }
}
