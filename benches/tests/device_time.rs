//! Device time is exact: what an update costs a chip changes only on purpose.

use std::fmt::Write;

use benches::device::{Bound, Case, Erasing, Policy, SLOT, Update, update};
use fault_tests::ota::made;
use sim_flash::{Profile, Stats};

const MIB: u32 = 1 << 20;

fn mebibyte(policy: Policy, erasing: Erasing, chunk: u32) -> Update {
    let case = Case {
        policy,
        erasing,
        chunk,
        len: MIB,
    };
    let image = made::image(MIB as usize, MIB.into());
    update(&Profile::w25q64jv(), case, &image).unwrap()
}

fn bound() -> u64 {
    Bound::of(&Profile::w25q64jv(), SLOT..SLOT + MIB, MIB).total()
}

#[test]
fn a_hardened_update_takes_at_most_a_fiftieth_longer_than_the_data_sheet_allows() {
    for erasing in [Erasing::UpFront, Erasing::ByBlock] {
        let time = mebibyte(Policy::Hardened, erasing, 4096).time();
        assert!(time * 100 <= bound() * 102, "{time} ns, {} ns", bound());
    }
    // Sequential writes of whole blocks are as good.
    let time = mebibyte(Policy::Hardened, Erasing::Sequential, 64 << 10).time();
    assert!(time * 100 <= bound() * 102, "{time} ns, {} ns", bound());
}

#[test]
fn a_hardened_update_takes_at_most_a_hundredth_longer_than_a_stock_one() {
    for erasing in Erasing::ALL {
        let stock = mebibyte(Policy::Stock, erasing, 4096);
        let hardened = mebibyte(Policy::Hardened, erasing, 4096);
        assert!(hardened.time() * 100 <= stock.time() * 101, "{erasing:?}");
        // And with what comes after the reset it takes less.
        let whole = |update: &Update| update.time() + update.first_start();
        assert!(whole(&hardened) < whole(&stock), "{erasing:?}");
        assert!(hardened.otadata_erases < stock.otadata_erases);
        assert_eq!((hardened.slot_erases, stock.slot_erases), (1, 1));
    }
}

#[test]
fn every_operation_of_an_update_is_accounted_for() {
    let mut out = String::new();
    for policy in Policy::ALL {
        for erasing in Erasing::ALL {
            let cost = mebibyte(policy, erasing, 4096);
            writeln!(out, "{}, {}", policy.name(), erasing.name()).unwrap();
            for (call, stats) in [
                ("download", cost.download),
                ("switch", cost.switch),
                ("boot", cost.boot),
                ("confirm", cost.confirm),
            ] {
                writeln!(out, "  {call:<9}{}", line(&stats)).unwrap();
            }
            writeln!(out, "  longest call {} ns", cost.longest).unwrap();
        }
    }
    insta::assert_snapshot!(out);
}

fn line(stats: &Stats) -> String {
    format!(
        "{:>12} ns, {:>3} erases of {:>7} B, {:>4} programs of {:>7} B, {:>4} reads of {:>7} B",
        stats.device_time,
        stats.erases,
        stats.bytes_erased,
        stats.programs,
        stats.bytes_programmed,
        stats.reads,
        stats.bytes_read,
    )
}
