//! Otadata that stands for other otadata.

mod handed_over;
mod room;
mod weak;

use core::ops::Range;

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::hardened::record::Salt;

const SECTORS: Range<usize> = OTADATA as usize..OTADATA as usize + 0x2000;

impl Device {
    /// The same device with the simplest otadata.
    fn simplest(&self) -> Self {
        let mut device = self.power_on();
        let (otadata, _) = self.simplest_with(std::vec![0; 0x2000]);
        device.ram.bytes[SECTORS].copy_from_slice(&otadata);
        device
    }

    /// The simplest otadata if these bits of it are weak, and which are weak then.
    fn simplest_with(&self, mut weak: Vec<u8>) -> (Vec<u8>, Vec<u8>) {
        let (mut otadata, bytes) = (self.otadata(), self.ram.table());
        let table = PartitionTable::for_application(&bytes, true).unwrap();
        simplify(&mut otadata, &mut weak, table, self.log, self.room);
        (otadata, weak)
    }

    /// The same, if all bits are weak that are programmed in these bytes of it.
    fn simplest_in_doubt(
        &self,
        bytes: impl IntoIterator<Item = Range<usize>>,
    ) -> (Vec<u8>, Vec<u8>) {
        let otadata = self.otadata();
        let mut weak = std::vec![0; otadata.len()];
        for bytes in bytes {
            for (weak, byte) in weak[bytes.clone()].iter_mut().zip(&otadata[bytes]) {
                *weak = !byte;
            }
        }
        self.simplest_with(weak)
    }

    /// Where the sector begins whose entry has the higher sequence number; an erased entry has the lowest.
    pub(super) fn newer(&self) -> usize {
        let [first, second] = self.ram.entries().map(|entry| entry.seq.wrapping_add(1));
        4096 * usize::from(second > first)
    }

    pub(super) fn otadata(&self) -> Vec<u8> {
        self.ram.bytes[SECTORS].to_vec()
    }

    pub(super) fn salt(&self) -> Salt {
        let bytes = self.ram.table();
        layout::salt(PartitionTable::for_application(&bytes, true).unwrap())
    }
}

/// What a device does when it is switched on, and what that costs.
fn does(device: &mut Device) -> (Option<Slot>, Option<(Slot, Reason)>, Cost) {
    let stock = device.stock();
    device.cost();
    let decision = device.boot().ok();
    let booted = decision.map(|decision| (decision.slot, decision.reason));
    (stock, booted, device.cost())
}

/// Otadata and the simplest one do the same, and leave what has the same simplest one.
fn stands_for(device: &Device) {
    let simplest = device.simplest();
    assert_eq!(simplest.otadata(), simplest.simplest().otadata());
    let (mut one, mut other) = (device.power_on(), simplest);
    assert_eq!(does(&mut one), does(&mut other));
    assert_eq!(one.simplest().otadata(), other.simplest().otadata());
}

#[test]
fn a_life_repeats_itself_but_for_its_numbers() {
    let mut device = Device::new(&[A, B]);
    device.update(A, B, 2);
    device.update(B, A, 3);
    let (before, simplest) = (device.otadata(), device.simplest().otadata());
    for _ in 0..20 {
        device.update(A, B, 2);
        stands_for(&device);
        device.update(B, A, 3);
        assert_ne!(device.otadata(), before);
        assert_eq!(device.simplest().otadata(), simplest);
    }
}

#[test]
fn what_a_cut_leaves_is_stood_for_too() {
    let mut device = Device::new(&[A, B]);
    device.log = Log::new(4, 2).unwrap();
    for _ in 0..3 {
        device.update(A, B, 2);
        device.update(B, A, 3);
    }
    device.download(A, B, 2).unwrap();
    let torn = [
        Torn::Nothing,
        Torn::Done,
        Torn::Zeroed,
        Torn::Some(3),
        Torn::Prefix(16),
    ];
    // Of the switch, and of the boot that follows.
    for (at, torn) in (0..10).flat_map(|at| torn.map(|torn| (at, torn))) {
        let mut cut = device.power_on();
        cut.ram.power = at;
        cut.ram.torn = torn;
        let _ = cut.set_boot(A, B);
        let mut cut = cut.power_on();
        stands_for(&cut);
        for again in 0..6 {
            cut.ram.power = again;
            cut.ram.torn = torn;
            let _ = cut.boot();
            cut = cut.power_on();
            stands_for(&cut);
        }
    }
}

/// What a device is asked for, once it has booted.
#[derive(Clone, Copy, Debug)]
enum Call {
    Nothing,
    Begin,
    Download,
    Choose,
    Confirm,
    Reject,
    EraseLast,
}

impl Device {
    /// Boots, and is asked for that, until the power goes.
    fn power_cycle(&mut self, call: Call, power: usize, torn: Torn) {
        (self.ram.power, self.ram.torn) = (power, torn);
        if let Ok(decision) = self.boot() {
            let me = decision.slot;
            let to = if me == A { B } else { A };
            // A refusal is as good as an answer.
            let _ = match call {
                Call::Nothing => Ok(()),
                Call::Begin => self.begin(me, to),
                Call::Download => self.download(me, to, 2),
                Call::Choose => self.set_boot(me, to),
                Call::Confirm => self.confirm(me),
                Call::Reject => self.app(me, |ota| ota.mark_app_invalid_rollback()),
                Call::EraseLast => self.app(me, |ota| ota.erase_last_boot_app_partition()),
            };
        }
        *self = self.power_on();
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// However often its power fails, otadata and the simplest one do the same, and wherever both are cut next,
    /// they are left with the same simplest one.
    #[test]
    fn what_stands_for_otadata_has_the_same_future(
        (log, room) in prop_oneof![
            Just((Log::DEFAULT, Room::Counted)),
            Just((Log::new(4, 2).unwrap(), Room::Counted)),
            Just((Log::new(30, 28).unwrap(), Room::Ample)),
        ],
        stock in any::<bool>(),
        steps in vec((call(), 0usize..16, torn()), 1..8),
        (call, tears) in (call(), vec(torn(), 2)),
    ) {
        let mut device = Device::new(&[A, B]);
        (device.log, device.room) = (log, room);
        if stock {
            let entry = Entry::new(1, OtaState::UNDEFINED).emit();
            device.ram.put(OTADATA, &entry);
        }
        for (call, power, torn) in steps {
            device.power_cycle(call, power, torn);
            stands_for(&device);
        }
        if log == Log::new(4, 2).unwrap() {
            // From a full log words are zeroed one by one: what is left may be read in another group.
            return Ok(());
        }
        let simplest = device.simplest();
        for (power, torn) in (0..16).flat_map(|power| tears.iter().map(move |torn| (power, *torn))) {
            let left = |device: &Device, torn| {
                let mut device = device.power_on();
                device.power_cycle(call, power, torn);
                device.simplest().otadata()
            };
            let one = left(&device, torn);
            let alike = |other: &[u8]| {
                let mut sectors = one.chunks(4096).zip(other.chunks(4096));
                sectors.all(|(one, other)| {
                    // Of an entry that is over may be left what that of number 0 is left of.
                    let over = one[..32] == OVER && other[..32] == NUMBER_0;
                    (over || one[..32] == other[..32]) && one[32..] == other[32..]
                })
            };
            // Other numbers are other bits, and what a cut has left there before may be there already: a tear that
            // takes all of the one may not take all of the other.
            let others = [Torn::Nothing, Torn::Done].into_iter().chain((0..8).map(Torn::Some));
            let others = others.filter(|_| !matches!(torn, Torn::Nothing | Torn::Done));
            let same = [torn].into_iter().chain(others).any(|torn| alike(&left(&simplest, torn)));
            prop_assert!(same, "cut in operation {power}, {torn:?}");
        }
    }
}

/// The entry of a sector that is over.
const OVER: [u8; 32] = {
    let mut entry = [0xFF; 32];
    entry[0] = 0xFE;
    entry
};

/// An entry that is valid for a stock bootloader, and written by nobody.
const NUMBER_0: [u8; 32] = {
    let mut entry = [0xFF; 32];
    [entry[0], entry[1], entry[2], entry[3]] = [0; 4];
    entry
};

fn call() -> impl Strategy<Value = Call> {
    prop_oneof![
        Just(Call::Nothing),
        Just(Call::Begin),
        Just(Call::Download),
        Just(Call::Choose),
        Just(Call::Confirm),
        Just(Call::Reject),
        Just(Call::EraseLast),
    ]
}

fn torn() -> impl Strategy<Value = Torn> {
    prop_oneof![
        Just(Torn::Nothing),
        Just(Torn::Done),
        (1usize..32).prop_map(Torn::Prefix),
        Just(Torn::Prefix(4096)),
        (0usize..32).prop_map(Torn::Suffix),
        any::<u64>().prop_map(Torn::Some),
    ]
}

/// Of a sector whose successor has taken over nobody looks at anything; unless its entry wins for stock
/// code.
#[test]
fn records_that_are_over_are_all_alike() {
    let mut device = Device::new(&[A, B]);
    device.update(A, B, 2);
    let old = 4096 - device.newer();
    let mut other = device.power_on();
    other.ram.bytes[SECTORS][old..old + 4096].fill(0x11);
    assert!(device.otadata() != other.otadata());
    assert!(device.simplest().otadata() == other.simplest().otadata());
    for (seq, wins) in [(1, false), (1000, true)] {
        let foreign = Entry::new(seq, OtaState::VALID).emit();
        other.ram.bytes[SECTORS][old..old + 32].copy_from_slice(&foreign);
        let same = device.simplest().otadata() == other.simplest().otadata();
        assert_eq!(same, !wins, "number {seq}");
    }
}

/// `otatool.py` writes another number beside the label of ours; lowered, that may be the number the label is of.
#[test]
fn an_entry_of_stock_code_does_not_become_ours() {
    use crate::hardened::summary;
    let mut device = Device::new(&[A, B]);
    let entry = Entry {
        label: summary::entry(3, 1).label,
        ..Entry::new(9, OtaState::UNDEFINED)
    };
    device.ram.put(OTADATA, &entry.emit());
    let [lower, _] = device.simplest().ram.entries();
    assert!(lower.seq == 3 && !summary::is_ours(&lower), "{lower:?}");
}

/// An entry that is over has no number, though it may be completed by a cut erase: those of all others are
/// lowered beside it.
#[test]
fn an_entry_that_is_over_leaves_all_numbers_alike() {
    let mut device = Device::new(&[A, B]);
    device.update(A, B, 2);
    let [one, other] = [(); 2].map(|()| {
        device.update(B, A, 3);
        device.update(A, B, 2);
        let old = 4096 - device.newer();
        let mut torn = device.power_on();
        let entry = &mut torn.ram.bytes[SECTORS][old..old + 32];
        entry[..16].fill(0);
        entry[16..].fill(0xFF);
        let mut weak = std::vec![0; 0x2000];
        weak[old + 20..old + 32].fill(0xFF);
        torn.simplest_with(weak)
    });
    assert!(one == other);
}

/// A generation that was begun beside an entry of stock code, and that nothing proves: its birth tells that there
/// is one to be given up, and nothing else of it is read. What proves it is its claim.
#[test]
fn of_a_generation_that_nothing_proves_the_birth_alone_is_read() {
    let mut device = Device::new(&[A, B]);
    let entry = Entry::new(1, OtaState::UNDEFINED).emit();
    device.ram.put(OTADATA, &entry);
    for (power, proven) in [(3, false), (4, true)] {
        let mut device = device.power_on();
        device.ram.power = power;
        device.begin(A, B).unwrap_err();
        let mut other = device.power_on();
        let behind_birth = 4096 + 160..8192;
        other.ram.bytes[SECTORS][behind_birth].fill(0);
        assert!(device.otadata() != other.otadata());
        let same = device.simplest().otadata() == other.simplest().otadata();
        assert_eq!(same, !proven, "{power} operations");
        let mut without = device.power_on();
        without.ram.bytes[SECTORS][4096 + 32..4096 + 160].fill(0);
        assert!(device.simplest().otadata() != without.simplest().otadata());
    }
}

/// A cut erase makes an entry of number 0 of one that was never completed: that it has to go does not depend on what the
/// log of its generation says, which nobody looks at.
#[test]
fn an_entry_of_number_0_has_to_go_whether_its_generation_was_to_be_given_up_or_not() {
    for given_up in [false, true] {
        // Behind the erase and the birth.
        let mut device = Device::new(&[A, B]).cut_in_begin(A, B, 2);
        let otadata = &mut device.ram.bytes[SECTORS];
        otadata[..4].fill(0);
        if given_up {
            otadata[32 * 127..4096].fill(0);
        }
        let entry = Entry::parse(&otadata[..32].try_into().unwrap());
        assert!(entry.is_valid() && entry.seq == 0);
        stands_for(&device);
        assert_eq!(device.boot().unwrap().slot, A);
        assert!(device.cost().erases != 0);
    }
}

/// A generation that was to be given up is once its log is full and says nothing, even if it has a claim: the entry
/// of stock code beside it is not over then.
#[test]
fn an_entry_beside_a_generation_to_be_given_up_counts_until_that_says_something() {
    let mut device = Device::of_stock(1);
    device.log = Log::new(3, 2).unwrap();
    let entry = device.otadata()[..32].to_vec();
    // The first group is there, but for its seal.
    let device = device.cut_in_begin(A, B, 6);
    let rows = |rows: core::ops::Range<usize>| 4096 + 32 * rows.start..4096 + 32 * rows.end;
    let decision = device.otadata()[rows(6..7)].to_vec();
    assert!(decision != [0xFF; 32] && device.otadata()[rows(7..8)] == [0xFF; 32]);
    for (given_up, says) in [(false, false), (true, false), (true, true)] {
        let mut device = device.power_on();
        let otadata = &mut device.ram.bytes[SECTORS];
        // Each other group was begun, and says nothing.
        otadata[rows(8..14)].fill(0);
        if given_up {
            otadata[rows(127..128)].fill(0);
        }
        let mut weak = std::vec![0; 0x2000];
        if !says {
            // The decision may fade.
            weak[rows(6..7)].copy_from_slice(&decision);
        }
        let (simplest, _) = device.simplest_with(weak);
        // Its claim is as good as one in the last group but one, which nothing is programmed in any more; where the
        // log says something it stands in the last one.
        let claimed = |group: usize| simplest[rows(2 + 3 * group..3 + 3 * group)] != [0; 32];
        let claims = [claimed(1), claimed(2), claimed(3)];
        assert_eq!(claims, [false, !says, says], "says: {says}");
        let is_over = simplest[..32] != entry;
        assert_eq!(
            is_over,
            !given_up || says,
            "given up: {given_up}, says: {says}"
        );
    }
}

/// Zeroes the claims of a sector.
fn zero_claims(sector: &mut [u8]) {
    let (rows, _) = sector.as_chunks_mut::<32>();
    for claim in rows.iter_mut().skip(5).take(90).step_by(3) {
        if *claim != [0xFF; 32] {
            *claim = [0; 32];
        }
    }
}

/// A generation that was begun and that nothing hands over to is over, as soon as the older one counts by itself: by a
/// claim, whatever its entry.
#[test]
fn what_was_begun_beside_one_that_counts_is_over() {
    // The first generation is there, which nothing was handed over to; of the next one, the birth and half of the entry.
    let device = Device::of_stock(1).cut_in_begin(A, B, 10);
    let old = 4096;
    for (claimed, whole) in [(true, true), (false, true), (true, false), (false, false)] {
        let mut device = device.power_on();
        let otadata = &mut device.ram.bytes[SECTORS];
        if !claimed {
            zero_claims(&mut otadata[old..]);
        }
        if !whole {
            otadata[old + 16..old + 32].fill(0xFF);
        }
        let mut without = device.power_on();
        let new = 4096 - old;
        without.ram.bytes[SECTORS][new + 32..new + 4096].fill(0);
        let same = device.simplest().otadata() == without.simplest().otadata();
        assert_eq!(same, claimed, "claimed: {claimed}, whole: {whole}");
        stands_for(&device);
    }
}

/// What is begun of the second half of an entry is read as what is not.
#[test]
fn half_an_entry_that_is_begun_is_as_good_as_none() {
    let mut device = Device::new(&[A, B]);
    device.update(A, B, 2);
    device.download(B, A, 3).unwrap();
    let [none, begun] = [Torn::Nothing, Torn::Some(3)].map(|torn| {
        let mut device = device.power_on();
        (device.ram.power, device.ram.torn) = (6, torn);
        device.set_boot(B, A).unwrap_err();
        device
    });
    assert!(none.otadata() != begun.otadata());
    assert!(none.simplest().otadata() == begun.simplest().otadata());
}

/// Nobody reads on where a log has said what is chosen.
#[test]
fn groups_before_the_last_that_decides_are_all_alike() {
    let mut device = Device::new(&[A, B]);
    device.update(A, B, 2);
    device.boot().unwrap();
    let new = device.newer();
    let group = |n: usize| new + (5 + 3 * (n - 1)) * 32..new + (5 + 3 * n) * 32;
    let blank = |n| device.otadata()[group(n)].iter().all(|byte| *byte == 0xFF);
    let last = (1..=30).rfind(|n| !blank(*n)).unwrap();
    assert!(last > 1);
    for (n, alike) in [(last - 1, true), (last, false)] {
        let mut other = device.power_on();
        other.ram.bytes[SECTORS][group(n)].fill(0);
        let same = device.simplest().otadata() == other.simplest().otadata();
        assert_eq!(same, alike, "group {n} of {last}");
    }
}

/// Which groups of a log the words are in that count is not to be told, as long as there is room behind them.
#[test]
fn words_may_be_in_any_group_of_a_log_with_room() {
    let mut device = Device::new(&[A, B]);
    device.log = Log::new(4, 2).unwrap();
    device.update(A, B, 2);
    device.update(B, A, 3);
    device.download(A, B, 2).unwrap();
    device.set_boot(A, B).unwrap();
    let after = |cuts: usize, full: bool| {
        let mut device = device.power_on();
        device.log = if full { Log::new(4, 2) } else { Log::new(6, 4) }.unwrap();
        for cut in 0..cuts {
            // A claim is torn, and shows; each time in the next group.
            (device.ram.power, device.ram.torn) = (0, Torn::Some(3));
            let _ = device.boot();
            device = device.power_on();
            assert!(cut < 4);
        }
        let simplest = device.simplest().otadata();
        let new = device.newer();
        let is = |row: usize, kind: u8| simplest[new + row * 32] == kind;
        (1..=6)
            .filter(|group| is(2 + 3 * group + 1, 0x66))
            .collect::<Vec<_>>()
    };
    assert_eq!(after(0, false), [1]);
    assert_eq!(after(1, false), [2]);
    assert_eq!(after(2, false), [3]);
    assert_eq!(after(3, false), [4]);
    // From a full log what it says is written where it is.
    assert_eq!(after(2, true), [3]);
    assert_eq!(after(3, true), [1]);
}
