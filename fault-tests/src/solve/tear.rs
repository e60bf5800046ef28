//! The tear that leaves a content.

use sim_flash::{BitMask, Bits, Op, Tear};

/// The tear of a program of `data` at byte `offset` of a record that leaves `content` of the record,
/// `old` being there before.
///
/// `P6` for all of it, `P0` for nothing, and else `P3` with a mask of the bits that were
/// programmed; among those that were to become 0 and are 1 in `old`. A mask holds the first 256
/// bits of an operation, so of a longer program none but those tears can be named that leave
/// everything beyond byte 32 alone. `None` for those, and for what no tear of this program can leave.
pub fn tear_of(offset: usize, data: &[u8], old: &[u8], content: &[u8]) -> Option<Tear> {
    let own = offset..offset.checked_add(data.len())?;
    let (before, after) = (old.get(own.clone())?, content.get(own.clone())?);
    let untouched = |at: usize| own.contains(&at) || old[at] == content[at];
    if old.len() != content.len() || !(0..old.len()).all(untouched) {
        return None;
    }
    let done: Vec<u8> = { data.iter().zip(before).zip(after) }
        .map(|((data, before), after)| before & !data & !after)
        .collect();
    let whole =
        { done.iter().zip(data).zip(before) }.all(|((done, data), before)| *done == before & !data);
    let tear = if whole {
        Tear::P6
    } else if done.iter().all(|byte| *byte == 0) {
        Tear::P0
    } else {
        let mut mask = [0; 32];
        let end = done.iter().rposition(|byte| *byte != 0)? + 1;
        mask.get_mut(..end)?.copy_from_slice(&done[..end]);
        Tear::P3(Bits::Mask(BitMask::new(mask)))
    };
    // The address decides nothing in these families.
    let op = Op::program(0, data);
    let mut left = before.to_vec();
    tear.torn(&op, 0, before, &mut left);
    (left == after).then_some(tear)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tear_leaves_the_content_it_was_made_for() {
        let old = [0xFF; 3];
        let tear = tear_of(1, &[0x00, 0xF0], &old, &[0xFF, 0xA5, 0xF7]);
        assert_eq!(tear.unwrap().to_string(), "P3.m85a");
        let whole = tear_of(1, &[0x00, 0xF0], &old, &[0xFF, 0x00, 0xF0]);
        assert_eq!(whole, Some(Tear::P6));
        assert_eq!(tear_of(1, &[0x00, 0xF0], &old, &old), Some(Tear::P0));
    }

    #[test]
    fn what_no_tear_leaves_has_none() {
        let old = [0xFF, 0x7F];
        for content in [[0xFE, 0x7F], [0xFF, 0xFF], [0xFF, 0x7E]] {
            assert_eq!(tear_of(1, &[0x0F], &old, &content), None, "{content:x?}");
        }
    }

    #[test]
    fn of_a_long_program_only_the_first_32_bytes_can_be_named() {
        let old = [0xFF; 40];
        let mut content = old;
        content[31] = 0xFE;
        assert!(tear_of(0, &[0; 40], &old, &content).is_some());
        content[32] = 0xFE;
        assert_eq!(tear_of(0, &[0; 40], &old, &content), None);
    }
}
