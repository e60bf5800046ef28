//! The table of open updates.

use crate::partition::Partition;

/// Names an open update. It is good until [`end`](super::Ota::end) or
/// [`abort`](super::Ota::abort); the first is 1.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Handle(u32);

impl Handle {
    /// The number that C calls `esp_ota_handle_t`.
    #[must_use]
    pub const fn number(self) -> u32 {
        self.0
    }
}

impl From<u32> for Handle {
    /// Any number is a handle; whether it is open shows when it is used.
    fn from(number: u32) -> Self {
        Self(number)
    }
}

/// One open update.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Open {
    pub(super) handle: Handle,
    /// Where the image is written.
    pub(crate) staging: Partition,
    /// What it is an image of: decides how it is verified.
    pub(crate) target: Partition,
    /// Copy from staging to target at the end.
    pub(crate) copy: bool,
    /// What the writes erase.
    pub(super) ahead: Ahead,
    /// The erase in steps that must be through before the first write.
    pub(super) steps: Option<Steps>,
    /// It continues an earlier update.
    pub(super) resumed: bool,
    /// Bytes programmed, and where the next write goes.
    pub(crate) wrote: u32,
    /// With flash encryption: the first bytes of a block of 16 that is not complete.
    pub(super) partial: Partial,
}

/// How far an erase in steps is, in bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Steps {
    pub(super) erased: u32,
    pub(super) of: u32,
}

/// What a write erases before it programs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Ahead {
    Nothing,
    /// The sectors that it is the first to reach.
    Sectors,
    /// Blocks of 64 KiB that it is the first to reach; `from` this offset in the partition on,
    /// nothing was erased yet.
    Blocks {
        from: u32,
    },
}

/// A block of 16 bytes that waits for its rest.
#[derive(Clone, Copy, Debug)]
pub(super) struct Partial {
    pub(super) bytes: [u8; Self::BLOCK],
    /// At most 16; it is 16 only after the flash refused the block.
    pub(super) len: usize,
}

impl Partial {
    /// Smallest program of an encrypted flash.
    pub(super) const BLOCK: usize = 16;
    pub(super) const EMPTY: Self = Self {
        bytes: [0xFF; Self::BLOCK],
        len: 0,
    };

    /// Takes as many bytes as there is room for, and gives the others back.
    pub(super) fn fill<'d>(&mut self, data: &'d [u8]) -> &'d [u8] {
        let room = self.bytes.iter_mut().skip(self.len);
        let taken = room.zip(data).map(|(place, byte)| *place = *byte).count();
        self.len += taken;
        data.get(taken..).unwrap_or(&[])
    }
}

/// Room for `N` open updates.
#[derive(Debug)]
pub(super) struct Handles<const N: usize> {
    open: [Option<Open>; N],
    last: u32,
}

impl<const N: usize> Handles<N> {
    pub(super) const NONE: Self = Self {
        open: [None; N],
        last: 0,
    };

    pub(super) fn is_full(&self) -> bool {
        self.open.iter().all(Option::is_some)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Open> {
        self.open.iter().flatten()
    }

    pub(super) fn get(&mut self, handle: Handle) -> Option<&mut Open> {
        self.open
            .iter_mut()
            .flatten()
            .find(|open| open.handle == handle)
    }

    /// Opens an update of `staging`; `None` if all places are taken.
    pub(super) fn open(&mut self, staging: Partition) -> Option<&mut Open> {
        let place = self.open.iter_mut().find(|place| place.is_none())?;
        self.last = self.last.wrapping_add(1);
        Some(place.insert(Open {
            handle: Handle(self.last),
            staging,
            target: staging,
            copy: false,
            ahead: Ahead::Nothing,
            steps: None,
            resumed: false,
            wrote: 0,
            partial: Partial::EMPTY,
        }))
    }

    /// Closes an update.
    pub(super) fn take(&mut self, handle: Handle) -> Option<Open> {
        self.open
            .iter_mut()
            .find(|place| place.is_some_and(|open| open.handle == handle))?
            .take()
    }
}
