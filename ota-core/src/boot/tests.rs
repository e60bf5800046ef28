//! Boots on a RAM flash.
extern crate std;

mod odd;

use embedded_storage::nor_flash::NorFlashErrorKind;
use proptest::prelude::*;
use std::string::ToString;
use std::vec::Vec;

use super::*;
use crate::efuse::{NoSecureVersion, Unary};
use crate::otadata::{Entry, OtaState};
use crate::partition::Slot::{Factory, Ota, Test};
use crate::partition::{SubType, Type, emit_table};
use crate::ram::{FirstByte, OTADATA, Op, Ram, SIZE, entry, partitions, place, row};

const THREE: [Slot; 5] = [Factory, Ota(0), Ota(1), Ota(2), Test];
const TWO: [Slot; 2] = [Ota(0), Ota(1)];

fn rollback() -> BootConfig {
    BootConfig {
        rollback: true,
        ..BootConfig::new(SIZE)
    }
}

fn anti_rollback() -> BootConfig {
    BootConfig {
        anti_rollback: true,
        ..BootConfig::new(SIZE)
    }
}

fn device(slots: &[Slot], good: &[Slot], entries: [Entry; 2]) -> Ram {
    let mut ram = Ram::with_slots(slots);
    for slot in good {
        ram.put_image(&place(slots, *slot), 0);
    }
    ram.put_entry(0, entries[0]);
    ram.put_entry(1, entries[1]);
    ram
}

#[expect(clippy::result_large_err, reason = "it is the function under test's")]
fn run(ram: &mut Ram, config: &BootConfig) -> Result<Decision, BootError<NorFlashErrorKind>> {
    run_with(ram, config, BootInputs::default())
}

#[expect(clippy::result_large_err, reason = "it is the function under test's")]
fn run_with(
    ram: &mut Ram,
    config: &BootConfig,
    inputs: BootInputs,
) -> Result<Decision, BootError<NorFlashErrorKind>> {
    let mut table = [0; TABLE_LEN];
    boot(
        ram,
        &mut FirstByte,
        &mut NoSecureVersion,
        config,
        &inputs,
        &mut table,
    )
}

fn tried(error: &BootError<NorFlashErrorKind>) -> Vec<Slot> {
    match error {
        BootError::NothingBootable { tried, .. } => tried.iter().map(|a| a.slot).collect(),
        other => panic!("{other}"),
    }
}

const ERASED: [Entry; 2] = [Entry::ERASED; 2];

#[test]
fn a_new_image_is_pending_even_if_it_then_does_not_verify() {
    let entries = [entry(1, OtaState::VALID), entry(2, OtaState::NEW)];
    let mut ram = device(&THREE, &[Factory, Ota(0)], entries);
    let decision = run(&mut ram, &rollback()).unwrap();
    assert_eq!(decision.slot, Ota(0));
    assert_eq!(ram.entries()[1].state, OtaState::PENDING_VERIFY);
    let at = OTADATA + 0x1000;
    let (from, to) = (at, at + 0x1000);
    assert_eq!(
        ram.ops,
        [Op::Erase { from, to }, Op::Program { at, len: 32 }]
    );
}

#[test]
fn an_image_that_was_not_confirmed_is_aborted_and_the_other_entry_boots() {
    let entries = [
        entry(1, OtaState::VALID),
        entry(2, OtaState::PENDING_VERIFY),
    ];
    let mut ram = device(&TWO, &TWO, entries);
    let decision = run(&mut ram, &rollback()).unwrap();
    assert_eq!(decision.slot, Ota(0));
    assert_eq!(ram.entries()[1], entry(2, OtaState::ABORTED));
}

#[test]
fn without_rollback_states_stay_as_they_are() {
    let entries = [entry(1, OtaState::NEW), entry(2, OtaState::PENDING_VERIFY)];
    let mut ram = device(&TWO, &TWO, entries);
    let decision = run(&mut ram, &BootConfig::new(SIZE)).unwrap();
    assert_eq!(decision.slot, Ota(1));
    assert!(ram.ops.is_empty());
}

#[test]
fn the_sweep_to_aborted_asks_neither_for_a_crc_nor_for_a_sequence_number() {
    let garbage = Entry {
        seq: 0xFFFF_FFFF,
        label: [3; 20],
        state: OtaState::PENDING_VERIFY,
        crc: 7,
    };
    let mut ram = device(&TWO, &TWO, [garbage; 2]);
    let decision = run(&mut ram, &rollback()).unwrap();
    let aborted = Entry {
        state: OtaState::ABORTED,
        ..garbage
    };
    assert_eq!(ram.entries()[1], aborted);
    // Then both are blank, and without factory the first boot is recorded over entry 0.
    assert_eq!(decision.reason, Reason::BothInvalid);
    assert_eq!(ram.entries()[0], entry(1, OtaState::VALID));
}

#[test]
fn the_fallback_goes_down_to_factory_then_up_then_test() {
    let entries = [entry(2, OtaState::VALID), Entry::ERASED];
    let mut ram = device(&THREE, &[], entries);
    let order = tried(&run(&mut ram, &rollback()).unwrap_err());
    assert_eq!(order, [Ota(1), Ota(0), Factory, Ota(2), Test]);
    let mut ram = device(&THREE, &[], ERASED);
    let order = tried(&run(&mut ram, &rollback()).unwrap_err());
    assert_eq!(order, [Factory, Ota(0), Ota(1), Ota(2), Test]);
    assert!(ram.ops.is_empty());
}

#[test]
fn the_fallback_boots_what_otadata_refuses() {
    let entries = [entry(1, OtaState::ABORTED), entry(2, OtaState::INVALID)];
    let mut ram = device(&TWO, &TWO, entries);
    let decision = run(&mut ram, &rollback()).unwrap();
    assert_eq!(
        (decision.slot, decision.reason),
        (Ota(0), Reason::BothInvalid)
    );
    assert!(ram.ops.is_empty(), "the entries are not blank");
}

#[test]
fn the_first_boot_without_factory_is_recorded_for_the_slot_that_runs() {
    let mut ram = device(&TWO, &[Ota(1)], ERASED);
    let decision = run(&mut ram, &rollback()).unwrap();
    assert_eq!(decision.slot, Ota(1));
    assert_eq!(ram.entries(), [entry(2, OtaState::VALID), Entry::ERASED]);
    let kinds: Vec<_> = decision.changed.iter().map(|c| c.kind).collect();
    assert_eq!(kinds, [ChangeKind::FirstBoot]);
}

#[test]
fn a_damaged_entry_next_to_a_refused_one_is_never_repaired() {
    let damaged = Entry {
        crc: 1,
        ..entry(2, OtaState::VALID)
    };
    let mut ram = device(&TWO, &TWO, [entry(1, OtaState::INVALID), damaged]);
    for _ in 0..2 {
        let decision = run(&mut ram, &rollback()).unwrap();
        assert_eq!(decision.slot, Ota(0));
        assert_eq!(decision.reason, Reason::NoActiveEntry);
    }
    assert!(ram.ops.is_empty());
}

#[test]
fn a_slot_past_the_count_is_never_reached() {
    let slots = [Ota(0), Ota(2)];
    let mut ram = device(
        &slots,
        &[Ota(2)],
        [entry(3, OtaState::VALID), Entry::ERASED],
    );
    assert_eq!(tried(&run(&mut ram, &rollback()).unwrap_err()), [Ota(0)]);
}

#[test]
fn duplicate_rows_can_name_a_slot_that_no_table_has() {
    let mut rows = partitions(&[Ota(0)]);
    for _ in 0..20 {
        rows.push(rows[1]);
    }
    let mut table = [0; TABLE_LEN];
    emit_table(rows, true, &mut table).unwrap();
    for seq in [17, 20] {
        let entries = [entry(seq, OtaState::VALID), entry(1, OtaState::VALID)];
        let mut ram = device(&TWO, &[Ota(0)], entries);
        ram.put(DEFAULT_TABLE_OFFSET, &table);
        let decision = run(&mut ram, &rollback()).unwrap();
        let selected = Start::Ota(seq - 1);
        assert_eq!((decision.selected, decision.slot), (selected, Ota(0)));
        // There is no image that could be new enough.
        let decision = run(&mut ram, &anti_rollback()).unwrap();
        assert_eq!((decision.selected, decision.slot), (Start::Ota(0), Ota(0)));
    }
}

#[test]
fn the_test_pin_boots_test_alone_and_only_after_the_states_moved_on() {
    let config = BootConfig {
        app_test: true,
        ..rollback()
    };
    let held = BootInputs {
        app_test_pin: true,
        ..BootInputs::default()
    };
    let entries = [entry(1, OtaState::NEW), Entry::ERASED];
    let mut ram = device(&THREE, &[Test, Ota(0)], entries);
    let decision = run_with(&mut ram, &config, held).unwrap();
    assert_eq!((decision.slot, decision.reason), (Test, Reason::TestPin));
    assert_eq!(ram.entries()[0].state, OtaState::PENDING_VERIFY);

    let mut ram = device(&THREE, &[Ota(0)], entries);
    assert_eq!(
        tried(&run_with(&mut ram, &config, held).unwrap_err()),
        [Test]
    );
    let mut ram = device(&TWO, &TWO, entries);
    assert_eq!(
        run_with(&mut ram, &config, held),
        Err(BootError::NoTestPartition)
    );
    let asleep = BootInputs {
        deep_sleep_wake: true,
        ..held
    };
    let mut ram = device(&THREE, &THREE, entries);
    assert_eq!(run_with(&mut ram, &config, asleep).unwrap().slot, Ota(0));
    let anti = BootConfig {
        anti_rollback: true,
        ..config
    };
    let mut ram = device(&THREE, &THREE, entries);
    assert_eq!(run_with(&mut ram, &anti, held).unwrap().slot, Ota(0));
}

#[test]
fn a_factory_reset_that_keeps_otadata_aborts_the_new_image() {
    let config = BootConfig {
        factory_reset: Some(FactoryReset {
            data_labels: "nvs",
            erase_otadata: false,
        }),
        ..rollback()
    };
    let held = BootInputs {
        factory_reset_pin: true,
        ..BootInputs::default()
    };
    let entries = [entry(1, OtaState::VALID), entry(2, OtaState::NEW)];
    let mut ram = device(&TWO, &TWO, entries);
    let decision = run_with(&mut ram, &config, held).unwrap();
    assert_eq!((decision.slot, decision.wipe), (Ota(0), Some(Wipe::Done)));
    let kinds: Vec<_> = decision.changed.iter().map(|c| c.kind).collect();
    assert_eq!(kinds, [ChangeKind::Pending, ChangeKind::Aborted]);
    assert!(!decision.changed.is_empty());
}

/// The numbers that the reference calls `TEST_APP_INDEX` and `FACTORY_INDEX`, and those of slots.
#[test]
fn where_a_boot_begins_has_the_number_of_the_reference() {
    let starts = [Start::Test, Start::Factory, Start::Ota(0), Start::Ota(19)];
    assert_eq!(starts.map(Start::index), [-2, -1, 0, 19]);
}

#[test]
fn a_factory_reset_erases_what_it_names_and_boots_factory() {
    let config = BootConfig {
        factory_reset: Some(FactoryReset {
            data_labels: "nvs,x",
            erase_otadata: true,
        }),
        ..rollback()
    };
    let held = BootInputs {
        factory_reset_pin: true,
        ..BootInputs::default()
    };
    let mut ram = device(&THREE, &THREE, [entry(1, OtaState::VALID), Entry::ERASED]);
    let mut rows = partitions(&THREE);
    let mut nvs = row(Type::DATA, SubType::NVS, 0x9000, 0x3000);
    nvs.label = "nvs".try_into().unwrap();
    let mut odd = row(Type::DATA, SubType::NVS, 0xC000, 0x800);
    odd.label = "x".try_into().unwrap();
    rows.extend([nvs, odd]);
    let mut table = [0; TABLE_LEN];
    emit_table(rows, true, &mut table).unwrap();
    ram.put(DEFAULT_TABLE_OFFSET, &table);
    let decision = run_with(&mut ram, &config, held).unwrap();
    assert_eq!(decision.slot, Factory);
    assert_eq!(decision.wipe, Some(Wipe::Incomplete), "half a sector");
    let erased = [(OTADATA, OTADATA + 0x2000), (0x9000, 0xC000)];
    assert_eq!(ram.ops, erased.map(|(from, to)| Op::Erase { from, to }));
}

#[test]
fn a_failed_state_change_is_noted_and_the_boot_goes_on() {
    let entries = [entry(1, OtaState::NEW), entry(0, OtaState::ABORTED)];
    let mut ram = device(&TWO, &TWO, entries);
    ram.power = 1;
    ram.dead_reads = false;
    let decision = run(&mut ram, &rollback()).unwrap();
    assert_eq!(decision.slot, Ota(0));
    let outcomes: Vec<_> = decision.changed.iter().map(|c| c.outcome).collect();
    assert_eq!(outcomes, [Err(NorFlashErrorKind::Other)]);
    assert_eq!(ram.entries()[0], Entry::ERASED, "erased, not programmed");
}

#[test]
fn on_a_dead_flash_the_boot_ends_without_a_slot() {
    let entries = [entry(1, OtaState::NEW), entry(2, OtaState::PENDING_VERIFY)];
    let mut ram = device(&THREE, &THREE, entries);
    ram.power = 0;
    let refused = tried(&run(&mut ram, &rollback()).unwrap_err());
    assert_eq!(refused, [Ota(0), Factory, Ota(1), Ota(2), Test]);
    assert!(ram.ops.is_empty());
}

#[test]
fn without_otadata_factory_comes_first_and_nothing_is_written() {
    let mut ram = device(&TWO, &[Ota(1)], ERASED);
    let mut table = [0; TABLE_LEN];
    emit_table(partitions(&TWO).into_iter().skip(1), true, &mut table).unwrap();
    ram.put(DEFAULT_TABLE_OFFSET, &table);
    let decision = run(&mut ram, &rollback()).unwrap();
    assert_eq!((decision.selected, decision.slot), (Start::Factory, Ota(1)));
    assert_eq!(decision.reason, Reason::NoOtadata);
    assert!(decision.changed.is_empty());
    assert!(ram.ops.is_empty());
}

#[test]
fn otadata_of_one_sector_ends_the_boot() {
    let mut rows = partitions(&TWO);
    rows[0].size = 0x1000;
    let mut ram = device(&TWO, &TWO, ERASED);
    let mut table = [0; TABLE_LEN];
    emit_table(rows, true, &mut table).unwrap();
    ram.put(DEFAULT_TABLE_OFFSET, &table);
    assert_eq!(
        run(&mut ram, &rollback()),
        Err(BootError::OtadataTooSmall { size: 0x1000 })
    );
}

#[test]
fn anti_rollback_passes_over_what_is_too_old_and_learns_from_what_is_confirmed() {
    let entries = [entry(1, OtaState::VALID), entry(2, OtaState::VALID)];
    let mut ram = device(&TWO, &[], entries);
    ram.put_image(&place(&TWO, Ota(0)), 3);
    ram.put_image(&place(&TWO, Ota(1)), 1);
    let mut efuse = Unary::with_version(2, 16);
    let mut table = [0; TABLE_LEN];
    let decision = boot(
        &mut ram,
        &mut FirstByte,
        &mut efuse,
        &anti_rollback(),
        &BootInputs::default(),
        &mut table,
    );
    assert_eq!(decision.unwrap().slot, Ota(0));
    assert_eq!(efuse.version(), 3);
}

#[test]
fn anti_rollback_without_any_slot_divides_by_nothing() {
    let mut ram = device(&[Factory], &[Factory], [entry(1, OtaState::VALID); 2]);
    let decision = run(&mut ram, &anti_rollback()).unwrap();
    assert_eq!(decision.reason, Reason::NoActiveEntry);
}

#[test]
fn a_decision_tells_its_story() {
    let entries = [entry(5, OtaState::VALID), entry(6, OtaState::NEW)];
    let mut ram = device(&THREE, &[Ota(0)], entries);
    let decision = run(&mut ram, &rollback()).unwrap();
    assert_eq!(
        decision.to_string(),
        "boots ota_0 at 0x20000 (1 bytes): otadata entry 1 (seq 6, NEW) is active, so ota_2 comes first\n  \
         otadata entry 0: seq 5 VALID\n  \
         otadata entry 1: seq 6 NEW\n  \
         ota_2 is not bootable: at 0x40000: no image is here: it would start with e9, not ff\n  \
         ota_1 is not bootable: at 0x30000: no image is here: it would start with e9, not ff\n  \
         otadata entry 1: NEW to PENDING_VERIFY"
    );
}

fn any_entry() -> impl Strategy<Value = Entry> {
    let field = prop_oneof![0u32..8, Just(u32::MAX), any::<u32>()];
    (field.clone(), field, any::<bool>(), any::<u32>()).prop_map(|(seq, state, good, crc)| {
        let entry = entry(seq, OtaState(state));
        if good { entry } else { Entry { crc, ..entry } }
    })
}

proptest! {
    /// Whatever otadata says, a boot ends within a fixed number of accesses, and what can boot
    /// does.
    #[test]
    fn any_otadata_boots_something_within_bounds(
        a in any_entry(), b in any_entry(), config in prop_oneof![
            Just(BootConfig::new(SIZE)), Just(rollback()), Just(anti_rollback())],
        present: [bool; 5], good: [bool; 5],
    ) {
        let pick = |which: [bool; 5]| THREE.into_iter().zip(which).filter(|x| x.1).map(|x| x.0);
        let slots: Vec<_> = pick(present).collect();
        let good: Vec<_> = pick(good).filter(|s| slots.contains(s)).collect();
        prop_assume!(!slots.is_empty());
        let mut ram = device(&slots, &good, [a, b]);
        let result = run(&mut ram, &config);
        // The table, two entries; descriptors for two entries and the burn; for each candidate a
        // descriptor and the verifier's one read; the burn of a first boot.
        prop_assert!(ram.reads <= 3 + 3 + 2 * slots.len() + 1);
        prop_assert!(ram.ops.len() <= 2 * 3);
        let count = slots.iter().filter(|s| matches!(s, Ota(_))).count();
        let reachable = |s: &&Slot| !matches!(s, Ota(n) if usize::from(*n) >= count);
        prop_assert_eq!(result.is_ok(), good.iter().any(|s| reachable(&s)));
        if let Ok(decision) = result {
            prop_assert!(good.contains(&decision.slot));
        }
    }

    /// A boot that lost its power leaves a device that boots.
    #[test]
    fn a_boot_after_a_cut_boot_finds_a_slot(a in any_entry(), b in any_entry(), power in 0usize..8) {
        let mut ram = device(&THREE, &[Factory, Ota(1)], [a, b]);
        ram.power = power;
        let _ = run(&mut ram, &rollback());
        let mut again = device(&THREE, &[Factory, Ota(1)], ram.entries());
        prop_assert!(run(&mut again, &rollback()).is_ok());
    }
}
