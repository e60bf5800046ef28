//! The birth of a generation: all of a choice, in four rows that are programmed together.

use super::boot_state::{BAD_DIGEST, Choice, DIGEST, Digest, Image, Status, slot_byte, slot_of};
use crate::hardened::format::record::{Kind, PAYLOAD, Record};
use crate::hardened::format::sector::BIRTH_ROWS;
use crate::wire;

/// A birth keeps a third digest in the room that two others leave.
const HALF: usize = PAYLOAD - DIGEST;
const _: () = assert!(2 * HALF == DIGEST);

/// What a generation begins with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Birth {
    /// Counts up with each generation.
    pub generation: u32,
    /// The group of the parent in which the hand-over began; 0 without a parent.
    pub child: u8,
    /// Sequence number of the entry for stock code; 0 if it stays blank.
    pub seq: u32,
    /// The choice that the generation begins with.
    pub choice: Choice,
}

impl Birth {
    /// The records of the birth rows, in order.
    pub fn records(&self) -> [Record; BIRTH_ROWS] {
        let choice = &self.choice;
        let [s0, s1, s2, s3] = self.seq.to_le_bytes();
        let mut first = [0xFF; PAYLOAD];
        wire::put::<0, 10, PAYLOAD>(
            &mut first,
            [
                slot_byte(Some(choice.current.slot)),
                slot_byte(choice.previous.map(|image| image.slot)),
                choice.status.emit(),
                slot_byte(choice.open),
                choice.attempts,
                choice.base,
                s0,
                s1,
                s2,
                s3,
            ],
        );
        // What is staged takes the room that the other digests leave.
        let staged = choice.staged.0.unwrap_or([0xFF; DIGEST]);
        let digest = |digest: Digest, half: [u8; HALF]| {
            let mut payload = [0xFF; PAYLOAD];
            wire::put::<0, DIGEST, PAYLOAD>(&mut payload, digest.emit());
            wire::put::<DIGEST, HALF, PAYLOAD>(&mut payload, half);
            payload
        };
        let staged = (
            wire::bytes::<0, HALF, DIGEST>(&staged),
            wire::bytes::<HALF, HALF, DIGEST>(&staged),
        );
        let previous = choice
            .previous
            .map_or(Digest::UNKNOWN, |image| image.digest);
        let [bad, worse] = choice.bad.map(|bad| bad.unwrap_or([0; BAD_DIGEST]));
        let mut bads = [0xFF; PAYLOAD];
        wire::put::<0, BAD_DIGEST, PAYLOAD>(&mut bads, bad);
        wire::put::<BAD_DIGEST, BAD_DIGEST, PAYLOAD>(&mut bads, worse);
        [
            (Kind::Birth, first),
            (Kind::BirthCurrent, digest(choice.current.digest, staged.0)),
            (Kind::BirthPrevious, digest(previous, staged.1)),
            (Kind::BirthBad, bads),
        ]
        .map(|(kind, payload)| Record {
            kind,
            number: 0,
            child: self.child,
            generation: self.generation,
            payload,
        })
    }

    /// The sequence number in the payload of the first row.
    pub fn seq_of(first: &[u8; PAYLOAD]) -> u32 {
        wire::u32_at::<6, PAYLOAD>(first)
    }

    /// Replaces it.
    pub fn put_seq(first: &mut [u8; PAYLOAD], seq: u32) {
        wire::put::<6, 4, PAYLOAD>(first, seq.to_le_bytes());
    }

    /// The birth that the payloads of these rows say.
    pub fn parse(
        generation: u32,
        child: u8,
        [first, current, previous, bad]: [&[u8; PAYLOAD]; BIRTH_ROWS],
    ) -> Option<Self> {
        let [slot, back, status, open, attempts, base] = wire::bytes::<0, 6, PAYLOAD>(first);
        let digest =
            |payload: &[u8; PAYLOAD]| Digest::parse(wire::bytes::<0, DIGEST, PAYLOAD>(payload));
        let mut staged = [0xFF; DIGEST];
        wire::put::<0, HALF, DIGEST>(&mut staged, wire::bytes::<DIGEST, HALF, PAYLOAD>(current));
        wire::put::<HALF, HALF, DIGEST>(
            &mut staged,
            wire::bytes::<DIGEST, HALF, PAYLOAD>(previous),
        );
        let bads = [
            wire::bytes::<0, BAD_DIGEST, PAYLOAD>(bad),
            wire::bytes::<BAD_DIGEST, BAD_DIGEST, PAYLOAD>(bad),
        ];
        Some(Self {
            generation,
            child,
            seq: Self::seq_of(first),
            choice: Choice {
                current: Image {
                    slot: slot_of(slot)??,
                    digest: digest(current),
                },
                previous: slot_of(back)?.map(|slot| Image {
                    slot,
                    digest: digest(previous),
                }),
                status: Status::parse(status)?,
                attempts,
                open: slot_of(open)?,
                staged: Digest((staged != [0xFF; DIGEST]).then_some(staged)),
                base,
                bad: bads.map(|bad| (bad != [0; BAD_DIGEST]).then_some(bad)),
            },
        })
    }
}
