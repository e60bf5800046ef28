//! What stock code learns of an entry of otadata.

use ota_core::otadata::{Entry, OtaState};

/// What ESP-IDF's code tells apart in an otadata entry.
///
/// With a right CRC: the sequence number, and the state, unknown ones all alike. With a wrong one
/// number and CRC do not count, and of the state there are three things to know: `PENDING_VERIFY` is
/// aborted all the same, number and CRC copied as they are; a refused one makes the entry *invalid*,
/// which is asked of both together; and the rest.
pub(crate) fn learned(bytes: &[u8]) -> u128 {
    let Some(bytes) = bytes.first_chunk::<32>() else {
        return u128::MAX;
    };
    let entry = Entry::parse(bytes);
    let right = entry.crc_matches();
    let marked = entry.state == OtaState::PENDING_VERIFY;
    let state = match entry.state {
        state if right || marked => state.0.min(UNKNOWN_STATE),
        state if state.is_refused() => OtaState::INVALID.0,
        _ => UNKNOWN_STATE,
    };
    let (number, crc, copied) = if right {
        (entry.seq, 0, 0)
    } else if marked {
        copied(entry.seq, entry.crc)
    } else {
        (0, 0, 0)
    };
    let flags = u32::from(right) | u32::from(entry.seq == u32::MAX) << 1 | state << 2;
    u128::from(number) | u128::from(crc) << 32 | u128::from(flags | copied << 8) << 64
}

/// What there is to know of a number and a CRC that do not fit, and are copied.
///
/// The copy may be torn in its turn: bytes at either end of the number or of the CRC zeroed or left
/// erased. If then they may fit, what they were counts; but when both are erased or zeroed it does
/// not, beyond whether they were so from the start.
fn copied(seq: u32, crc: u32) -> (u32, u32, u32) {
    let may_fit = torn_words(seq).any(|seq| {
        let fits = Entry::new(seq, OtaState::UNDEFINED).crc;
        torn_words(crc).any(|crc| crc == fits && !(is_blank(seq) && is_blank(crc)))
    });
    if may_fit {
        return (seq, crc, 2);
    }
    let word = |word: u32| u32::from(word == 0) + 2 * u32::from(word == u32::MAX);
    (word(seq), word(crc), 1)
}

/// What a word becomes with up to four bytes at either end erased or zeroed.
fn torn_words(word: u32) -> impl Iterator<Item = u32> {
    let low = |bytes: u32| u32::MAX.checked_shr(32 - 8 * bytes).unwrap_or(0);
    let ends = (0..=4).flat_map(move |bytes| [low(bytes), !low(4 - bytes)]);
    ends.flat_map(move |end| [word | end, word & !end])
}

fn is_blank(word: u32) -> bool {
    word == 0 || word == u32::MAX
}

/// One for all states without a name; UNDEFINED is as good as one of them.
const UNKNOWN_STATE: u32 = OtaState::ABORTED.0 + 1;
