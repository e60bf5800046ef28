//! Rules of the bootloader that surprise, one test each.
use super::*;
use crate::partition::Partition;

/// A device with these rows; `good` is where images are whole, with this secure version.
fn device_of(rows: &[Partition], good: &[(Partition, u32)], entries: [Entry; 2]) -> Ram {
    let mut ram = device(&TWO, &[], entries);
    let mut table = [0; TABLE_LEN];
    emit_table(rows.iter().copied(), true, &mut table).unwrap();
    for (partition, version) in good {
        ram.put_image(partition, *version);
    }
    ram.put(DEFAULT_TABLE_OFFSET, &table);
    ram
}

#[expect(clippy::result_large_err, reason = "it is the function under test's")]
fn run_fused(ram: &mut Ram, efuse: &mut Unary) -> Result<Decision, BootError<NorFlashErrorKind>> {
    let mut table = [0; TABLE_LEN];
    boot(
        ram,
        &mut FirstByte,
        efuse,
        &anti_rollback(),
        &BootInputs::default(),
        &mut table,
    )
}

#[test]
fn without_rollback_a_new_image_stays_new() {
    let entries = [entry(1, OtaState::NEW), Entry::ERASED];
    let mut ram = device(&TWO, &TWO, entries);
    assert_eq!(run(&mut ram, &BootConfig::new(SIZE)).unwrap().slot, Ota(0));
    assert!(ram.ops.is_empty());
}

/// In the reference a row of zeros is a missing one, and address 0 tells.
#[test]
fn otadata_at_address_0_counts_as_none() {
    let mut rows = partitions(&TWO);
    rows[0].offset = 0;
    let good = [(place(&TWO, Ota(0)), 0), (place(&TWO, Ota(1)), 0)];
    let mut ram = device_of(&rows, &good, [entry(2, OtaState::VALID), Entry::ERASED]);
    let decision = run(&mut ram, &rollback()).unwrap();
    assert_eq!(
        (decision.slot, decision.reason),
        (Ota(0), Reason::NoOtadata)
    );
}

#[test]
fn factory_at_address_0_is_no_default_but_is_tried() {
    let mut rows = partitions(&TWO);
    rows.push(row(Type::APP, SubType::FACTORY, 0, 0x1000));
    let mut ram = device_of(&rows, &[], ERASED);
    let error = run(&mut ram, &rollback()).unwrap_err();
    assert_eq!(tried(&error), [Ota(0), Factory, Ota(1)]);
}

#[test]
fn a_slot_of_no_size_is_passed_over() {
    let mut rows = partitions(&THREE);
    rows[1].size = 0;
    rows[3].size = 0;
    let mut ram = device_of(&rows, &[], ERASED);
    let error = run(&mut ram, &rollback()).unwrap_err();
    assert_eq!(tried(&error), [Ota(0), Ota(2), Test]);
}

#[test]
fn only_a_confirmed_image_raises_the_secure_version() {
    for (state, expected) in [
        (OtaState::VALID, 3),
        (OtaState::NEW, 0),
        (OtaState::UNDEFINED, 0),
    ] {
        let entries = [entry(1, state), Entry::ERASED];
        let good = [(place(&TWO, Ota(0)), 3)];
        let mut ram = device_of(&partitions(&TWO), &good, entries);
        let mut efuse = Unary::with_version(0, 16);
        assert_eq!(run_fused(&mut ram, &mut efuse).unwrap().slot, Ota(0));
        assert_eq!(efuse.version(), expected, "{state}");
    }
}

/// Among entries whose images are new enough the newer one counts, as it does without anti-rollback.
#[test]
fn of_two_images_that_are_new_enough_the_newer_entry_boots() {
    let entries = [entry(1, OtaState::VALID), entry(2, OtaState::VALID)];
    let good = TWO.map(|slot| (place(&TWO, slot), 2));
    let mut ram = device_of(&partitions(&TWO), &good, entries);
    let decision = run_fused(&mut ram, &mut Unary::with_version(1, 16)).unwrap();
    assert_eq!(decision.slot, Ota(1));
    let (entry, seq, state) = (1, 2, OtaState::VALID);
    assert_eq!(decision.reason, Reason::ActiveEntry { entry, seq, state });
}

#[test]
fn the_first_boot_raises_the_secure_version_too() {
    let good = [(place(&TWO, Ota(0)), 2)];
    let mut ram = device_of(&partitions(&TWO), &good, ERASED);
    let mut efuse = Unary::with_version(0, 16);
    let decision = run_fused(&mut ram, &mut efuse).unwrap();
    assert_eq!(decision.reason, Reason::NeverUsed);
    assert_eq!(ram.entries()[0], entry(1, OtaState::VALID));
    assert_eq!(efuse.version(), 2);
}

/// Factory and test too, which the documentation asks to leave out of such a table.
#[test]
fn no_candidate_that_is_too_old_boots() {
    let good = THREE.map(|slot| (place(&THREE, slot), 1));
    let mut ram = device_of(&partitions(&THREE), &good, ERASED);
    let mut efuse = Unary::with_version(2, 16);
    let error = run_fused(&mut ram, &mut efuse).unwrap_err();
    assert_eq!(tried(&error), [Factory, Ota(0), Ota(1), Ota(2), Test]);
    let BootError::NothingBootable { tried, .. } = error else {
        unreachable!()
    };
    let too_old = Refused::SecureVersion {
        image: 1,
        device: 2,
    };
    assert!(tried.iter().all(|attempt| attempt.refused == too_old));
}

#[test]
fn a_partition_that_starts_inside_a_sector_survives_a_factory_reset() {
    let mut rows = partitions(&TWO);
    let mut nvs = row(Type::DATA, SubType::NVS, 0x9800, 0x1000);
    nvs.label = "nvs".try_into().unwrap();
    rows.push(nvs);
    let mut ram = device_of(&rows, &[(place(&TWO, Ota(0)), 0)], ERASED);
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
    let decision = run_with(&mut ram, &config, held).unwrap();
    assert_eq!(decision.wipe, Some(Wipe::Incomplete));
    let first_boot = [
        Op::Erase {
            from: OTADATA,
            to: OTADATA + 0x1000,
        },
        Op::Program {
            at: OTADATA,
            len: 32,
        },
    ];
    assert_eq!(ram.ops, first_boot);
}

#[test]
fn without_its_pin_a_factory_reset_erases_nothing() {
    let entries = [entry(1, OtaState::VALID), entry(2, OtaState::VALID)];
    let mut ram = device(&TWO, &TWO, entries);
    let config = BootConfig {
        factory_reset: Some(FactoryReset {
            data_labels: "nvs",
            erase_otadata: true,
        }),
        ..BootConfig::new(SIZE)
    };
    let decision = run(&mut ram, &config).unwrap();
    assert_eq!((decision.slot, decision.wipe), (Ota(1), None));
    assert!(ram.ops.is_empty());
}
