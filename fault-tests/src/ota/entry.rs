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
/// The copy may be torn in its turn: the first bytes of the number zeroed or left erased, bytes at either end of the CRC
/// as well; and a bit of it may rise when it is erased. (Where the last bytes of the number are not what they were, nothing
/// is left of the CRC behind them.) If then they may fit, what they were counts; but when both are
/// erased or zeroed it does not, beyond whether they were so from the start. So it does if one bit more makes the number
/// an erased one.
fn copied(seq: u32, crc: u32) -> (u32, u32, u32) {
    let fits = |seq: u32, crc: u32| Entry::new(seq, OtaState::UNDEFINED).crc == crc;
    let may_fit = (0..=4)
        .flat_map(|bytes| torn_at(seq, low(bytes)))
        .any(|seq| {
            let wanted = Entry::new(seq, OtaState::UNDEFINED).crc;
            torn_words(crc).any(|crc| crc == wanted && !(is_blank(seq) && is_blank(crc)))
        });
    let risen = |word: u32| {
        { 0..32 }
            .map(move |bit| word | 1 << bit)
            .filter(move |risen| *risen != word)
    };
    let may_rise = risen(seq).any(|seq| fits(seq, crc) || seq == u32::MAX)
        || risen(crc).any(|crc| fits(seq, crc));
    if may_fit || may_rise {
        return (seq, crc, 2);
    }
    let word = |word: u32| u32::from(word == 0) + 2 * u32::from(word == u32::MAX);
    (word(seq), word(crc), 1)
}

/// The lowest bytes of a word: its first ones.
fn low(bytes: u32) -> u32 {
    u32::MAX.checked_shr(32 - 8 * bytes).unwrap_or(0)
}

/// What a word becomes with these bits erased or zeroed.
fn torn_at(word: u32, bits: u32) -> [u32; 2] {
    [word | bits, word & !bits]
}

/// What a word becomes with up to four bytes at either end erased or zeroed.
fn torn_words(word: u32) -> impl Iterator<Item = u32> {
    let ends = (0..=4).flat_map(|bytes| [low(bytes), !low(4 - bytes)]);
    ends.flat_map(move |end| torn_at(word, end))
}

fn is_blank(word: u32) -> bool {
    word == 0 || word == u32::MAX
}

/// One for all states without a name; UNDEFINED is as good as one of them.
const UNKNOWN_STATE: u32 = OtaState::ABORTED.0 + 1;
