//! One otadata entry: its fields, what the rules say to it, and what it was meant to be if it is torn.
//!
//! A torn entry keeps parts of what was being written. The sequence number can be read from two
//! places (the field itself, and the CRC, which is a one-to-one function of it) or guessed from the
//! other entry; each guess with each state is an entry that may have been meant, and the one that
//! explains the bytes best is named.

use ota_core::otadata::{self, ENTRY_LEN, ERASED_SEQ, Entry, OtaState};
use serde::Serialize;

/// What is known of one entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "they are the reference's predicates, and independent"
)]
pub struct EntryView {
    /// Flash address of the entry.
    pub address: u32,
    /// The 32 bytes in hexadecimal.
    pub bytes: String,
    /// Sequence number as found.
    pub seq: u32,
    /// State as found, by name if it has one.
    pub state: String,
    /// CRC as found.
    pub crc: u32,
    /// The CRC that belongs to the sequence number.
    pub right_crc: u32,
    /// Whether both are the same.
    pub crc_matches: bool,
    /// May select a slot.
    pub valid: bool,
    /// Erased, or INVALID, or ABORTED.
    pub invalid: bool,
    /// Erased, or the CRC is wrong.
    pub blankish: bool,
    /// Whether all 32 bytes are FF.
    pub erased: bool,
    /// The slot that the sequence number names to the bootloader.
    pub slot: Option<String>,
    /// What is odd about the bytes.
    pub remarks: Vec<String>,
    /// What the entry was probably meant to be, if it is torn.
    pub intended: Option<Intended>,
}

/// An entry that may have been meant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Intended {
    /// Its sequence number.
    pub seq: u32,
    /// Its state; `None` if several explain the bytes equally well.
    pub state: Option<String>,
    /// How the bytes differ from it.
    pub likeness: Likeness,
    /// The bytes that are wrong.
    pub wrong: Vec<WrongBytes>,
}

/// How found bytes resemble the intended ones, from the strongest resemblance to the weakest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Likeness {
    /// The first bytes are there, the rest is erased.
    Prefix {
        /// How many at least.
        bytes: usize,
        /// How many at most: bytes that are meant to be FF do not tell.
        up_to: usize,
    },
    /// The bytes from one on are there, those before are erased.
    Suffix {
        /// The first that is there.
        from: usize,
    },
    /// Only bits that should be 0 are still 1.
    MissingBits {
        /// How many.
        bits: u32,
    },
    /// Bits that should be 1 are 0.
    OtherBits {
        /// How many bits differ.
        bits: u32,
    },
}

/// A run of wrong bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct WrongBytes {
    /// Offset of the first in the entry.
    pub from: usize,
    /// Offset after the last.
    pub to: usize,
    /// The field they are in.
    pub field: &'static str,
    /// The bytes found, in hexadecimal.
    pub found: String,
    /// The bytes that would be right, in hexadecimal; `None` if that cannot be told.
    pub would_be: Option<String>,
}

/// More differing bits than this, and the bytes are no trace of an entry.
const FAR_OFF: u32 = 40;

/// The states that code writes, the likeliest first.
const WRITTEN_STATES: [OtaState; 6] = [
    OtaState::NEW,
    OtaState::UNDEFINED,
    OtaState::VALID,
    OtaState::PENDING_VERIFY,
    OtaState::ABORTED,
    OtaState::INVALID,
];

/// The fields of an entry: first offset, offset after the last, name.
const FIELDS: [(usize, usize, &str); 4] = [
    (0, 4, "seq"),
    (4, 24, "label"),
    (24, 28, "state"),
    (28, 32, "crc"),
];

impl EntryView {
    /// Looks at `bytes`, found at `address`, with `other` as the other entry and `slots` OTA slots.
    pub(super) fn new(address: u32, bytes: &[u8; ENTRY_LEN], other: &Entry, slots: u32) -> Self {
        let entry = Entry::parse(bytes);
        let erased = *bytes == [0xFF; ENTRY_LEN];
        let torn = !erased && !entry.crc_matches();
        Self {
            address,
            bytes: hex(bytes),
            seq: entry.seq,
            state: entry.state.to_string(),
            crc: entry.crc,
            right_crc: otadata::crc(entry.seq),
            crc_matches: entry.crc_matches(),
            valid: entry.is_valid(),
            invalid: entry.is_invalid(),
            blankish: entry.is_blankish(),
            erased,
            slot: (entry.seq != ERASED_SEQ)
                .then(|| otadata::slot_of(entry.seq, slots))
                .flatten()
                .map(|slot| format!("ota_{slot}")),
            remarks: remarks(&entry, erased),
            intended: torn
                .then(|| intended(bytes, &entry, other, slots))
                .flatten(),
        }
    }
}

fn remarks(entry: &Entry, erased: bool) -> Vec<String> {
    let mut remarks = Vec::new();
    if erased {
        return remarks;
    }
    let erased_field = |bytes: &[u8]| bytes.iter().all(|byte| *byte == 0xFF);
    if entry.emit() == [0; ENTRY_LEN] {
        remarks.push("all 32 bytes are 00: an erase cut short can leave this".into());
        return remarks;
    }
    if !entry.crc_matches() {
        remarks.push(if entry.crc == u32::MAX {
            format!(
                "the crc (bytes 28..32) is still erased; {} would need {:08x}",
                seq(entry.seq),
                otadata::crc(entry.seq)
            )
        } else {
            format!(
                "the crc (bytes 28..32) is {:08x}, {} needs {:08x}",
                entry.crc,
                seq(entry.seq),
                otadata::crc(entry.seq)
            )
        });
        if entry.state == OtaState::UNDEFINED {
            remarks.push("the state (bytes 24..28) is erased".into());
        }
    }
    remarks.extend(another_tool(entry));
    if entry.seq == ERASED_SEQ {
        remarks.push("the seq (bytes 0..4) is erased, so the entry counts as erased".into());
    }
    if entry.crc_matches() && entry.state == OtaState::UNDEFINED {
        remarks.push(
            "the state (bytes 24..28) is erased: it was written without rollback, or it is lost"
                .into(),
        );
    }
    if entry.seq == 0 && entry.crc == u32::MAX {
        remarks
            .push("seq 0 with a crc that was never programmed passes the check by accident".into());
    }
    if entry.state.name().is_none() {
        remarks.push(format!(
            "the state (bytes 24..28) is {:08x}, which no code writes; it counts as UNDEFINED",
            entry.state.0
        ));
    }
    if !erased_field(&entry.label) {
        remarks.push("the label (bytes 4..24) is not erased; nothing reads it".into());
    }
    remarks
}

/// Mistakes that tools make and updates do not.
fn another_tool(entry: &Entry) -> Option<String> {
    /// CRC-32 as zlib has it, which starts from all ones; ESP-IDF's starts from 0.
    const ORDINARY: crc::Crc<u32> = crc::Crc::<u32>::new(&crc::CRC_32_ISO_HDLC);

    if entry.crc_matches() {
        return None;
    }
    let swapped = entry.seq.swap_bytes();
    let crcs = [entry.crc, entry.crc.swap_bytes()];
    if swapped != entry.seq && crcs.contains(&otadata::crc(swapped)) {
        return Some(format!(
            "it is seq {swapped} in the wrong byte order: all numbers are little-endian"
        ));
    }
    (ORDINARY.checksum(&entry.seq.to_le_bytes()) == entry.crc).then(|| {
        "the crc is the ordinary CRC-32 of the seq; otadata's is that with a register that starts at 0 \
         (crc32(seq, 0xffffffff) in zlib's terms)"
            .into()
    })
}

fn seq(seq: u32) -> String {
    if seq == ERASED_SEQ {
        "an erased seq".into()
    } else {
        format!("seq {seq}")
    }
}

/// The candidate that explains the bytes best, `None` if none does. Of several that explain them
/// equally well the first is taken: candidates come likeliest first.
fn intended(bytes: &[u8; ENTRY_LEN], entry: &Entry, other: &Entry, slots: u32) -> Option<Intended> {
    let mut best: Option<(Likeness, Entry)> = None;
    for seq in candidate_seqs(entry, other, slots) {
        for state in WRITTEN_STATES {
            let candidate = Entry::new(seq, state);
            let likeness = likeness(bytes, &candidate.emit());
            if best.is_none_or(|(known, _)| likeness < known && !likeness.as_strong_as(known)) {
                best = Some((likeness, candidate));
            }
        }
    }
    let (likeness, candidate) = best?;
    if matches!(likeness, Likeness::OtherBits { bits } if bits > FAR_OFF) {
        return None;
    }
    // What is left of the state may be what is left of several.
    let states = WRITTEN_STATES.iter().filter(|state| {
        let alike = Entry::new(candidate.seq, **state);
        self::likeness(bytes, &alike.emit()).as_strong_as(likeness)
    });
    let state = (states.count() == 1).then(|| candidate.state.to_string());
    Some(Intended {
        seq: candidate.seq,
        wrong: wrong_bytes(bytes, &candidate.emit(), state.is_some()),
        state,
        likeness,
    })
}

/// Sequence numbers that may have been meant, likeliest first.
fn candidate_seqs(entry: &Entry, other: &Entry, slots: u32) -> Vec<u32> {
    /// No device updates so often: such a number has lost its highest byte.
    const LAST: u32 = 0xFEFF_FFFF;

    let slots = slots.clamp(1, 16);
    let mut seqs = Vec::new();
    if other.is_valid() {
        // What a change of slot writes next to this entry, and what was there before.
        seqs.extend((1..=slots).filter_map(|step| other.seq.checked_add(step)));
        seqs.extend((1..=slots).filter_map(|step| other.seq.checked_sub(step)));
    } else {
        seqs.extend(1..=slots);
    }
    seqs.extend([entry.seq, seq_of_crc(entry.crc)]);
    seqs.retain(|seq| (1..=LAST).contains(seq));
    seqs
}

/// The sequence number that has this CRC: the CRC's shift register, run backwards.
fn seq_of_crc(crc: u32) -> u32 {
    /// CRC-32, reflected; its highest bit tells whether a step of the register subtracted it.
    const POLYNOMIAL: u32 = 0xEDB8_8320;

    let mut register = !crc;
    for _ in 0..32 {
        register = if register >> 31 == 1 {
            (register ^ POLYNOMIAL) << 1 | 1
        } else {
            register << 1
        };
    }
    register
}

impl Likeness {
    /// Whether two candidates explain the same bytes equally well.
    fn as_strong_as(self, other: Self) -> bool {
        match (self, other) {
            (Self::Prefix { bytes, .. }, Self::Prefix { bytes: others, .. }) => bytes == others,
            _ => self == other,
        }
    }
}

/// How `found` resembles `intended`.
fn likeness(found: &[u8; ENTRY_LEN], intended: &[u8; ENTRY_LEN]) -> Likeness {
    let programmed = |byte: &u8| *byte != 0xFF;
    let end = found.iter().rposition(programmed).map_or(0, |at| at + 1);
    let start = found.iter().position(programmed).unwrap_or(ENTRY_LEN);
    if end > 0 && found[..end] == intended[..end] {
        let more = (end..ENTRY_LEN).take_while(|at| intended[*at] == 0xFF);
        return Likeness::Prefix {
            bytes: end,
            up_to: end + more.count(),
        };
    }
    if end > 0 && found[start..] == intended[start..] {
        return Likeness::Suffix { from: start };
    }
    let pairs = || found.iter().zip(intended);
    let bits = pairs()
        .map(|(found, intended)| (found ^ intended).count_ones())
        .sum();
    if pairs().all(|(found, intended)| !found & intended == 0) {
        Likeness::MissingBits { bits }
    } else {
        Likeness::OtherBits { bits }
    }
}

fn wrong_bytes(
    found: &[u8; ENTRY_LEN],
    intended: &[u8; ENTRY_LEN],
    state_known: bool,
) -> Vec<WrongBytes> {
    FIELDS
        .iter()
        .filter_map(|&(start, end, field)| {
            let known = state_known || field != "state";
            let differs = |at: &usize| !known || found[*at] != intended[*at];
            let from = (start..end).find(differs)?;
            let to = (start..end).rfind(differs)? + 1;
            Some(WrongBytes {
                from,
                to,
                field,
                found: hex(&found[from..to]),
                would_be: known.then(|| hex(&intended[from..to])),
            })
        })
        .collect()
}

/// Bytes as hexadecimal digits with spaces between.
pub(super) fn hex(bytes: &[u8]) -> String {
    let pairs: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    pairs.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_crc_runs_backwards(seq: u32) {
            prop_assert_eq!(seq_of_crc(otadata::crc(seq)), seq);
        }

        #[test]
        fn a_prefix_that_holds_the_whole_seq_is_recognised(
            seq in 1..1000_u32,
            length in 2..32_usize,
        ) {
            let whole = Entry::new(seq, OtaState::NEW).emit();
            let mut bytes = [0xFF; ENTRY_LEN];
            bytes[..length].copy_from_slice(&whole[..length]);
            let view = EntryView::new(0, &bytes, &Entry::new(seq - 1, OtaState::VALID), 2);
            // Lost bytes that are FF are not lost.
            prop_assume!(!view.crc_matches);
            let intended = view.intended.unwrap();
            prop_assert_eq!(intended.seq, seq);
            prop_assert!(matches!(intended.likeness, Likeness::Prefix { .. }), "{:?}", intended);
        }

        #[test]
        fn an_entry_with_its_last_bytes_is_recognised_by_its_crc(seq in 1..1000_u32, from in 1..28_usize) {
            let whole = Entry::new(seq, OtaState::VALID).emit();
            let mut bytes = [0xFF; ENTRY_LEN];
            bytes[from..].copy_from_slice(&whole[from..]);
            let view = EntryView::new(0, &bytes, &Entry::ERASED, 2);
            prop_assume!(!view.crc_matches);
            let intended = view.intended.unwrap();
            prop_assert_eq!(intended.seq, seq);
            prop_assert_eq!(intended.state.as_deref(), (from <= 24).then_some("VALID"));
        }

        #[test]
        fn no_bytes_make_it_panic(bytes: [u8; ENTRY_LEN], other: [u8; ENTRY_LEN], slots: u32) {
            EntryView::new(0, &bytes, &Entry::parse(&other), slots);
        }
    }

    #[test]
    fn noise_is_not_explained() {
        let mut bytes = [0; ENTRY_LEN];
        for (index, byte) in (0_u8..).zip(&mut bytes) {
            *byte = index.wrapping_mul(73) ^ 0x5A;
        }
        let view = EntryView::new(0, &bytes, &Entry::ERASED, 2);
        assert_eq!(view.intended, None);
    }
}
