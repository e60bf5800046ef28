//! What is kept from one power-on to the next, and what a power-on says it learned.

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use sim_flash::{Cipher, Stencils};

use crate::explore::{CheckId, Checks, Record, Records};

/// Results that depend on the content of one region alone, by that content's hash.
///
/// An entry says: with the first `len` bytes of `region` hashing to `hash`, the
/// answer is this, because no other byte was read. Kept from run to run.
#[derive(Default)]
pub struct Memo(pub(super) HashMap<MemoKey, Vec<ByExtent>>);

pub(super) type MemoKey = (TypeId, u32, u32);

pub(super) struct ByExtent {
    pub(super) read: Range<u32>,
    pub(super) results: HashMap<u128, Box<dyn Any>>,
}

impl fmt::Debug for Memo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Memo({} regions)", self.0.len())
    }
}

/// What a check accepts, and with it what it refuses: everything else.
#[derive(Clone, Debug)]
pub struct Accepted {
    /// The contents it accepts, each from the start of the region on.
    pub contents: Vec<Arc<[u8]>>,
    /// How the region begins, where that alone may decide.
    pub header: Option<Header>,
}

/// The first bytes of a region, as a check reads them.
#[derive(Clone, Copy, Debug)]
pub struct Header {
    /// How many. Best a [record](crate::subject::Subject::records) of the subject.
    pub len: u32,
    /// What they say of the rest.
    pub says: fn(&[u8]) -> Says,
}

/// What a header says of what follows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Says {
    /// A digest protects it: only the accepted contents pass.
    Digest,
    /// It is refused, whatever it is.
    Refused,
    /// Nothing protects it (in an ESP-IDF image: `hash_appended` is 0), so that others may pass.
    Unprotected,
}

/// What is kept from one power-on to the next: results, and the checks made.
#[derive(Default)]
pub(crate) struct Knowledge {
    pub(crate) memo: Memo,
    pub(crate) checks: Checks,
    pub(crate) records: Records,
    /// Whether a power-on that reads a record learns what that tells, and not its bytes.
    pub(crate) records_tell: bool,
    /// Sectors written before.
    pub(super) stencils: Stencils,
    /// Contents on an encrypting chip, by their address in memory and their place in the flash.
    encrypted: HashMap<(usize, u32), Encrypted>,
    /// Results of [`Chip::checked`], by type, region and the content found.
    pub(super) accepted: HashMap<AcceptedKey, Box<dyn Any>>,
}

/// A content on an encrypting chip.
struct Encrypted {
    /// What is read of it: kept, so that nothing else gets its address.
    _plain: Arc<[u8]>,
    /// What the cells hold.
    stored: Arc<[u8]>,
}

type AcceptedKey = (TypeId, u32, u32, Option<usize>);

impl Knowledge {
    /// Bytes of the largest part of it.
    pub(crate) fn held(&self) -> u64 {
        self.stencils.count() as u64 * 5168 + self.checks.held()
    }

    /// What the cells at `at` hold of `plain`.
    pub(super) fn encrypted(&mut self, at: u32, plain: &Arc<[u8]>, cipher: &Cipher) -> Arc<[u8]> {
        let key = (plain.as_ptr() as usize, at);
        let encrypted = self.encrypted.entry(key).or_insert_with(|| {
            let mut bytes = plain.to_vec();
            cipher.encrypt(at, &mut bytes);
            Encrypted {
                _plain: Arc::clone(plain),
                stored: bytes.into(),
            }
        });
        Arc::clone(&encrypted.stored)
    }

    /// Nothing yet, of a subject with these records; whether cells may be `weak`.
    pub(crate) fn of(records: &[Record], weak: bool) -> Self {
        Self {
            records: Records::new(records),
            records_tell: true,
            checks: Checks::new(weak),
            ..Self::default()
        }
    }
}

/// How a power-on may use what is known from others.
pub(crate) enum Knows<'m> {
    /// Not at all: everything is executed.
    Nothing,
    /// Results for equal bytes are taken over.
    Results(&'m mut Knowledge),
    /// Besides, known contents are recognised instead of being verified.
    Contents(&'m mut Knowledge),
}

impl Knows<'_> {
    /// What is known of equal bytes.
    pub(super) fn known(&mut self) -> Option<&mut Knowledge> {
        match self {
            Knows::Nothing => None,
            Knows::Results(known) | Knows::Contents(known) => Some(known),
        }
    }

    pub(super) fn memo(&mut self) -> Option<&mut Memo> {
        self.known().map(|known| &mut known.memo)
    }

    /// Sectors written before; to share them changes nothing but the time it takes.
    pub(super) fn stencils(&mut self) -> Option<&mut Stencils> {
        self.known().map(|known| &mut known.stencils)
    }
}

/// What a power-on learned of the flash that it was not itself the cause of.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Look {
    /// These bytes.
    Bytes(Range<u32>),
    /// What is learned of this record, and no more.
    Record(usize),
    /// It has weak bits and was read again: it may read otherwise now.
    Again(usize),
    /// The answers to these checks, and no more.
    Checks(Vec<CheckId>),
    /// A read met weak bits that are not a record's: of so many readings the adversary took this one.
    /// `again`: any but the first is another than before.
    Choice { taken: u16, of: u16, again: bool },
}
