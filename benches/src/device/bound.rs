//! The least time that the data sheet allows an update to take.

use std::ops::Range;

use sim_flash::{Pace, Profile, Timing};

/// What no driver can do without, in nanoseconds at the chip's typical times.
///
/// Each is from the profile, and each is what the chip itself takes: nothing is added for the processor,
/// the bus driver's gaps or the download.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Bound {
    /// Erasing the sectors that the image lies in, by the cheapest set of erases that the chip knows
    /// and that alignment allows; more of the slot may be erased if that is cheaper.
    pub erase: u64,
    /// Programming the image in whole pages.
    pub program: u64,
    /// Transferring the image over the bus once, in one read: nobody can tell that it is whole without
    /// looking at it. (Sending it to the chip is part of the page programs' time.)
    pub transfer: u64,
    /// Making it the one that boots: the erase of one sector and the program of one entry of otadata, 32 bytes.
    pub switch: u64,
}

impl Bound {
    /// The bound for an image of `len` bytes at the start of `slot`, which is whole sectors.
    pub fn of<G>(profile: &Profile<G>, slot: Range<u32>, len: u32) -> Self {
        let timing = profile.timing();
        let sector = 0..profile.sector();
        let image = slot.start..slot.start + len;
        Bound {
            erase: cheapest(timing, &image, slot),
            program: pages(timing, len),
            transfer: timing.read(len as usize),
            switch: cheapest(timing, &sector, sector.clone()) + pages(timing, ENTRY),
        }
    }

    /// All of it.
    pub fn total(&self) -> u64 {
        self.image() + self.transfer + self.switch
    }

    /// Erasing and programming the image alone.
    pub fn image(&self) -> u64 {
        self.erase + self.program
    }
}

/// Bytes of an entry of otadata (ESP-IDF, `esp_ota_select_entry_t`).
const ENTRY: u32 = 32;

/// The time of whole pages, and of what is left over.
fn pages(timing: &Timing, len: u32) -> u64 {
    let whole = u64::from(len / timing.page) * timing.program(timing.page, Pace::Typical);
    match len % timing.page {
        0 => whole,
        rest => whole + timing.program(rest, Pace::Typical),
    }
}

/// The time of the cheapest set of aligned erases inside `room` that covers `needed`.
fn cheapest(timing: &Timing, needed: &Range<u32>, room: Range<u32>) -> u64 {
    let smallest = timing.erases[0].len;
    let mut at = room.start;
    let mut sum = 0;
    // Ends: each round covers at least a sector.
    while at < room.end {
        let fits = |len: u32| at.is_multiple_of(len) && len <= room.end - at;
        let kinds = timing.erases.iter().rev().map(|kind| kind.len);
        let len = { kinds }.find(|len| fits(*len)).unwrap_or(smallest);
        sum += cheapest_in(timing, needed, at, len);
        at += len;
    }
    sum
}

/// The same inside one aligned block: in one erase, or in smaller ones where they are needed.
fn cheapest_in(timing: &Timing, needed: &Range<u32>, at: u32, len: u32) -> u64 {
    if at >= needed.end || at + len <= needed.start {
        return 0;
    }
    let whole = timing.erase(len, Pace::Typical);
    let smaller = timing.erases.iter().rev().find(|kind| kind.len < len);
    smaller.map_or(whole, |kind| {
        let parts = (at..at + len).step_by(kind.len as usize);
        whole.min(
            parts
                .map(|at| cheapest_in(timing, needed, at, kind.len))
                .sum(),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    #[test]
    fn a_mebibyte_on_w25q64jv_is_what_the_data_sheet_says() {
        let bound = Bound::of(&Profile::w25q64jv(), 0x2_0000..0x12_0000, 1 << 20);
        // 16 blocks of 150 ms, 4096 pages of 0.4 ms.
        assert_eq!(bound.erase, 16 * 150 * MS);
        assert_eq!(bound.program, 4096 * 400_000);
        // 25 ns a byte and 200 ns for the command.
        assert_eq!(bound.transfer, (1 << 20) * 25 + 200);
        // 45 ms, and 32 us and 31 times 3 us.
        assert_eq!(bound.switch, 45 * MS + 125_000);
    }

    #[test]
    fn alignment_and_room_decide_which_erases_there_are() {
        let erase = |slot, len| Bound::of(&Profile::w25q64jv(), slot, len).erase;
        assert_eq!(erase(0x1_0000..0x2_0000, 0x1_0000), 150 * MS);
        assert_eq!(erase(0x1_8000..0x2_8000, 0x1_0000), 2 * 120 * MS);
        assert_eq!(erase(0x1_F000..0x2_2000, 0x2001), 3 * 45 * MS);
        // Two sectors one by one; four as part of a block of 32 KiB, as there is room for it.
        assert_eq!(erase(0x1_0000..0x2_0000, 0x2000), 2 * 45 * MS);
        assert_eq!(erase(0x1_0000..0x2_0000, 0x4000), 120 * MS);
    }

    #[test]
    fn blocks_are_only_taken_where_they_are_cheaper() {
        // Here the chip's largest erase takes longer than its sectors together.
        let span = |typ| sim_flash::Span { typ, max: typ };
        let slow = Profile::<sim_flash::SpiNor>::builder("slow")
            .erases(&[(4096, span(1)), (0x1_0000, span(20))])
            .build()
            .unwrap();
        assert_eq!(Bound::of(&slow, 0..0x1_0000, 0x1_0000).erase, 16);
    }
}
