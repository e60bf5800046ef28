//! What must hold of each parser for any bytes at all: no panic, no endless loop, and a law or two.
//!
//! The proptests here, the fuzz targets and the hammer of `fuzz/` all call these.

use embedded_storage::nor_flash::{
    ErrorType, NorFlash, NorFlashErrorKind, ReadNorFlash, check_erase, check_read, check_write,
};
use ota_core::boot::{BootConfig, BootInputs};
use ota_core::flash::SECTOR;
use ota_core::hardened::{self, Log, Order, appearance};
use ota_core::image::signature::{Block, Scheme, block};
use ota_core::image::{Target, UnsignedVerifier, VerifyImage, read_app_desc};
use ota_core::otadata::{self, ENTRY_LEN, Entry, OtaState};
use ota_core::partition::{PartitionTable, Slot, TABLE_LEN, Type};
use ota_core::{Region, chip};

use crate::seeds;

/// A piece of flash; whoever leaves it is found out.
pub(crate) struct Piece<'b> {
    pub(crate) at: u32,
    pub(crate) bytes: &'b mut [u8],
    /// Erases and programs so far.
    pub(crate) ops: u32,
}

impl<'b> Piece<'b> {
    pub(crate) fn new(at: u32, bytes: &'b mut [u8]) -> Self {
        Self { at, bytes, ops: 0 }
    }

    fn cells(&mut self, from: u32, len: usize) -> &mut [u8] {
        let from = usize::try_from(from.checked_sub(self.at).expect("it reads below")).unwrap();
        self.bytes
            .get_mut(from..from + len)
            .expect("it reads past the end")
    }
}

impl ErrorType for Piece<'_> {
    type Error = NorFlashErrorKind;
}

impl ReadNorFlash for Piece<'_> {
    const READ_SIZE: usize = 4;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), NorFlashErrorKind> {
        check_read(self, offset, bytes.len())?;
        bytes.copy_from_slice(self.cells(offset, bytes.len()));
        Ok(())
    }

    fn capacity(&self) -> usize {
        usize::try_from(self.at).unwrap() + self.bytes.len()
    }
}

impl NorFlash for Piece<'_> {
    const WRITE_SIZE: usize = 4;
    const ERASE_SIZE: usize = 4096;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), NorFlashErrorKind> {
        check_erase(self, from, to)?;
        self.ops += 1;
        self.cells(from, usize::try_from(to - from).unwrap())
            .fill(0xFF);
        Ok(())
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), NorFlashErrorKind> {
        check_write(self, offset, bytes.len())?;
        self.ops += 1;
        let cells = self.cells(offset, bytes.len());
        cells.iter_mut().zip(bytes).for_each(|(c, b)| *c &= b);
        Ok(())
    }
}

/// The first bytes of `data`, filled up with `FF`.
fn record<const N: usize>(data: &[u8]) -> [u8; N] {
    let mut record = [0xFF; N];
    record.iter_mut().zip(data).for_each(|(r, d)| *r = *d);
    record
}

/// A partition table, as bootloader and application read it.
pub(crate) fn table(data: &[u8]) {
    let bytes: [u8; TABLE_LEN] = record(data);
    let flash_size = 1 << (20 + data.len() % 8);
    let read = [
        PartitionTable::for_bootloader(&bytes, flash_size).ok(),
        PartitionTable::for_application(&bytes, true).ok(),
        PartitionTable::for_application(&bytes, false).ok(),
    ];
    for table in read.into_iter().flatten() {
        assert!(table.len() <= 96 && table.iter().count() == table.len());
        let slots = [Slot::Factory, Slot::Test].into_iter();
        for slot in slots.chain((0..16).map(Slot::Ota)) {
            if let Some(found) = table.slot(slot) {
                assert_eq!(found.slot(), Some(slot));
            }
        }
        assert!(table.ota_count() <= 16);
        let _ = (table.otadata(), table.find(Type::DATA, None));
    }
}

/// Two entries of otadata.
pub(crate) fn otadata(data: &[u8]) {
    let bytes: [u8; 2 * ENTRY_LEN] = record(data);
    let (first, second) = bytes.split_first_chunk().unwrap();
    let entries = [first, second.first_chunk().unwrap()].map(Entry::parse);
    assert_eq!(entries[0].emit(), *first);
    let active = otadata::active(&entries);
    for slots in 0..=16 {
        let slot = active.and_then(|index| otadata::slot_of(entries[index].seq, slots));
        assert!(slot.is_none_or(|slot| slot < slots));
        for target in [0, slots / 2, slots] {
            let Ok(next) = otadata::next(&entries, target, slots, OtaState::NEW) else {
                continue;
            };
            // Once written, it is what counts, and it names the slot.
            let mut after = entries;
            after[next.sector] = next.entry;
            assert_eq!(otadata::active(&after), Some(next.sector));
            assert_eq!(otadata::slot_of(next.entry.seq, slots), Some(target));
        }
    }
}

/// An image, in a slot that is as long as the data and not a byte longer.
pub(crate) fn image(data: &[u8]) {
    const AT: u32 = 0x1_0000;
    let mut bytes = data.to_vec();
    bytes.resize(data.len().next_multiple_of(64), 0xFF);
    let region = Region::new(AT, u32::try_from(bytes.len()).unwrap());
    let mut flash = Piece::new(AT, &mut bytes);
    let mut buffer = [0; 300];
    let chip = if data.len().is_multiple_of(2) {
        &chip::ESP32C3
    } else {
        &chip::ESP32C6
    };
    let mut verifier = UnsignedVerifier::new(Target::new(chip), &mut buffer).unwrap();
    if let Ok(image) = verifier.verify(&mut flash, region) {
        assert!(image.image_len <= region.size && image.segments <= 16);
    }
    let _ = verifier.verify_bootloader(&mut flash, region);
    let _ = read_app_desc(&mut flash, region);
    assert_eq!(flash.ops, 0, "who verifies writes nothing");
}

/// A signature block of each scheme. Whether numbers in it are a signature is looked at once in a while,
/// as that takes a thousand times as long: when the CRC says that the block is whole.
pub(crate) fn signature(data: &[u8]) {
    let bytes: [u8; block::LEN] = record(data);
    for scheme in [Scheme::Rsa3072, Scheme::EcdsaP256, Scheme::EcdsaP384] {
        match Block::new_checked(&bytes, scheme) {
            Ok(block) => {
                assert_eq!(block.image_digest().len(), scheme.image_digest_len());
                signed(&bytes, scheme, block.key_digest());
            }
            Err(why) => {
                let field = why.field(scheme);
                assert!(field.end <= block::LEN, "{why}");
            }
        }
    }
}

/// An image with this block behind it, on a device that trusts its key.
#[cfg(all(feature = "secure-boot-rsa", feature = "secure-boot-ecdsa"))]
fn signed(bytes: &[u8; block::LEN], scheme: Scheme, key: [u8; 32]) {
    use ota_core::image::signature::{SignedVerifier, TrustedKeys, block::put_crc};
    use sha2::{Digest, Sha256, Sha384};

    let mut image = seeds::image(0x100);
    image.resize(4096, 0xFF);
    let mut block = *bytes;
    match scheme {
        Scheme::EcdsaP384 => block[4..52].copy_from_slice(&Sha384::digest(&image)),
        _ => block[4..36].copy_from_slice(&Sha256::digest(&image)),
    }
    put_crc(&mut block);
    image.extend(block);
    image.resize(8192, 0xFF);
    let region = Region::new(0x1_0000, 8192);
    let mut flash = Piece::new(region.offset, &mut image);
    let mut buffer = [0; 1216];
    let inner = UnsignedVerifier::new(Target::new(&chip::ESP32C3), &mut buffer).unwrap();
    let keys = TrustedKeys::only(key);
    let mut verifier = match scheme {
        Scheme::Rsa3072 => SignedVerifier::rsa3072(inner, keys),
        Scheme::EcdsaP256 => SignedVerifier::ecdsa_p256(inner, keys),
        Scheme::EcdsaP384 => SignedVerifier::ecdsa_p384(inner, keys),
    }
    .unwrap();
    // Nobody has signed this image.
    assert!(verifier.verify(&mut flash, region).is_err());
}

#[cfg(not(all(feature = "secure-boot-rsa", feature = "secure-boot-ecdsa")))]
fn signed(_: &[u8; block::LEN], _: Scheme, _: [u8; 32]) {}

/// Both sectors of otadata, with the hardened policy's records in them: what is read is put in order
/// within the operations that are documented, and is then in order.
pub(crate) fn record_log(data: &[u8]) {
    let log = match data.len() % 4 {
        0 => Log::DEFAULT,
        n => Log::new(u8::try_from(n).unwrap() + 2, 2).unwrap(),
    };
    let mut sectors = [0xFF; 2 * SECTOR as usize];
    sectors.iter_mut().zip(data).for_each(|(s, d)| *s = *d);
    for row in sectors.chunks_exact(32).take(6) {
        let _ = appearance(row.first_chunk().unwrap());
    }
    let raw = seeds::table();
    let table = PartitionTable::for_bootloader(&raw, seeds::FLASH_SIZE).unwrap();
    let config = BootConfig::new(seeds::FLASH_SIZE);
    let inputs = BootInputs::default();
    let mut flash = Piece::new(seeds::OTADATA, &mut sectors);
    let mut select = || {
        flash.ops = 0;
        let selected =
            hardened::select_boot_partition(&mut flash, table, &config, log, &inputs).unwrap();
        (selected.chosen().unwrap(), selected.order(), flash.ops)
    };
    let (first, order, ops) = select();
    assert!(ops <= MOST_OPS, "{ops} operations");
    let (second, again, ops) = select();
    assert_eq!(first.slot, second.slot);
    assert_eq!(
        (first.status, first.previous),
        (second.status, second.previous)
    );
    if order == Order::Kept {
        assert_eq!((again, ops), (Order::Kept, 0), "what is in order stays so");
    }
}

/// Settling after a cut: leaving a full log (30 rows of its words zeroed, 32 rows of the other sector,
/// then a new log in 7 operations), and three switches of 11 at most to make the entries for stock code
/// right.
const MOST_OPS: u32 = 30 + 32 + 7 + 3 * 11;
