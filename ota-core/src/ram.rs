//! A device in RAM for the unit tests: a flash that logs and can lose power, a verifier that
//! answers from the first byte, and tables to boot from.
extern crate std;

use embedded_storage::nor_flash::{
    ErrorType, NorFlash, NorFlashErrorKind, ReadNorFlash, check_erase, check_read, check_write,
};
use std::vec::Vec;

use crate::Region;
use crate::image::{ImageMetadata, Refusal, VerifyError, VerifyImage, app_desc};
use crate::otadata::{ENTRY_LEN, Entry, OtaState};
use crate::partition::{
    DEFAULT_TABLE_OFFSET, Label, Partition, Slot, SubType, TABLE_LEN, Type, emit_table,
};

pub(crate) const SIZE: u32 = 1 << 20;
pub(crate) const OTADATA: u32 = 0xD000;
pub(crate) const SLOT_SIZE: u32 = 0x1_0000;

/// What reached the flash.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Op {
    Erase { from: u32, to: u32 },
    Program { at: u32, len: usize },
}

/// What a cut leaves of the operation that it hits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Torn {
    /// Nothing happened.
    Nothing,
    /// All of it happened.
    Done,
    /// The first bytes are programmed; of an erase, zeroed.
    Prefix(usize),
    /// The bytes from here on are.
    Suffix(usize),
    /// Some bits are programmed; of an erase, all are zeroed and some erased.
    Some(u64),
    /// All bits are zeroed: of an erase.
    Zeroed,
    /// All bytes have risen but one row of 32, in which this bit alone has risen from what was there: of an erase.
    Risen { row: usize, bit: usize },
    /// One row of 32 bytes has risen, the others are as they were: of an erase.
    RisenRow(usize),
}

impl Torn {
    fn tear(self, cells: &mut [u8], wanted: Option<&[u8]>) {
        let mut seed = match self {
            Self::Some(seed) => seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1,
            _ => 0,
        };
        for (i, cell) in cells.iter_mut().enumerate() {
            // xorshift64
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            let left = seed.to_le_bytes()[3];
            let done = wanted.map_or(0, |wanted| wanted[i]);
            *cell = match self {
                Self::Done => wanted.map_or(0xFF, |_| *cell & done),
                Self::Prefix(n) if i < n => *cell & done,
                Self::Suffix(n) if i >= n => *cell & done,
                Self::RisenRow(row) if i / 32 == row => 0xFF,
                Self::Nothing | Self::Prefix(_) | Self::Suffix(_) | Self::RisenRow(_) => *cell,
                Self::Some(_) if wanted.is_none() => left,
                Self::Some(_) => *cell & (done | left),
                Self::Zeroed => 0,
                Self::Risen { row, bit } if i / 32 == row => {
                    let risen = i % 32 == bit / 8;
                    *cell | if risen { 1 << (bit % 8) } else { 0 }
                }
                Self::Risen { .. } => 0xFF,
            };
        }
    }
}

#[derive(Clone)]
pub(crate) struct Ram {
    pub(crate) bytes: Vec<u8>,
    pub(crate) ops: Vec<Op>,
    /// A copy of it, for tests that take `ops` out.
    pub(crate) done: Vec<Op>,
    pub(crate) reads: usize,
    /// Number of operations that still succeed.
    pub(crate) power: usize,
    /// Whether reads fail as well when the power is gone.
    pub(crate) dead_reads: bool,
    /// Accesses after the first failure.
    pub(crate) after_failure: usize,
    /// What the first operation that fails leaves.
    pub(crate) torn: Torn,
    failed: bool,
}

impl Ram {
    pub(crate) fn erased() -> Self {
        Self {
            bytes: std::vec![0xFF; SIZE as usize],
            ..Self::empty()
        }
    }

    fn empty() -> Self {
        Self {
            bytes: Vec::new(),
            ops: Vec::new(),
            done: Vec::new(),
            reads: 0,
            power: usize::MAX,
            dead_reads: true,
            after_failure: 0,
            torn: Torn::Nothing,
            failed: false,
        }
    }

    /// A device with a table of these slots (and otadata), from 0x10000 on.
    pub(crate) fn with_slots(slots: &[Slot]) -> Self {
        let mut ram = Self::erased();
        let mut table = [0; TABLE_LEN];
        emit_table(partitions(slots), true, &mut table).unwrap();
        ram.put(DEFAULT_TABLE_OFFSET, &table);
        ram
    }

    pub(crate) fn put(&mut self, at: u32, bytes: &[u8]) {
        let at = at as usize;
        self.bytes[at..at + bytes.len()].copy_from_slice(bytes);
    }

    pub(crate) fn put_entry(&mut self, sector: u32, entry: Entry) {
        self.put(OTADATA + sector * 0x1000, &entry.emit());
    }

    pub(crate) fn entries(&self) -> [Entry; 2] {
        [OTADATA, OTADATA + 0x1000].map(|at| {
            let bytes = self.bytes[at as usize..].first_chunk::<ENTRY_LEN>();
            Entry::parse(bytes.unwrap())
        })
    }

    /// An image that verifies, with a descriptor of this secure version.
    pub(crate) fn put_image(&mut self, partition: &Partition, secure_version: u32) {
        self.put(partition.offset, &[0xE9]);
        let at = partition.offset + app_desc::OFFSET;
        self.put(at, &[0; app_desc::LEN]);
        self.put(at, &app_desc::MAGIC.to_le_bytes());
        self.put(at + 4, &secure_version.to_le_bytes());
    }

    pub(crate) fn table(&self) -> [u8; TABLE_LEN] {
        *self.bytes[DEFAULT_TABLE_OFFSET as usize..]
            .first_chunk()
            .unwrap()
    }

    /// Whether an operation has failed.
    pub(crate) fn is_dead(&self) -> bool {
        self.failed
    }

    /// The same flash, with the power back and no memory of what was done.
    pub(crate) fn power_on(&self) -> Self {
        Self {
            bytes: self.bytes.clone(),
            ..Self::empty()
        }
    }

    fn operate(
        &mut self,
        at: u32,
        len: usize,
        wanted: Option<&[u8]>,
    ) -> Result<(), NorFlashErrorKind> {
        let first = !self.failed;
        if self.failed {
            self.after_failure += 1;
        }
        if let Some(left) = self.power.checked_sub(1) {
            self.power = left;
            Ok(())
        } else {
            self.failed = true;
            if first {
                let at = at as usize;
                self.torn.tear(&mut self.bytes[at..at + len], wanted);
            }
            Err(NorFlashErrorKind::Other)
        }
    }
}

impl ErrorType for Ram {
    type Error = NorFlashErrorKind;
}

impl ReadNorFlash for Ram {
    const READ_SIZE: usize = 1;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), NorFlashErrorKind> {
        self.reads += 1;
        if self.failed && self.dead_reads {
            self.after_failure += 1;
            return Err(NorFlashErrorKind::Other);
        }
        check_read(self, offset, bytes.len())?;
        let at = offset as usize;
        bytes.copy_from_slice(&self.bytes[at..at + bytes.len()]);
        Ok(())
    }

    fn capacity(&self) -> usize {
        self.bytes.len()
    }
}

impl NorFlash for Ram {
    const WRITE_SIZE: usize = 1;
    const ERASE_SIZE: usize = 4096;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), NorFlashErrorKind> {
        check_erase(self, from, to)?;
        self.operate(from, (to - from) as usize, None)?;
        self.ops.push(Op::Erase { from, to });
        self.bytes[from as usize..to as usize].fill(0xFF);
        Ok(())
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), NorFlashErrorKind> {
        check_write(self, offset, bytes.len())?;
        self.operate(offset, bytes.len(), Some(bytes))?;
        let (at, len) = (offset, bytes.len());
        self.ops.push(Op::Program { at, len });
        for (cell, byte) in self.bytes[offset as usize..].iter_mut().zip(bytes) {
            *cell &= byte;
        }
        Ok(())
    }
}

/// An image verifies if it starts with the magic byte.
pub(crate) struct FirstByte;

impl<F: ReadNorFlash> VerifyImage<F> for FirstByte {
    fn verify(
        &mut self,
        flash: &mut F,
        at: Region,
    ) -> Result<ImageMetadata, VerifyError<F::Error>> {
        let refuse = |refusal| VerifyError {
            at: at.offset,
            refusal,
        };
        // In one read: the byte, and the start of the descriptor.
        let mut start = [0; 40];
        flash
            .read(at.offset, &mut start)
            .map_err(|e| refuse(Refusal::Flash(e)))?;
        let word = |from: usize| start[from..].first_chunk().copied().map(u32::from_le_bytes);
        match start[0] {
            0xE9 => Ok(ImageMetadata {
                region: at,
                image_len: 1,
                segments: 0,
                digest: [0; 32],
                hashed: false,
                secure_version: word(32).filter(|w| *w == app_desc::MAGIC).and(word(36)),
            }),
            found => Err(refuse(Refusal::Magic { found })),
        }
    }
}

pub(crate) fn row(kind: Type, subtype: SubType, offset: u32, size: u32) -> Partition {
    Partition {
        kind,
        subtype,
        offset,
        size,
        label: Label([0; 16]),
        flags: 0,
    }
}

/// otadata, then the slots one after the other.
pub(crate) fn partitions(slots: &[Slot]) -> Vec<Partition> {
    let otadata = row(Type::DATA, SubType::OTA, OTADATA, 0x2000);
    let places = (SLOT_SIZE..).step_by(SLOT_SIZE as usize);
    let apps = slots
        .iter()
        .zip(places)
        .map(|(slot, at)| row(Type::APP, slot.subtype(), at, SLOT_SIZE));
    [otadata].into_iter().chain(apps).collect()
}

/// The partition of `slot` in a table made of `slots`.
pub(crate) fn place(slots: &[Slot], slot: Slot) -> Partition {
    let mut found = partitions(slots).into_iter();
    found.find(|p| p.slot() == Some(slot)).unwrap()
}

pub(crate) fn entry(seq: u32, state: OtaState) -> Entry {
    Entry::new(seq, state)
}
