//! The judge judged: a device that forgets is caught, a life is what its line says.

use super::cells::SECTOR;
use super::device::OTADATA;
use super::dice::Dice;
use super::life::{Aim, Call, Day, Part, Room};
use super::live::Living;
use super::reading::Way;
use super::*;
use ota_core::partition::Slot;

const LIFE: &str = "adversary1 blank slots=2 factory monitored attempts=1 log=30-20";

/// Lives on `cells` until the days are over, then otadata is what it was before the last `forgets` of them, and the
/// device is switched on once more.
fn forgets(days: &str, forgets: usize) -> Result<(), verdict::Violation> {
    let life: Life = format!("{LIFE} {days}").parse().unwrap();
    let mut cells = Cells::blank();
    let mut living = Living::new(life.device, &mut cells);
    let mut before = Vec::new();
    for day in &life.days {
        before.push(living.cells.clone());
        living.day(day, &mut |_| {}).unwrap();
    }
    let old = &before[before.len() - forgets];
    for at in OTADATA..OTADATA + 2 * SECTOR {
        let byte = old.byte(at);
        living.cells.set(at, byte);
    }
    let ask = Day {
        calls: vec![Call::Ask],
        ..Day::IDLE
    };
    living.day(&ask, &mut |_| {}).map(|_| ())
}

#[test]
fn a_device_that_forgets_what_returned_ok_is_caught() {
    let update = "/ download=next:1:known:whole set=next";
    let confirmed = "/ download=next:1:known:whole set=next / valid";
    let refused = "/ download=next:1:known:whole set=next / invalid";
    let half = "/ download=next:5:known:half";
    for (days, forgotten) in [
        (update.to_string(), 1),
        // A start of an image on trial; its confirmation; that it was refused.
        (format!("{update} /"), 1),
        (format!("{confirmed} /"), 2),
        (format!("{refused} /"), 2),
        // An end of a trial, and a reset to the factory image.
        (format!("{update} / /"), 2),
        (format!("{confirmed} / reset-pin"), 1),
        // How far a download is, and that there is one.
        (format!("{confirmed} {half}"), 1),
        // That there is nothing to go back to.
        (format!("{confirmed} {update} / valid / invalidate"), 1),
    ] {
        assert!(forgets(&days, forgotten).is_err(), "{days}");
    }
    assert_eq!(
        forgets(&format!("{confirmed} /"), 1),
        Ok(()),
        "nothing is forgotten"
    );
}

/// What is written of a life is all of it.
#[test]
fn a_line_says_all_of_a_life() {
    for number in 0..500 {
        let life = draw::life(3, number, LOGS);
        assert_eq!(life.to_string().parse(), Ok(life));
    }
}

#[test]
fn what_is_no_life_is_refused_with_its_word() {
    for (text, word) in [
        ("", 1),
        ("adversary2", 1),
        ("adversary1 blank slots=4", 3),
        ("adversary1 blank log=4-4", 3),
        ("adversary1 blank attempts=0", 3),
        ("adversary1 blank / read=zero", 4),
        ("adversary1 blank / set=ota_9", 4),
        ("adversary1 blank / download=next:99:known:whole", 4),
        ("adversary1 blank / valid cut=otadata:x:1", 5),
    ] {
        let error = text.parse::<Life>().unwrap_err().to_string();
        assert!(
            error.starts_with(&format!("word {word}: found")),
            "{text}: {error}"
        );
    }
}

/// Everything that can be drawn is.
#[test]
fn lives_are_of_all_kinds() {
    let lives: Vec<_> = (0..2000)
        .map(|number| draw::life(0, number, LOGS))
        .collect();
    let days = || lives.iter().flat_map(|life| &life.days);
    for way in Way::ALL {
        assert!(days().any(|day| day.reading.way == way), "{way:?}");
    }
    for born in device::Born::ALL {
        assert!(
            lives.iter().any(|life| life.device.born == born),
            "{born:?}"
        );
    }
    for log in LOGS {
        assert!(lives.iter().any(|life| life.device.log == *log), "{log:?}");
    }
    let calls = || days().flat_map(|day| &day.calls);
    let downloads = |wanted: (Room, Part)| {
        calls().any(
            |call| matches!(call, Call::Download { room, part, .. } if (*room, *part) == wanted),
        )
    };
    for room in Room::ALL {
        for part in Part::ALL {
            assert!(downloads((room, part)), "{room:?} {part:?}");
        }
    }
    for call in [
        Call::SetBoot(Aim::Slot(Slot::Factory)),
        Call::MarkInvalid,
        Call::EraseLast,
        Call::Invalidate,
    ] {
        assert!(calls().any(|other| *other == call), "{call:?}");
    }
    for misuse in life::Misuse::ALL {
        let wanted = |call: &Call| *call == Call::Misuse(misuse);
        assert!(calls().any(wanted), "{misuse:?}");
    }
    assert!(calls().any(|call| matches!(call, Call::Two { .. })));
    assert!(calls().any(|call| matches!(call, Call::Copy { .. })));
    let outside = |wanted: fn(&life::Outside) -> bool| {
        days().any(|day| day.outside.is_some_and(|it| wanted(&it)))
    };
    assert!(outside(|it| matches!(it, life::Outside::Rot(_))));
    assert!(outside(|it| matches!(it, life::Outside::Cable { .. })));
    assert!(outside(|it| *it == life::Outside::EraseOtadata));
    assert!(days().any(|day| day.refuses == Some(life::Refuses::Data)));
    assert!(calls().any(|call| matches!(call, Call::Interrupted { .. } | Call::Offsets)));
    assert!(days().any(|day| day.reset_pin && day.wakes));
    assert!(lives.iter().any(|life| life.device.fuses == 2));
    assert!(days().any(Day::resets) && days().any(|day| day.calls.len() >= 3));
}

/// A cut erase leaves a row of what was there but for a single bit, and everything else blank.
#[test]
fn a_lone_row_with_a_single_bit_risen_is_drawn() {
    let old: Vec<u8> = (0..SECTOR)
        .map(|at| dice::mix(at.into()).to_le_bytes()[0])
        .collect();
    let is_lone = |cells: &Cells| {
        let row = |n: u32| (OTADATA + 32 * n..).take(32).map(|at| cells.byte(at));
        let blank = |n: u32| row(n).all(|byte| (byte.value, byte.weak) == (0xFF, 0));
        let differs = |(byte, old): (cells::Byte, &u8)| {
            (byte.value ^ old).count_ones() + byte.weak.count_ones()
        };
        let risen: u32 = row(0).zip(&old).map(differs).sum();
        risen == 1 && (1..SECTOR / 32).all(blank)
    };
    assert!((0..3000).any(|seed| {
        let mut cells = Cells::blank();
        cells.program(OTADATA, &old);
        tear::erase(OTADATA, &mut cells, &mut Dice::new(seed));
        is_lone(&cells)
    }));
}
