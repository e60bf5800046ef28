//! The boot as a whole, on a flash that is hostile: table, otadata and images are any bytes at all.
//!
//! Under both policies it ends, writes nothing outside otadata, and the next boot runs what it can. The proptest
//! here, the fuzz targets and the hammer of `fuzz/` all call this.

use std::cell::RefCell;
use std::ops::Range;

use embedded_storage::nor_flash::{
    ErrorType, NorFlash, NorFlashErrorKind, ReadNorFlash, check_erase, check_read, check_write,
};
use ota_core::Region;
use ota_core::boot::{self, BootConfig, BootInputs};
use ota_core::chip;
use ota_core::efuse::Unary;
use ota_core::hardened::{self, Log};
use ota_core::image::{Target, UnsignedVerifier};
use ota_core::otadata::{Entry, OtaState};
use ota_core::partition::{DEFAULT_TABLE_OFFSET, PartitionTable, Slot, TABLE_LEN, Type};

use crate::seeds::{self, FLASH_SIZE, OTADATA};

/// Where the bytes of a hostile flash go: one part of them behind the other. Elsewhere it is erased.
const PARTS: [(u32, usize); 6] = [
    (DEFAULT_TABLE_OFFSET, 0x200),
    (OTADATA, 0x1000),
    (OTADATA + 0x1000, 0x1000),
    (0x1_0000, 0x300),
    (0x2_0000, 0x300),
    (0x3_0000, 0x300),
];

/// The device's minimum version, which the image in factory is below.
const MINIMUM: u32 = 2;

/// A boot reads, erases and programs less often than this.
const MOST_ACCESSES: u32 = 5000;

/// A flash that counts, and notes where it was written.
struct Hostile {
    bytes: Vec<u8>,
    written: Vec<Range<u32>>,
    accesses: u32,
}

thread_local! {
    /// Made once: what was put into it is taken out again.
    static FLASH: RefCell<Hostile> = RefCell::new(Hostile {
        bytes: vec![0xFF; FLASH_SIZE as usize],
        written: Vec::new(),
        accesses: 0,
    });
}

impl Hostile {
    fn put(&mut self, data: &[u8]) {
        let mut data = data;
        for (at, len) in PARTS {
            let (part, rest) = data.split_at(len.min(data.len()));
            self.bytes[at as usize..at as usize + part.len()].copy_from_slice(part);
            data = rest;
        }
    }

    fn clear(&mut self) {
        for (at, len) in PARTS {
            self.bytes[at as usize..at as usize + len].fill(0xFF);
        }
        for range in std::mem::take(&mut self.written) {
            self.bytes[range.start as usize..range.end as usize].fill(0xFF);
        }
    }

    fn access(&mut self) {
        self.accesses += 1;
        assert!(self.accesses < MOST_ACCESSES, "the boot does not end");
    }
}

impl ErrorType for Hostile {
    type Error = NorFlashErrorKind;
}

impl ReadNorFlash for Hostile {
    const READ_SIZE: usize = 4;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), NorFlashErrorKind> {
        self.access();
        check_read(self, offset, bytes.len())?;
        let at = offset as usize;
        bytes.copy_from_slice(&self.bytes[at..at + bytes.len()]);
        Ok(())
    }

    fn capacity(&self) -> usize {
        self.bytes.len()
    }
}

impl NorFlash for Hostile {
    const WRITE_SIZE: usize = 4;
    const ERASE_SIZE: usize = 4096;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), NorFlashErrorKind> {
        self.access();
        check_erase(self, from, to)?;
        self.written.push(from..to);
        self.bytes[from as usize..to as usize].fill(0xFF);
        Ok(())
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), NorFlashErrorKind> {
        self.access();
        check_write(self, offset, bytes.len())?;
        let end = offset + u32::try_from(bytes.len()).unwrap();
        self.written.push(offset..end);
        let cells = &mut self.bytes[offset as usize..end as usize];
        cells.iter_mut().zip(bytes).for_each(|(c, b)| *c &= b);
        Ok(())
    }
}

/// Boots twice. What is drawn besides the flash is drawn from the length of the data.
pub(crate) fn boot(data: &[u8]) {
    FLASH.with_borrow_mut(|flash| {
        flash.put(data);
        judge(flash, data.len());
        flash.clear();
    });
}

fn judge(flash: &mut Hostile, drawn: usize) {
    let hardened = drawn & 1 != 0;
    let config = BootConfig {
        rollback: drawn & 2 != 0,
        anti_rollback: drawn & 4 != 0,
        ..BootConfig::new(FLASH_SIZE)
    };
    let mut fuses = Unary::with_version(MINIMUM, 16);
    let first = run(flash, hardened, &config, &mut fuses);
    let burnt = fuses.version();
    let raw: [u8; TABLE_LEN] = *flash.bytes[DEFAULT_TABLE_OFFSET as usize..]
        .first_chunk()
        .unwrap();
    let table = PartitionTable::for_bootloader(&raw, FLASH_SIZE).ok();
    // No row is above the flash, if the table is one.
    let otadata = table
        .and_then(|table| table.otadata())
        .map(|row| row.region());
    for written in &flash.written {
        let inside = otadata.is_some_and(|at| {
            written.start >= at.offset && written.end - at.offset <= at.size.min(0x2000)
        });
        assert!(inside, "{written:x?} was written, otadata is {otadata:x?}");
    }
    let second = run(flash, hardened, &config, &mut fuses);
    assert!(fuses.version() >= burnt && (MINIMUM..=16).contains(&burnt));
    // Whose otadata lies over what is to boot loses that.
    let apart = table.zip(otadata).is_none_or(|(table, otadata)| {
        let over = |at: Region| {
            at.offset < otadata.offset + 0x2000 && u64::from(otadata.offset) < at.end()
        };
        let mut rows = table.iter().filter(|row| row.kind == Type::APP);
        !rows.any(|row| over(row.region())) && !over(Region::new(DEFAULT_TABLE_OFFSET, 0x1000))
    });
    // Unverified bytes burn fuses under the stock policy, and may lock all that there is out.
    let locked = !hardened && config.anti_rollback;
    if let (Some(slot), true, false) = (first, apart, locked) {
        assert!(second.is_some(), "{slot} ran, and then nothing does");
    }
}

/// What runs; with anti-rollback, something that is new enough.
fn run(
    flash: &mut Hostile,
    hardened: bool,
    config: &BootConfig,
    fuses: &mut Unary,
) -> Option<Slot> {
    flash.accesses = 0;
    let mut buffer = [0; 512];
    let target = Target::new(&chip::ESP32C3);
    let mut verifier = UnsignedVerifier::new(target, &mut buffer).unwrap();
    let (inputs, mut table) = (BootInputs::default(), [0; TABLE_LEN]);
    let (slot, image) = if hardened {
        let log = Log::DEFAULT;
        let booted = hardened::boot(
            flash,
            &mut verifier,
            fuses,
            config,
            log,
            &inputs,
            &mut table,
        );
        booted
            .ok()
            .map(|decision| (decision.slot, decision.image))?
    } else {
        let booted = boot::boot(flash, &mut verifier, fuses, config, &inputs, &mut table);
        booted
            .ok()
            .map(|decision| (decision.slot, decision.image))?
    };
    let version = image.secure_version.unwrap_or(0);
    // The hardened policy raises the minimum to the version of what it runs, and no further.
    let new_enough = version.min(16) >= fuses.version() || hardened && version > 16;
    assert!(
        !config.anti_rollback || new_enough,
        "{slot} of version {version}"
    );
    Some(slot)
}

/// Flashes that boot, under both policies, of the lengths that choose between them.
pub(crate) fn flashes() -> Vec<Vec<u8>> {
    let image = |version| {
        let mut image = seeds::image_of(40, version);
        image.resize(0x300, 0xFF);
        image
    };
    let [factory, first, second] = [1, 2, 3].map(image);
    let entries = [
        [Entry::new(1, OtaState::VALID), Entry::new(2, OtaState::NEW)],
        [
            Entry::new(3, OtaState::PENDING_VERIFY),
            Entry::new(2, OtaState::VALID),
        ],
        [Entry::ERASED; 2],
    ];
    let stock = entries.map(|entries| {
        let sector = |entry: Entry| {
            let mut sector = entry.emit().to_vec();
            sector.resize(0x1000, 0xFF);
            sector
        };
        entries.map(sector).concat()
    });
    let otadata = stock.into_iter().chain(seeds::record_logs());
    otadata
        .zip((0..8).cycle())
        .map(|(otadata, drawn)| {
            let table = &seeds::table()[..0x200];
            let mut flash = [table, &otadata, &factory, &first, &second].concat();
            // The length is drawn from, and the last bytes are erased.
            while flash.len() & 7 != drawn {
                flash.pop();
            }
            flash
        })
        .collect()
}

/// Whether a boot of this flash runs anything.
pub(crate) fn runs(data: &[u8]) -> bool {
    FLASH.with_borrow_mut(|flash| {
        flash.put(data);
        let config = BootConfig::new(FLASH_SIZE);
        let mut fuses = Unary::with_version(0, 16);
        let ran = run(flash, data.len() & 1 != 0, &config, &mut fuses);
        flash.clear();
        ran.is_some()
    })
}
