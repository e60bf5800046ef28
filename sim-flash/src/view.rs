//! A part of a flash that is itself a flash: a partition.

use std::fmt;

use embedded_storage::nor_flash::{
    ErrorType, MultiwriteNorFlash, NorFlash, NorFlashError, NorFlashErrorKind, ReadNorFlash,
};

use crate::op::OpKind;

/// The bytes `offset..offset + len` of a flash, addressed from 0. Works on any `NorFlash`, also on `&mut` one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct View<F> {
    flash: F,
    offset: u32,
    len: u32,
}

impl<F: ReadNorFlash> View<F> {
    /// The part of `flash` at `offset`. Fails if it reaches beyond the end.
    pub fn new(flash: F, offset: u32, len: u32) -> Result<Self, ViewError<F::Error>> {
        let size = u32::try_from(flash.capacity()).unwrap_or(u32::MAX);
        if u64::from(offset) + u64::from(len) > u64::from(size) {
            return Err(ViewError::OutOfBounds {
                kind: OpKind::Read,
                addr: offset,
                len: len.into(),
                size,
            });
        }
        Ok(View { flash, offset, len })
    }

    /// The flash it is a part of.
    pub fn into_inner(self) -> F {
        self.flash
    }

    fn check(&self, kind: OpKind, addr: u32, len: u64) -> Result<u32, ViewError<F::Error>> {
        if u64::from(addr) + len > u64::from(self.len) {
            return Err(ViewError::OutOfBounds {
                kind,
                addr,
                len,
                size: self.len,
            });
        }
        Ok(self.offset + addr)
    }
}

/// What can go wrong in a part of a flash.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum ViewError<E> {
    /// The flash refused or failed.
    Flash(E),
    /// It reaches beyond the end of the part; addresses are within the part.
    OutOfBounds {
        /// What was asked.
        kind: OpKind,
        /// First byte.
        addr: u32,
        /// Length in bytes.
        len: u64,
        /// Size of the part.
        size: u32,
    },
}

impl<E: fmt::Display> fmt::Display for ViewError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ViewError::Flash(error) => error.fmt(f),
            ViewError::OutOfBounds {
                kind,
                addr,
                len,
                size,
            } => {
                write!(
                    f,
                    "{kind} {addr:#x}+{len:#x} reaches beyond the end of the view at {size:#x}"
                )
            }
        }
    }
}

impl<E: fmt::Debug + fmt::Display> std::error::Error for ViewError<E> {}

impl<E: NorFlashError> NorFlashError for ViewError<E> {
    fn kind(&self) -> NorFlashErrorKind {
        match self {
            ViewError::Flash(error) => error.kind(),
            ViewError::OutOfBounds { .. } => NorFlashErrorKind::OutOfBounds,
        }
    }
}

impl<F: ErrorType> ErrorType for View<F> {
    type Error = ViewError<F::Error>;
}

impl<F: ReadNorFlash> ReadNorFlash for View<F> {
    const READ_SIZE: usize = F::READ_SIZE;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), Self::Error> {
        let at = self.check(OpKind::Read, offset, bytes.len() as u64)?;
        self.flash.read(at, bytes).map_err(ViewError::Flash)
    }

    fn capacity(&self) -> usize {
        self.len as usize
    }
}

impl<F: NorFlash> NorFlash for View<F> {
    const WRITE_SIZE: usize = F::WRITE_SIZE;
    const ERASE_SIZE: usize = F::ERASE_SIZE;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), Self::Error> {
        let at = self.check(OpKind::Erase, from, u64::from(to.saturating_sub(from)))?;
        self.flash
            .erase(at, at + to.saturating_sub(from))
            .map_err(ViewError::Flash)
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), Self::Error> {
        let at = self.check(OpKind::Program, offset, bytes.len() as u64)?;
        self.flash.write(at, bytes).map_err(ViewError::Flash)
    }
}

impl<F: MultiwriteNorFlash> MultiwriteNorFlash for View<F> {}
