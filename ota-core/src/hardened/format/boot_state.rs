//! What is chosen: the slot that boots, the one to go back to, and how far an update is.
//!
//! A [`Choice`] is what otadata says under this policy. The birth of a generation holds all of it;
//! a decision or hand-over in the log holds what changes, in a payload of 15 bytes:
//!
//! | byte | field |
//! |---|---|
//! | 0 | slot that boots: 0..=15, `40` factory |
//! | 1 | slot to go back to, `FE` none |
//! | 2 | `01` confirmed, `80` + n on trial and started n times |
//! | 3 | slot that is being written, `FE` none |
//! | 4 | flags |
//! | 5..15 | digest of the image in the slot that boots; with flag *staged*, of that in the open slot |
//!
//! The numbers are never read from a row that is not a [valid record](super::record), so no distance
//! between them is needed.

use super::record::PAYLOAD;
use crate::partition::Slot;
use crate::wire;

/// Bytes of an image's SHA-256 that are kept.
pub const DIGEST: usize = 10;
/// Bytes of a bad image's SHA-256 that are kept.
pub const BAD_DIGEST: usize = 7;

const NONE: u8 = 0xFE;
const FACTORY: u8 = 0x40;
const CONFIRMED: u8 = 0x01;
const TRIAL: u8 = 0x80;

/// The first bytes of the SHA-256 of an image; none that are known.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Digest(pub Option<[u8; DIGEST]>);

impl Digest {
    /// Chosen before this policy took over, or flashed over a wire: anything that verifies will do.
    pub const UNKNOWN: Self = Self(None);

    /// Of a whole SHA-256.
    pub fn of(hash: &[u8; 32]) -> Self {
        Self(Some(wire::bytes::<0, DIGEST, 32>(hash)))
    }

    /// Whether an image with this digest may be the one.
    pub fn admits(self, found: Self) -> bool {
        self.0.is_none() || self == found
    }

    /// The first seven bytes of the digest, as a generation header lists bad images; `None` if it is unknown.
    pub fn bad(self) -> Option<[u8; BAD_DIGEST]> {
        self.0
            .map(|digest| wire::bytes::<0, BAD_DIGEST, DIGEST>(&digest))
    }

    /// All zeros stand for none, as no SHA-256 that anyone meets begins so.
    pub(super) fn parse(bytes: [u8; DIGEST]) -> Self {
        Self((bytes != [0; DIGEST]).then_some(bytes))
    }

    pub(super) fn emit(self) -> [u8; DIGEST] {
        self.0.unwrap_or([0; DIGEST])
    }
}

/// A slot, and what must be in it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Image {
    /// The slot.
    pub slot: Slot,
    /// The first bytes of the SHA-256 of the image in it.
    pub digest: Digest,
}

impl Image {
    /// A slot whose image may be any that verifies.
    pub const fn unknown(slot: Slot) -> Self {
        Self {
            slot,
            digest: Digest::UNKNOWN,
        }
    }
}

/// Whether the chosen image has proven itself.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Status {
    /// It is confirmed, or nobody asked it to be.
    Confirmed,
    /// It is on trial.
    Trial {
        /// How often it was started: noted before each start.
        started: u8,
    },
}

impl Status {
    /// More starts than this are not told apart.
    const MOST: u8 = 0x3F;

    pub(super) fn parse(byte: u8) -> Option<Self> {
        match byte {
            CONFIRMED => Some(Self::Confirmed),
            TRIAL..NONE => Some(Self::Trial {
                started: byte - TRIAL,
            }),
            _ => None,
        }
    }

    pub(super) fn emit(self) -> u8 {
        match self {
            Self::Confirmed => CONFIRMED,
            Self::Trial { started } => TRIAL | started.min(Self::MOST),
        }
    }
}

/// What is chosen.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Choice {
    /// What boots.
    pub current: Image,
    /// What boots if that comes to nothing.
    pub previous: Option<Image>,
    /// Whether [`Self::current`] has proven itself.
    pub status: Status,
    /// How often an image on trial is started at most.
    pub attempts: u8,
    /// The slot that is being written, or waits to be chosen.
    pub open: Option<Slot>,
    /// The digest of what was written there, once `end` has verified it.
    pub staged: Digest,
    /// Parts of the open slot that were complete before this generation.
    pub base: u8,
    /// The last images that were found bad, the latest first.
    pub bad: [Option<[u8; BAD_DIGEST]>; 2],
}

impl Choice {
    /// A confirmed image, and nothing else.
    pub const fn confirmed(current: Image) -> Self {
        Self {
            current,
            previous: None,
            status: Status::Confirmed,
            attempts: 1,
            open: None,
            staged: Digest::UNKNOWN,
            base: 0,
            bad: [None; 2],
        }
    }

    /// No slot is being written any more.
    #[must_use]
    pub const fn closed(mut self) -> Self {
        self.open = None;
        self.staged = Digest::UNKNOWN;
        self.base = 0;
        self
    }

    /// Back to `image`, which was confirmed; what was chosen is bad.
    #[must_use]
    pub fn rolled_back(mut self, image: Image) -> Self {
        if let Some(digest) = self.current.digest.bad() {
            let [latest, _] = self.bad;
            if latest != Some(digest) {
                self.bad = [Some(digest), latest];
            }
        }
        self.current = image;
        self.previous = None;
        self.status = Status::Confirmed;
        self
    }

    /// The factory image; what was confirmed is what to go back to.
    #[must_use]
    pub fn for_factory(self) -> Self {
        let previous = match self.status {
            Status::Confirmed => Some(self.current),
            Status::Trial { .. } => self.previous,
        };
        // An image is not gone back to from itself.
        let previous = previous.filter(|image| image.slot != Slot::Factory);
        let mut choice = self.closed();
        choice.current = Image::unknown(Slot::Factory);
        choice.previous = previous;
        choice.status = Status::Confirmed;
        choice
    }

    /// Whether an image with this digest was found bad.
    pub fn is_bad(&self, digest: Digest) -> bool {
        digest
            .bad()
            .is_some_and(|bad| self.bad.contains(&Some(bad)))
    }
}

/// What comes with a choice in the log: how far the switch to it got.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Flags {
    /// The sector's own entry for stock code is complete.
    pub summary_ok: bool,
    /// The other sector's entry does not win over it, and names no slot that is being written.
    pub other_ok: bool,
}

impl Flags {
    const SUMMARY: u8 = 1;
    const OTHER: u8 = 2;
    const STAGED: u8 = 4;

    /// Nothing is known to be done.
    pub const NOTHING: Self = Self {
        summary_ok: false,
        other_ok: false,
    };

    /// Nothing is left to do.
    pub const DONE: Self = Self {
        summary_ok: true,
        other_ok: true,
    };
}

/// The payload of a decision or hand-over.
pub fn emit(choice: &Choice, flags: Flags) -> [u8; PAYLOAD] {
    let mut bits = 0xF8;
    for (bit, set) in [
        (Flags::SUMMARY, flags.summary_ok),
        (Flags::OTHER, flags.other_ok),
        (Flags::STAGED, choice.staged != Digest::UNKNOWN),
    ] {
        if set {
            bits |= bit;
        }
    }
    let mut payload = [0; PAYLOAD];
    wire::put::<0, 5, PAYLOAD>(
        &mut payload,
        [
            slot_byte(Some(choice.current.slot)),
            slot_byte(choice.previous.map(|image| image.slot)),
            choice.status.emit(),
            slot_byte(choice.open),
            bits,
        ],
    );
    let digest = match choice.staged {
        Digest::UNKNOWN => choice.current.digest,
        staged => staged,
    };
    wire::put::<5, DIGEST, PAYLOAD>(&mut payload, digest.emit());
    payload
}

/// The payload of a decision of which nothing is known to be done.
pub fn with_nothing_done(mut payload: [u8; PAYLOAD]) -> [u8; PAYLOAD] {
    let [bits] = wire::bytes::<4, 1, PAYLOAD>(&payload);
    let bits = bits & !(Flags::SUMMARY | Flags::OTHER);
    wire::put::<4, 1, PAYLOAD>(&mut payload, [bits]);
    payload
}

/// The choice that a payload makes of the one that the generation was born with.
pub fn parse(payload: &[u8; PAYLOAD], birth: &Choice) -> Option<(Choice, Flags)> {
    let [current, previous, status, open, bits] = wire::bytes::<0, 5, PAYLOAD>(payload);
    let digest = Digest::parse(wire::bytes::<5, DIGEST, PAYLOAD>(payload));
    let staged = bits & Flags::STAGED != 0;
    let current = slot_of(current)??;
    let known = |slot: Slot| {
        // The images that a generation is born with are the ones it can go back to.
        [Some(birth.current), birth.previous]
            .into_iter()
            .flatten()
            .find(|image| image.slot == slot)
            .unwrap_or(Image::unknown(slot))
    };
    let choice = Choice {
        current: if staged {
            known(current)
        } else {
            Image {
                slot: current,
                digest,
            }
        },
        previous: slot_of(previous)?.map(known),
        status: Status::parse(status)?,
        open: slot_of(open)?,
        staged: if staged { digest } else { Digest::UNKNOWN },
        ..*birth
    };
    let flags = Flags {
        summary_ok: bits & Flags::SUMMARY != 0,
        other_ok: bits & Flags::OTHER != 0,
    };
    Some((choice, flags))
}

pub(super) fn slot_byte(slot: Option<Slot>) -> u8 {
    match slot {
        Some(Slot::Ota(n)) => n & 0x0F,
        Some(Slot::Factory) => FACTORY,
        // Never chosen: see `slot_of`.
        Some(Slot::Test) | None => NONE,
    }
}

/// The slot that a byte names, if it names one; `None` if it says nothing at all.
#[expect(
    clippy::option_option,
    reason = "no slot is an answer, nonsense is not"
)]
pub(super) fn slot_of(byte: u8) -> Option<Option<Slot>> {
    match byte {
        0..=15 => Some(Some(Slot::Ota(byte))),
        FACTORY => Some(Some(Slot::Factory)),
        NONE => Some(None),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::generation_header::Birth;
    use super::*;

    const A: Slot = Slot::Ota(0);
    const B: Slot = Slot::Ota(1);

    fn digest(byte: u8) -> Digest {
        Digest(Some([byte; DIGEST]))
    }

    fn image(slot: Slot, byte: u8) -> Image {
        let digest = digest(byte);
        Image { slot, digest }
    }

    fn birth() -> Choice {
        Choice {
            previous: Some(image(B, 2)),
            attempts: 3,
            base: 7,
            bad: [Some([9; BAD_DIGEST]), None],
            ..Choice::confirmed(image(A, 1))
        }
    }

    /// What a decision says is what was decided, whatever the generation was born with.
    #[test]
    fn a_decision_says_all_that_may_change() {
        let born = birth();
        let trial = Status::Trial { started: 2 };
        for choice in [
            born,
            Choice {
                previous: None,
                ..born
            },
            Choice {
                status: trial,
                ..born
            },
            Choice {
                open: Some(B),
                ..born
            },
            Choice {
                open: Some(B),
                staged: digest(5),
                ..born
            },
            Choice {
                current: image(Slot::Factory, 4),
                ..born
            },
        ] {
            for (summary_ok, other_ok) in
                [(false, false), (false, true), (true, false), (true, true)]
            {
                let flags = Flags {
                    summary_ok,
                    other_ok,
                };
                let payload = emit(&choice, flags);
                assert_eq!(parse(&payload, &born), Some((choice, flags)));
            }
        }
    }

    /// The digest of an image that a generation was not born with is not to be had from a decision.
    #[test]
    fn an_image_from_elsewhere_has_no_digest() {
        let born = birth();
        let other = Choice {
            previous: Some(image(Slot::Ota(2), 6)),
            ..born
        };
        let payload = emit(&other, Flags::DONE);
        let (read, _) = parse(&payload, &born).unwrap();
        assert_eq!(read.previous, Some(Image::unknown(Slot::Ota(2))));
    }

    #[test]
    fn nonsense_is_no_decision() {
        let good = emit(&birth(), Flags::DONE);
        for (at, bytes) in [
            (0, [0x10, 0xFE]),
            (1, [0x41, 0x80]),
            (2, [0x00, 0xFE]),
            (3, [0x20, 0xFF]),
        ] {
            for byte in bytes {
                let mut payload = good;
                payload[at] = byte;
                assert_eq!(parse(&payload, &birth()), None, "{at} {byte:02x}");
            }
        }
    }

    #[test]
    fn a_birth_says_what_it_was_given() {
        for choice in [
            birth(),
            Choice {
                previous: None,
                open: Some(B),
                ..birth()
            },
            Choice {
                status: Status::Trial { started: 0x3F },
                ..birth()
            },
            Choice {
                bad: [None; 2],
                ..Choice::confirmed(Image::unknown(Slot::Factory))
            },
        ] {
            let (generation, child, seq) = (0x0102_0304, 5, 0x0607_0809);
            let birth = Birth {
                generation,
                child,
                seq,
                choice,
            };
            let records = birth.records();
            let read = Birth::parse(generation, child, records.each_ref().map(|r| &r.payload));
            assert_eq!(read, Some(birth));
            assert!(
                records
                    .iter()
                    .all(|r| (r.generation, r.child) == (generation, child))
            );
        }
    }

    /// More starts than can be told apart are the most that can.
    #[test]
    fn starts_are_counted_up_to_63() {
        let status = |started| Status::parse(Status::Trial { started }.emit());
        assert_eq!(status(63), Some(Status::Trial { started: 63 }));
        assert_eq!(status(64), status(63));
        assert_eq!(status(255), status(63));
    }

    #[test]
    fn a_bad_image_is_remembered_once_and_the_last_two_of_them() {
        let mut choice = Choice {
            bad: [None; 2],
            ..birth()
        };
        for byte in [1, 1, 2, 3] {
            choice.current = image(A, byte);
            choice = choice.rolled_back(image(B, 8));
        }
        assert!(choice.is_bad(digest(3)) && choice.is_bad(digest(2)));
        assert!(!choice.is_bad(digest(1)) && !choice.is_bad(Digest::UNKNOWN));
        let mut twice = Choice {
            bad: [None; 2],
            ..birth()
        };
        for _ in 0..2 {
            twice.current = image(A, 1);
            twice = twice.rolled_back(image(B, 8));
        }
        assert_eq!(twice.bad, [Some([1; BAD_DIGEST]), None]);
    }
}
