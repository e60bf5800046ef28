//! Building a device's flash, and asking what it does.

use std::path::Path;

use fault_tests::inspect::{InspectOptions, Report, look};
use fault_tests::partition_csv::{self, Output};
use ota_core::Chip;
use ota_core::image::{AppDesc, BootloaderDesc, Header, SegmentHeader};
use ota_core::otadata::Entry;
use ota_core::partition::{PartitionTable, TABLE_LEN};
use sha2::{Digest as _, Sha256};

/// The table of an Arduino project, 4 MB.
pub(crate) const DEFAULT_CSV: &str = "\
nvs,      data, nvs,     0x9000,  0x5000
otadata,  data, ota,     0xe000,  0x2000
app0,     app,  ota_0,   0x10000, 0x140000
app1,     app,  ota_1,   0x150000,0x140000
spiffs,   data, spiffs,  0x290000,0x160000
coredump, data, coredump,0x3F0000,0x10000
";

/// The table of an ESP-IDF project with a factory image, 4 MB.
pub(crate) const FACTORY_CSV: &str = "\
nvs,      data, nvs,     0x9000,  0x4000
otadata,  data, ota,     0xd000,  0x2000
phy_init, data, phy,     0xf000,  0x1000
factory,  app,  factory, 0x10000, 1M
ota_0,    app,  ota_0,   0x110000,1M
ota_1,    app,  ota_1,   0x210000,1M
";

/// What an image is made of.
#[derive(Clone, Copy)]
pub(crate) struct App {
    pub(crate) chip: &'static Chip,
    pub(crate) version: &'static str,
    /// Length of the segment's data in bytes.
    pub(crate) len: usize,
    pub(crate) secure_version: u32,
    pub(crate) min_revision: u16,
    pub(crate) min_efuse: u16,
}

impl App {
    pub(crate) fn new(chip: &'static Chip, version: &'static str) -> Self {
        Self {
            chip,
            version,
            len: 0x1800,
            secure_version: 0,
            min_revision: 0,
            min_efuse: 0,
        }
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        fn text<const N: usize>(text: &str) -> [u8; N] {
            let mut field = [0; N];
            field[..text.len()].copy_from_slice(text.as_bytes());
            field
        }
        let desc = AppDesc {
            secure_version: self.secure_version,
            version: text(self.version),
            project_name: text("lamp"),
            time: text("12:00:00"),
            date: text("Jan  1 2026"),
            idf_ver: text("v5.5.1"),
            app_elf_sha256: [7; 32],
            min_efuse_blk_rev: self.min_efuse,
            max_efuse_blk_rev: u16::MAX,
            mmu_page_size: 16,
            spi_flash_mode: 0,
        };
        let mut data = desc.emit().to_vec();
        data.extend(code(self.len - data.len()));
        let header = header(self.chip, self.min_revision);
        image(&header, self.chip.windows[0].start + 0x20, &data)
    }
}

/// An image of a second-stage bootloader for a flash of `mib` MiB.
pub(crate) fn bootloader(chip: &Chip, mib: u32) -> Vec<u8> {
    let mut idf_ver = [0; 32];
    idf_ver[..6].copy_from_slice(b"v5.5.1");
    let desc = BootloaderDesc {
        secure_version: 0,
        version: 1,
        idf_ver,
        date_time: [b' '; 24],
    };
    let mut data = desc.emit().to_vec();
    data.extend(code(0x1000));
    let mut header = header(chip, 0);
    header.spi_speed_size = u8::try_from(mib.trailing_zeros() << 4).expect("a size code");
    // RAM, or nothing at all, on every chip: no window is there.
    image(&header, 0x3FFF_0000, &data)
}

fn header(chip: &Chip, min_revision: u16) -> Header {
    Header {
        segment_count: 1,
        spi_mode: 2,
        spi_speed_size: 0x20,
        entry: 0x4200_0020,
        wp_pin: 0xEE,
        pin_drive: [0; 3],
        chip_id: chip.id,
        min_revision_legacy: 0,
        min_revision,
        max_revision: 0,
        reserved: [0; 4],
        hash_appended: 1,
    }
}

fn image(header: &Header, load_addr: u32, data: &[u8]) -> Vec<u8> {
    let mut bytes = header.emit().to_vec();
    let data_len = u32::try_from(data.len()).expect("a short segment");
    bytes.extend(
        SegmentHeader {
            load_addr,
            data_len,
        }
        .emit(),
    );
    bytes.extend(data);
    let checksum = data.iter().fold(0xEF, |sum, byte| sum ^ byte);
    bytes.resize((bytes.len() + 1).next_multiple_of(16), 0);
    *bytes.last_mut().expect("a block") = checksum;
    let hash = Sha256::digest(&bytes);
    bytes.extend(hash);
    bytes
}

/// Bytes that repeat as code does.
fn code(len: usize) -> impl Iterator<Item = u8> {
    (0..len).map(|at| [0x13, 0x01, 0x01, 0xFE, 0x23, 0x2E, 0x81, 0x00][at % 8])
}

/// Bytes that look encrypted.
pub(crate) fn noise(len: usize) -> Vec<u8> {
    (0..len.div_ceil(32))
        .flat_map(|block| Sha256::digest(block.to_le_bytes()))
        .take(len)
        .collect()
}

/// A table in binary.
pub(crate) fn table(csv: &str) -> Vec<u8> {
    table_at(csv, 0x8000)
}

pub(crate) fn table_at(csv: &str, table_offset: u32) -> Vec<u8> {
    let options = partition_csv::Options {
        table_offset,
        verify: false,
        ..partition_csv::Options::default()
    };
    let converted = partition_csv::convert(csv.as_bytes(), &options).expect("a table");
    match converted.output {
        Output::Binary(table) => table,
        Output::Csv(_) => panic!("CSV becomes binary"),
    }
}

/// The flash of a device.
#[derive(Clone)]
pub(crate) struct Flash(pub(crate) Vec<u8>);

impl Flash {
    /// With a bootloader and this table, of `mib` MiB.
    pub(crate) fn new(chip: &Chip, mib: u32, csv: &str) -> Self {
        let flash = Self(vec![0xFF; (mib as usize) << 20]);
        flash
            .put(chip.bootloader_offset, &bootloader(chip, mib))
            .put(0x8000, &table(csv))
    }

    pub(crate) fn put(mut self, at: u32, bytes: &[u8]) -> Self {
        self.0[at as usize..][..bytes.len()].copy_from_slice(bytes);
        self
    }

    pub(crate) fn erase(mut self, at: u32, len: usize) -> Self {
        self.0[at as usize..][..len].fill(0xFF);
        self
    }

    /// Where the partition with this label is.
    pub(crate) fn at(&self, label: &str) -> u32 {
        let table = PartitionTable::for_application(&self.0[0x8000..][..TABLE_LEN], false);
        let table = table.expect("a table");
        let mut rows = table.iter();
        let row = rows.find(|row| row.label.as_bytes() == label.as_bytes());
        row.expect("a partition of this name").offset
    }

    pub(crate) fn app(self, label: &str, app: &[u8]) -> Self {
        let at = self.at(label);
        self.put(at, app)
    }

    pub(crate) fn entry(self, index: u32, entry: Entry) -> Self {
        let at = self.at("otadata") + index * 0x1000;
        self.put(at, &entry.emit())
    }

    pub(crate) fn asked(&self) -> Answer {
        ask(&self.0)
    }
}

/// What was said of a file.
pub(crate) struct Answer {
    pub(crate) code: u8,
    pub(crate) text: String,
}

pub(crate) fn ask(bytes: &[u8]) -> Answer {
    ask_with(bytes, &InspectOptions::default())
}

pub(crate) fn ask_with(bytes: &[u8], options: &InspectOptions) -> Answer {
    match look(Path::new("file.bin"), bytes, options) {
        Ok(report) => Answer {
            code: report.code(),
            text: report.to_string(),
        },
        Err(error) => Answer {
            code: 2,
            text: error.to_string(),
        },
    }
}

pub(crate) fn report(bytes: &[u8]) -> Report {
    look(Path::new("file.bin"), bytes, &InspectOptions::default()).expect("something to look at")
}

impl Answer {
    /// It says all of these, with this exit code.
    #[track_caller]
    pub(crate) fn says(&self, code: u8, what: &[&str]) -> &Self {
        for what in what {
            assert!(self.text.contains(what), "not said: {what}\n{}", self.text);
        }
        assert_eq!(self.code, code, "the exit code\n{}", self.text);
        self
    }

    /// It says none of these.
    #[track_caller]
    pub(crate) fn never(&self, what: &[&str]) -> &Self {
        for what in what {
            assert!(!self.text.contains(what), "said: {what}\n{}", self.text);
        }
        self
    }
}
