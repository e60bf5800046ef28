//! A part of a flash alone: otadata, an image, a partition table.

use std::fmt;
use std::path::Path;

use ota_core::image::{
    BootloaderDesc, Header, UnsignedVerifier, VerifyImage as _, bootloader_desc, header,
};
use ota_core::otadata::{self, ENTRY_LEN, Entry};
use ota_core::partition::TABLE_LEN;
use ota_core::{Chip, PartitionTable, Region};
use serde::Serialize;

use super::dump_flash::{DumpFlash, Known};
use super::slot::{desc_at, field, version};
use super::{EntryView, FileKind, InspectOptions, PartitionView, layout, revision, shown};
use crate::input::{InputError, Place};
use crate::partition_csv::{self, Output};

/// otadata alone.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct OtadataAlone {
    /// Length of the file in bytes.
    pub length: u64,
    /// The entries that the file holds; their addresses count from the start of otadata.
    pub entries: Vec<EntryView>,
    /// Index of the active entry, if both are there.
    pub active: Option<usize>,
    /// Whether both entries are blank.
    pub blank: bool,
    /// The active entry's sequence number, with the slot that it selects among so many.
    pub selects: Vec<(u32, String)>,
}

impl OtadataAlone {
    pub(super) fn new(bytes: &[u8], options: &InspectOptions) -> Self {
        let records: Vec<[u8; ENTRY_LEN]> = { bytes.chunks(ota_core::flash::SECTOR as usize) }
            .filter_map(|sector| sector.first_chunk().copied())
            .take(2)
            .collect();
        let entries: Vec<Entry> = records.iter().map(Entry::parse).collect();
        let other = |index: usize| entries.get(1 - index).copied().unwrap_or(Entry::ERASED);
        let counts = options.slots.map_or(1..=4, |slots| slots..=slots);
        let views = { records.iter().zip([0, ota_core::flash::SECTOR]) }
            .enumerate()
            .map(|(index, (record, at))| {
                EntryView::new(at, record, &other(index), *counts.start().max(&2))
            })
            .collect();
        let active = match *entries.as_slice() {
            [first, second] => otadata::active(&[first, second]),
            _ => None,
        };
        let slot = |seq, n| {
            let slot = otadata::slot_of(seq, n)?;
            Some((n, format!("ota_{slot}")))
        };
        let selects = active.map_or_else(Vec::new, |active| {
            { counts }
                .filter_map(|n| slot(entries[active].seq, n))
                .collect()
        });
        Self {
            length: bytes.len() as u64,
            blank: entries.iter().all(|entry| *entry == Entry::ERASED),
            entries: views,
            active,
            selects,
        }
    }
}

impl fmt::Display for OtadataAlone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "otadata alone, {} bytes", self.length)?;
        for (index, entry) in self.entries.iter().enumerate() {
            writeln!(f, "  entry {index} at {entry}")?;
        }
        writeln!(f, "\nwhat it selects")?;
        match (self.active, self.entries.len()) {
            (_, 0 | 1) => writeln!(
                f,
                "  that cannot be told: the second entry, 0x1000 further on, is not in the file"
            )?,
            (None, _) if self.blank => writeln!(
                f,
                "  nothing, it is blank: factory boots, or ota_0 in a table without factory"
            )?,
            (None, _) => writeln!(
                f,
                "  nothing, no entry is active: factory boots, or else every slot is tried from ota_0 on"
            )?,
            (Some(active), _) => {
                let seq = self.entries[active].seq;
                let among: Vec<String> = { self.selects.iter() }
                    .map(|(n, slot)| format!("{slot} among {n}"))
                    .collect();
                writeln!(f, "  entry {active}, seq {seq}: {}", among.join(", "))?;
                if self.selects.len() > 1 {
                    writeln!(
                        f,
                        "  how many OTA slots there are the partition table says (--slots N, or --table FILE)"
                    )?;
                }
            }
        }
        write!(
            f,
            "\nwhat boots\n  that cannot be told: it depends on the images in the slots\n\n\
             advice: esptool read-flash 0 ALL dump.bin && brownout inspect dump.bin"
        )
    }
}

/// An image alone.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ImageAlone {
    /// The file, as a shell takes its name.
    pub file: String,
    /// Length of the file in bytes.
    pub length: u64,
    /// Whether it is a bootloader.
    pub bootloader: bool,
    /// Its chip, or the id that is not known.
    pub chip: Result<&'static str, u16>,
    /// Its length in bytes, or why it does not verify.
    pub image: Result<u32, String>,
    /// Whether it ends with a SHA-256.
    pub hashed: bool,
    /// What it says of itself: name and value.
    pub facts: Vec<(&'static str, String)>,
}

impl ImageAlone {
    pub(super) fn new(path: &Path, bytes: &[u8], kind: FileKind, options: &InspectOptions) -> Self {
        let mut image = Self {
            file: shown::argument(path),
            length: bytes.len() as u64,
            bootloader: kind == FileKind::Bootloader,
            chip: Err(0),
            image: Err("the file ends in the header".into()),
            hashed: false,
            facts: Vec::new(),
        };
        let Some(header) = bytes.first_chunk::<{ header::LEN }>() else {
            return image;
        };
        let Ok(header) = Header::parse(header) else {
            return image;
        };
        image.about(bytes, &header);
        let Some(chip) = options.chip.or_else(|| Chip::by_id(header.chip_id)) else {
            image.chip = Err(header.chip_id);
            image.image = Err(format!(
                "the chip with id {} is not known here",
                header.chip_id
            ));
            return image;
        };
        image.chip = Ok(chip.name);
        image.hashed = header.hash_appended != 0;
        image.image = image.verify(bytes, chip, options);
        image
    }

    /// Verifies it where an image of its kind is put.
    fn verify(
        &self,
        bytes: &[u8],
        chip: &'static Chip,
        options: &InspectOptions,
    ) -> Result<u32, String> {
        /// Where no chip has its bootloader, and at the start of an MMU page, as in every slot.
        const SLOT: u32 = 0x1_0000;

        let size = u32::try_from(bytes.len()).map_err(|_| "no image is that long".to_owned())?;
        let offset = if self.bootloader {
            chip.bootloader_offset
        } else {
            SLOT
        };
        let mut flash = DumpFlash::new(Known::new(bytes, offset), u32::MAX);
        let mut buffer = [0; 4096];
        let mut verifier = UnsignedVerifier::new(options.target(chip), &mut buffer)
            .map_err(|error| error.to_string())?;
        let region = Region { offset, size };
        let found = if self.bootloader {
            verifier.verify_bootloader(&mut flash, region)
        } else {
            verifier.verify(&mut flash, region)
        };
        found.map(|image| image.image_len).map_err(|error| {
            let at = error.at.saturating_sub(offset);
            format!("at offset {at:#x}: {}", error.refusal)
        })
    }

    fn about(&mut self, bytes: &[u8], header: &Header) {
        let known = Known::new(bytes, 0);
        let mut say = |name, value: String| {
            if !value.is_empty() {
                self.facts.push((name, value));
            }
        };
        if let Some(desc) = desc_at(known, 0) {
            say("version", version(&desc));
            say("ESP-IDF", field(&desc.idf_ver));
            say(
                "built",
                format!("{} {}", field(&desc.date), field(&desc.time))
                    .trim()
                    .into(),
            );
            say("secure version", desc.secure_version.to_string());
            if !matches!(desc.min_efuse_blk_rev, 0 | u16::MAX) {
                say(
                    "eFuse blocks",
                    format!("{} or later", revision(desc.min_efuse_blk_rev)),
                );
            }
        } else if let Some(desc) = known
            .whole(bootloader_desc::OFFSET, bootloader_desc::LEN)
            .and_then(|record| BootloaderDesc::parse(record.first_chunk()?).ok())
        {
            say("version", desc.version.to_string());
            say("ESP-IDF", field(&desc.idf_ver));
            say("built", field(&desc.date_time));
        }
        if header.min_revision != 0 {
            say(
                "chip revision",
                format!("{} or later", revision(header.min_revision)),
            );
        }
        if let Some(size) = header.flash_size() {
            say("flash size", partition_csv::size_text(size));
        }
    }

    /// 0 it verifies, 1 it does not, 6 its chip is not known.
    pub(super) fn code(&self) -> u8 {
        match (&self.chip, &self.image) {
            (Err(id), _) if *id != 0 => 6,
            (_, Ok(_)) => 0,
            (_, Err(_)) => 1,
        }
    }
}

impl fmt::Display for ImageAlone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = if self.bootloader {
            "bootloader image, or another without an application descriptor"
        } else {
            "app image"
        };
        write!(f, "{what}, {} bytes", self.length)?;
        match self.chip {
            Ok(chip) => writeln!(f, ", for {chip}")?,
            Err(_) => writeln!(f)?,
        }
        for (name, value) in &self.facts {
            writeln!(f, "  {name}: {value}")?;
        }
        match &self.image {
            Ok(length) => {
                write!(f, "  verifies: {length} bytes")?;
                if u64::from(*length) < self.length {
                    write!(
                        f,
                        ", and {} more after its end",
                        self.length - u64::from(*length)
                    )?;
                }
                if !self.hashed {
                    f.write_str(", without a SHA-256")?;
                }
            }
            Err(reason) => write!(f, "  does not verify: {reason}")?,
        }
        if self.bootloader {
            write!(
                f,
                "\n\nin an OTA slot a bootloader refuses it; its place is where its chip looks for it"
            )
        } else {
            write!(
                f,
                "\n\nadvice: brownout sweep --policy stock --table partitions.csv --running OLD.bin --update {}",
                self.file
            )
        }
    }
}

/// A partition table alone.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TableAlone {
    /// The file, as a shell takes its name.
    pub file: String,
    /// Length of the file in bytes.
    pub length: u64,
    /// Whether it is CSV.
    pub csv: bool,
    /// Its partitions.
    pub partitions: Vec<PartitionView>,
    /// Why the bootloader refuses it on any flash.
    pub bootloader_refuses: Option<String>,
    /// Why an application (with MD5 required, the default) sees no partitions.
    pub application_refuses: Option<String>,
}

impl TableAlone {
    pub(super) fn new(
        path: &Path,
        bytes: &[u8],
        kind: FileKind,
        options: &InspectOptions,
    ) -> Result<Self, InputError> {
        let mut binary = bytes.to_vec();
        if kind == FileKind::Csv {
            let csv = partition_csv::Options {
                table_offset: options
                    .table_offset
                    .unwrap_or(ota_core::partition::DEFAULT_TABLE_OFFSET),
                ..partition_csv::Options::default()
            };
            let converted = partition_csv::convert(bytes, &csv)
                .map_err(|refused| InputError::new(path, Place::Whole, refused))?;
            if let Output::Binary(table) = converted.output {
                binary = table;
            }
        }
        binary.resize(binary.len().max(TABLE_LEN), 0xFF);
        let all = Known::new(&[0; 0], 0);
        let refuses = |error: ota_core::partition::TableError| error.to_string();
        Ok(Self {
            file: shown::argument(path),
            length: bytes.len() as u64,
            csv: kind == FileKind::Csv,
            partitions: layout::rows(&binary, all),
            bootloader_refuses: PartitionTable::for_bootloader(&binary, u32::MAX)
                .err()
                .map(refuses),
            application_refuses: PartitionTable::for_application(&binary, true)
                .err()
                .map(refuses),
        })
    }

    /// 0 the bootloader takes it, 1 it does not.
    pub(super) fn code(&self) -> u8 {
        u8::from(self.bootloader_refuses.is_some())
    }
}

impl fmt::Display for TableAlone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let format = if self.csv { "in CSV" } else { "in binary" };
        writeln!(f, "partition table {format}, {} bytes", self.length)?;
        super::print::partitions(f, &self.partitions, false)?;
        if let Some(reason) = &self.bootloader_refuses {
            writeln!(f, "  the bootloader refuses it: {reason}")?;
        }
        if let Some(reason) = &self.application_refuses {
            writeln!(f, "  an application sees no partitions: {reason}")?;
        }
        write!(
            f,
            "\nadvice: brownout table {} OUTPUT    # converts it, CSV to binary or back",
            self.file
        )
    }
}
