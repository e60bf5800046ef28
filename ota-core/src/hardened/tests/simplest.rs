//! Otadata that stands for other otadata.

use super::*;

const SECTORS: core::ops::Range<usize> = OTADATA as usize..OTADATA as usize + 0x2000;

impl Device {
    /// The same device with the simplest otadata.
    fn simplest(&self) -> Self {
        let mut device = self.power_on();
        let bytes = device.ram.table();
        let table = PartitionTable::for_application(&bytes, true).unwrap();
        simplify(&mut device.ram.bytes[SECTORS], table);
        device
    }

    fn otadata(&self) -> Vec<u8> {
        self.ram.bytes[SECTORS].to_vec()
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

/// Of a sector whose successor has taken over nobody looks at the records; at an entry for stock code
/// somebody does.
#[test]
fn records_that_are_over_are_all_alike() {
    let mut device = Device::new(&[A, B]);
    device.update(A, B, 2);
    let old = 4096 * usize::from(device.otadata()[4096..4100] < device.otadata()[..4]);
    let mut other = device.power_on();
    let rows = SECTORS.start + old + 5 * 32..SECTORS.start + old + 4096;
    other.ram.bytes[rows].fill(0x11);
    assert_ne!(device.otadata(), other.otadata());
    assert_eq!(device.simplest().otadata(), other.simplest().otadata());
    other.ram.bytes[SECTORS.start + old] ^= 1;
    assert_ne!(device.simplest().otadata(), other.simplest().otadata());
}
