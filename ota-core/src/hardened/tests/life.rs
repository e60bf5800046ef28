//! A full life without cuts: what boots, and what each step costs.

use super::*;

/// Boots, and says what runs and what it cost.
fn boots(device: &mut Device) -> (Slot, Reason, Cost) {
    device.cost();
    let decision = device.boot().unwrap();
    assert_eq!(decision.order, Order::Kept);
    // At rest a stock bootloader boots the same, except that it knows of no trial.
    assert_eq!(device.stock(), Some(decision.slot));
    (decision.slot, decision.reason, device.cost())
}

fn trial(start: u8, attempts: u8) -> Reason {
    Reason::Trial { start, attempts }
}

#[test]
fn a_life_costs_what_the_table_says() {
    let mut device = Device::new(&[FACTORY, A, B]);
    let idle = otadata(0, 0);

    assert_eq!(boots(&mut device), (FACTORY, Reason::Confirmed, idle));

    // The first update writes down where the device stands: one erase more than the others.
    device.download(FACTORY, A, 2).unwrap();
    let first = device.cost();
    assert_eq!(first.erases, 2);
    device.set_boot(FACTORY, A).unwrap();
    assert_eq!(
        device.cost().erases,
        1 + u32::from(device.stock() != Some(A))
    );
    assert_eq!(boots(&mut device), (A, trial(1, 1), otadata(0, 3)));
    device.confirm(A).unwrap();
    assert_eq!(device.cost(), otadata(0, 3));
    assert_eq!(boots(&mut device), (A, Reason::Confirmed, idle));
    device.confirm(A).unwrap();
    assert_eq!(device.cost(), idle);

    // The second one: begin 1, set_boot 1, confirm 0.
    device.begin(A, B).unwrap();
    assert_eq!(device.cost(), otadata(1, 9));
    device.download(A, B, 3).unwrap();
    let download = device.cost();
    // Two parts of 4 KiB are complete in it, and the digest takes three programs.
    assert_eq!((download.erases, download.programs), (1, 9 + 1 + 3));
    device.set_boot(A, B).unwrap();
    assert_eq!(device.cost(), otadata(1, 9));
    device.set_boot(A, B).unwrap();
    assert_eq!(device.cost(), idle, "it is chosen already");
    assert_eq!(boots(&mut device), (B, trial(1, 1), otadata(0, 3)));
    // It does not confirm: the next reset goes back, and stays.
    let back = (A, Reason::RolledBack { from: B }, otadata(1, 9));
    assert_eq!(boots(&mut device), back);
    assert_eq!(boots(&mut device), (A, Reason::Confirmed, idle));
    let bad = device.app(A, |ota| ota.last_invalid_partition()).unwrap();
    assert_eq!(bad, Some(device.partition(B)));

    // The application refuses itself.
    device.download(A, B, 4).unwrap();
    device.set_boot(A, B).unwrap();
    assert_eq!(boots(&mut device).0, B);
    device.cost();
    device
        .app(B, |ota| ota.mark_app_invalid_rollback())
        .unwrap();
    assert_eq!(device.cost(), otadata(1, 9));
    assert_eq!(boots(&mut device), (A, Reason::Confirmed, idle));

    // Factory reset by the pin, and it may be held as long as one likes.
    device.inputs.factory_reset_pin = true;
    assert_eq!(
        boots(&mut device),
        (FACTORY, Reason::Confirmed, otadata(2, 14))
    );
    assert_eq!(boots(&mut device), (FACTORY, Reason::Confirmed, idle));
    device.inputs.factory_reset_pin = false;

    // And by the application.
    device.update(FACTORY, A, 5);
    device.cost();
    device.set_boot(A, FACTORY).unwrap();
    assert_eq!(device.cost(), otadata(2, 14));
    assert_eq!(boots(&mut device), (FACTORY, Reason::Confirmed, idle));
}

#[test]
fn an_idle_boot_reads_each_row_that_it_needs_once() {
    let mut device = Device::new(&[A, B]);
    device.update(A, B, 2);
    device.ram.reads = 0;
    device.boot().unwrap();
    // The table, the first five rows of both sectors, the groups of one log from its end to the third,
    // the image.
    assert_eq!(device.ram.reads, 1 + 10 + 3 * (30 - 3 + 1) + 1);
}

#[test]
fn an_image_on_trial_is_started_as_often_as_it_may_be() {
    for attempts in 1..=8 {
        let mut device = Device::new(&[A, B]);
        device.attempts = attempts;
        device.download(A, B, 2).unwrap();
        device.set_boot(A, B).unwrap();
        for start in 1..=attempts {
            assert_eq!(
                boots(&mut device),
                (B, trial(start, attempts), otadata(0, 3))
            );
        }
        // As long as it runs it may still confirm itself, for three programs.
        let mut late = device.power_on();
        late.confirm(B).unwrap();
        assert_eq!(late.cost(), otadata(0, 3));
        assert_eq!(boots(&mut late).1, Reason::Confirmed);
        assert_eq!(boots(&mut device).1, Reason::RolledBack { from: B });
    }
}

#[test]
fn what_runs_is_never_overwritten_whatever_otadata_says() {
    let mut device = Device::new(&[A, B]);
    device.update(A, B, 2);
    // Otadata says B, but A runs: the image in B is damaged.
    device.ram.put(device.partition(B).offset, &[0]);
    let decision = device.boot().unwrap();
    assert_eq!((decision.slot, decision.reason), (A, Reason::Fallback));
    assert_eq!(device.cost().erases, 3, "of the update");
    assert_eq!(
        device.download(A, A, 3).unwrap_err().esp_err(),
        EspErr::OTA_PARTITION_CONFLICT
    );
    // B is chosen, and may be written nevertheless: what runs is chosen first.
    device.download(A, B, 3).unwrap();
    assert_eq!(device.ahead(), Some((A, [1; 32])));
    device.set_boot(A, B).unwrap();
    assert_eq!(device.ahead(), Some((B, [3; 32])));
}

#[test]
fn an_update_may_be_begun_anew_before_it_was_booted() {
    let mut device = Device::new(&[A, B]);
    device.download(A, B, 2).unwrap();
    device.set_boot(A, B).unwrap();
    device.cost();
    device.begin(A, B).unwrap();
    // Neither entry for stock code may name B now.
    assert_eq!(device.cost().erases, 2);
    let entries = device.ram.entries();
    assert!(entries.iter().all(|e| !e.is_valid() || e.seq % 2 == 1));
    assert_eq!(device.ahead(), Some((A, [1; 32])));
    device.download(A, B, 3).unwrap();
    device.set_boot(A, B).unwrap();
    assert_eq!(device.ahead(), Some((B, [3; 32])));
}

#[test]
fn only_what_end_verified_can_be_chosen() {
    let mut device = Device::new(&[A, B]);
    let to = device.partition(B);
    device
        .app(A, |ota| {
            let handle = ota.begin(&to, ImageSize::Unknown)?;
            ota.write(handle, &image(2))
        })
        .unwrap();
    assert_eq!(device.set_boot(A, B), Err(OtaError::Unfinished));
    device.download(A, B, 2).unwrap();
    device.ram.put(to.offset + 1, &[3]);
    assert_eq!(device.set_boot(A, B), Err(OtaError::OtherImage));
    device.ram.put(to.offset + 1, &[2]);
    device.set_boot(A, B).unwrap();
    // Nor does anything else boot.
    device.ram.put(to.offset + 1, &[3]);
    let decision = device.boot().unwrap();
    assert_eq!(decision.slot, A);
    assert_eq!(decision.reason, Reason::RolledBack { from: B });
}

#[test]
fn an_unconfirmed_image_may_go_back_and_nothing_else() {
    let mut device = Device::new(&[A, B, C]);
    device.update(A, B, 2);
    device.download(B, C, 3).unwrap();
    device.set_boot(B, C).unwrap();
    device.boot().unwrap();
    assert_eq!(device.download(C, A, 4), Err(OtaError::RunningUnconfirmed));
    assert_eq!(device.set_boot(C, A), Err(OtaError::RunningUnconfirmed));
    let state = device.app(C, |ota| {
        let running = ota.running_partition();
        assert!(ota.check_rollback_is_possible()?);
        assert!(!ota.foreign_bootloader()?);
        assert_eq!(
            ota.erase_last_boot_app_partition(),
            Err(OtaError::RunningUnconfirmed)
        );
        ota.state_partition(&running)
    });
    assert_eq!(state, Ok(OtaState::PENDING_VERIFY));
    device.set_boot(C, B).unwrap();
    assert_eq!(device.ahead(), Some((B, [2; 32])));
    device.boot().unwrap();
    device.boot().unwrap();
    assert_eq!(device.ahead(), Some((B, [2; 32])), "it is not on trial");
}

#[test]
fn the_image_before_is_forgotten_before_it_is_erased() {
    let mut device = Device::new(&[A, B]);
    device.update(A, B, 2);
    device.cost();
    device
        .app(B, |ota| ota.erase_last_boot_app_partition())
        .unwrap();
    assert_eq!(
        device.cost(),
        Cost {
            others: 1,
            ..otadata(1, 9)
        }
    );
    let entries = device.ram.entries();
    assert!(entries.iter().all(|e| e.seq % 2 == 0), "both name B");
    let refused = device.app(B, |ota| ota.erase_last_boot_app_partition());
    assert_eq!(refused.unwrap_err().esp_err(), EspErr::FAIL);
}

#[test]
fn what_an_update_is_copied_over_is_not_named_either() {
    let mut device = Device::new(&[A, B, C]);
    device.update(A, B, 2);
    let (staging, destination) = (device.partition(C), device.partition(A));
    device
        .app(B, |ota| {
            let handle = ota.begin(&staging, ImageSize::Unknown)?;
            let running = ota.running_partition();
            assert_eq!(
                ota.set_final_partition(handle, &running, true),
                Err(OtaError::Running)
            );
            assert!(ota.check_rollback_is_possible()?);
            ota.set_final_partition(handle, &destination, true)?;
            assert!(!ota.check_rollback_is_possible()?, "A is no way back now");
            ota.write(handle, &image(3))?;
            ota.end(handle)?;
            ota.set_boot_partition(&destination)
        })
        .unwrap();
    assert_eq!(device.ahead(), Some((A, [3; 32])));
}

/// A hand-over that is complete makes the new sector the authority, before it has a row of its own: the
/// next boot completes *it*, and begins a generation behind it.
#[test]
fn a_switch_that_was_cut_behind_its_hand_over_goes_on_in_the_new_sector() {
    let generation = |decision: &Decision| match decision.chosen.unwrap().source {
        Source::Record { sector, generation } => (sector, generation),
        Source::Stock(origin) => panic!("{origin:?}"),
    };
    let mut device = Device::new(&[A, B]);
    device.update(A, B, 2);
    device.download(B, A, 3).unwrap();
    let (sector, before) = generation(&device.boot().unwrap());
    for (done, slot, expected) in [
        // Claim, erase, birth, half of the entry: the hand-over is not begun. The other sector is begun anew.
        (4, B, (1 - sector, before + 1)),
        // With it, and with its seal: the child, and its child.
        (5, A, (sector, before + 2)),
        (6, A, (sector, before + 2)),
        // And with the other half of the entry.
        (7, A, (sector, before + 2)),
    ] {
        let mut cut = device.power_on();
        cut.ram.power = done;
        assert!(cut.set_boot(B, A).is_err());
        let mut cut = cut.power_on();
        let decision = cut.boot().unwrap();
        assert_eq!(decision.slot, slot, "after {done}");
        assert_eq!(generation(&decision), expected, "after {done}");
    }
}

/// A hand-over counts although the sector that it names is lost: what it says is chosen, and stock code
/// is told.
#[test]
fn a_hand_over_to_a_sector_that_is_lost_still_says_what_is_chosen() {
    let mut device = Device::new(&[A, B]);
    device.update(A, B, 2);
    device.download(B, A, 3).unwrap();
    let mut cut = device.power_on();
    // Claim, erase, birth, half of the entry, hand-over, seal.
    cut.ram.power = 6;
    assert!(cut.set_boot(B, A).is_err());
    let lost = cut
        .ram
        .done
        .iter()
        .chain(&cut.ram.ops)
        .find_map(|op| match op {
            Op::Erase { from, .. } => Some(*from),
            Op::Program { .. } => None,
        });
    let mut cut = cut.power_on();
    cut.ram.put(lost.unwrap(), &[0; 0x1000]);
    assert_eq!(cut.boot().unwrap().slot, A);
    assert_eq!(cut.stock(), Some(A));
}

/// A seal without its decision seals nothing: what is chosen is written again.
#[test]
fn a_decision_that_rots_is_written_again() {
    let mut device = Device::new(&[A, B]);
    device.update(A, B, 2);
    let last = device.ram.ops.iter().rev().find_map(|op| match op {
        Op::Program { at, .. } => Some(*at),
        Op::Erase { .. } => None,
    });
    // The last row is the seal, the one before it the decision: that of the confirmation.
    device.ram.put(last.unwrap() - 32 + 23, &[0; 4]);
    let mut device = device.power_on();
    let decision = device.boot().unwrap();
    assert_eq!(decision.order, Order::Kept);
    assert!(device.cost().programs >= 3);
    let mut again = device.power_on();
    let slot = decision.slot;
    assert!(again.boot().unwrap().slot == slot || slot == B);
}

/// Nobody acts on a decision that no seal stands behind, before it is written again.
#[test]
fn a_decision_without_its_seal_is_written_again() {
    let mut device = Device::new(&[A, B]);
    device.download(A, B, 2).unwrap();
    device.set_boot(A, B).unwrap();
    device.boot().unwrap();
    let mut device = device.power_on();
    // The claim and the decision of the confirmation.
    device.ram.power = 2;
    assert!(device.confirm(B).is_err());
    let mut device = device.power_on();
    // It is said again; and as an erase of the other sector might have been cut, that is begun anew.
    assert_eq!(boots(&mut device), (B, Reason::Confirmed, otadata(1, 12)));
    assert_eq!(boots(&mut device), (B, Reason::Confirmed, otadata(0, 0)));
}

/// A hand-over was complete, and the sector that it stands in is lost: what was born of it counts, although
/// nothing was claimed there yet.
#[test]
fn a_generation_that_was_handed_over_to_outlives_the_hand_over() {
    let mut device = Device::new(&[A, B]);
    device.update(A, B, 2);
    device.download(B, A, 3).unwrap();
    // Claim, erase, birth, half of the entry, hand-over, seal.
    device.ram.power = 6;
    device.set_boot(B, A).unwrap_err();
    let parent = OTADATA + 0x1000 - u32::try_from(device.newer()).unwrap();
    let mut device = device.power_on();
    device.ram.put(parent, &[0; 0x1000]);
    let chosen = device.boot().unwrap().chosen.unwrap();
    assert_eq!((chosen.slot, chosen.previous), (A, Some(B)));
    assert_eq!(device.stock(), Some(A));
}

/// Whichever row of a group is to be seen, nothing is programmed over it any more.
#[test]
fn a_group_of_which_anything_is_to_be_seen_is_used_up() {
    let mut device = Device::new(&[A, B]);
    device.update(A, B, 2);
    let sector = OTADATA as usize + device.newer();
    let row = |row: usize| sector + 32 * row..sector + 32 * (row + 1);
    let is_blank = |n: &usize| device.ram.bytes[row(*n)] == [0xFF; 32];
    let claim = (5..95).step_by(3).find(is_blank).unwrap();
    for which in 0..3 {
        let mut device = device.power_on();
        device.ram.bytes[row(claim + which)][7] = 0xFB;
        assert_eq!(device.boot().unwrap().slot, B);
        device.begin(B, A).unwrap();
        let used = (claim..claim + 3).map(|n| row(n).start);
        let starts: Vec<usize> = used.collect();
        for op in &device.ram.ops {
            if let Op::Program { at, .. } = op {
                assert!(!starts.contains(&(*at as usize)), "row {which}: {op:?}");
            }
        }
    }
}

/// A device with a factory image, whose switch from `A` to `B` was cut before the entry for `B` was complete.
fn handed_over() -> Device {
    let mut device = Device::new(&[FACTORY, A, B]);
    device.update(FACTORY, A, 2);
    device.download(A, B, 3).unwrap();
    // Claim, erase, birth, half of the entry, hand-over, seal.
    device.ram.power = 6;
    device.set_boot(A, B).unwrap_err();
    device.power_on()
}

/// Each operation stands on the one before it: also when the flash fails with the power on.
#[test]
fn when_the_flash_has_failed_nothing_more_is_written() {
    let device = handed_over();
    for power in 0.. {
        let mut failing = device.power_on();
        failing.ram.power = power;
        failing.ram.dead_reads = false;
        let decision = failing.boot().unwrap();
        if !failing.ram.is_dead() {
            break;
        }
        assert!(matches!(decision.order, Order::Failed(_)), "{power}");
        assert_eq!(failing.ram.after_failure, 0, "{power}");
    }
}

/// A hand-over was cut before the entry of the new sector was complete; to heal that takes the sector of the
/// old one.
#[test]
fn stock_code_finds_a_whole_entry_while_a_half_one_is_healed() {
    let device = handed_over();
    for power in 0.. {
        let mut left = device.power_on();
        left.ram.power = power;
        left.ram.torn = Torn::Zeroed;
        let _ = left.boot();
        assert!([Some(A), Some(B)].contains(&left.stock()), "{power}");
        if !left.ram.is_dead() {
            break;
        }
    }
}

/// Of what is chosen and what to go back to there is a state, and of nothing else.
#[test]
fn the_state_of_an_image_is_known_by_its_slot() {
    let mut device = Device::new(&[A, B, C]);
    device.download(A, B, 2).unwrap();
    device.set_boot(A, B).unwrap();
    let slots = [A, B, C].map(|slot| device.partition(slot));
    let states =
        |device: &mut Device| slots.map(|slot| device.app(A, |ota| ota.state_partition(&slot)));
    let unknown = Err(OtaError::StateUnknown);
    let of_b = |state| [Ok(OtaState::VALID), Ok(state), unknown];
    assert_eq!(states(&mut device), of_b(OtaState::NEW));
    device.boot().unwrap();
    assert_eq!(states(&mut device), of_b(OtaState::PENDING_VERIFY));
    device.confirm(B).unwrap();
    assert_eq!(states(&mut device), of_b(OtaState::VALID));
}

/// An image on trial that chooses the one before it: what was found bad earlier stays so.
#[test]
fn going_back_forgets_no_bad_image() {
    let mut device = Device::new(&[A, B, C]);
    device.bad_update(A, C, 3);
    device.download(A, B, 4).unwrap();
    device.set_boot(A, B).unwrap();
    assert_eq!(device.boot().unwrap().slot, B);
    device.set_boot(B, A).unwrap();
    assert_eq!(device.boot().unwrap().slot, A);
    let bad = device.app(A, |ota| ota.last_invalid_partition()).unwrap();
    assert_eq!(bad, Some(device.partition(C)));
}

#[test]
fn an_image_that_may_be_started_no_times_is_started_once() {
    let mut device = Device::new(&[A, B]);
    device.attempts = 0;
    device.bad_update(A, B, 2);
}

#[test]
fn slots_are_counted_and_taken_in_turn() {
    let slots = [A, B, C];
    let mut device = Device::new(&slots);
    for (n, running) in slots.into_iter().enumerate() {
        let next = slots[(n + 1) % 3];
        let answer = device.app(running, |ota| {
            Ok((ota.app_partition_count(), ota.next_update_partition(None)))
        });
        assert_eq!(answer, Ok((3, Some(place(&slots, next)))));
    }
}
