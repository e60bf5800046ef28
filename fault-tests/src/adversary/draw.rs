//! Draws lives.

use ota_core::hardened::Log;
use ota_core::partition::Slot;

use super::device::{Born, Device};
use super::dice::{Dice, mix};
use super::image::IMAGES;
use super::life::{Aim, Call, Cut, Day, Life, Misuse, Outside, Part, Refuses, Room, Where};
use super::reading::{Reading, Way};

/// The life with this number among those of a seed, on a device with one of these logs.
pub(super) fn life(seed: u64, number: u64, logs: &[Log]) -> Life {
    let dice = &mut Dice::new(mix(seed ^ mix(number)));
    let device = device(dice, logs);
    // Some devices are rarely cut, some nearly always.
    let cuts = dice.one_of(&[10, 35, 60, 85]);
    let days = 4 + dice.below(16);
    Life {
        device,
        days: (0..days).map(|_| day(dice, cuts)).collect(),
    }
}

fn device(dice: &mut Dice, logs: &[Log]) -> Device {
    let log = dice.one_of(logs);
    let anti_rollback = dice.percent(15);
    Device {
        slots: if dice.percent(60) { 2 } else { 3 },
        factory: dice.percent(60),
        monitored: dice.percent(75) || anti_rollback,
        anti_rollback,
        attempts: dice.one_of(&[1, 1, 1, 2, 3]),
        log,
        fuses: dice.one_of(&[16, 16, 2]),
        born: if dice.percent(60) {
            Born::Blank
        } else {
            dice.one_of(&Born::ALL)
        },
    }
}

fn day(dice: &mut Dice, cuts: u32) -> Day {
    let calls = match dice.below(100) {
        0..30 => update(dice),
        30..45 => vec![Call::MarkValid],
        45..55 => Vec::new(),
        55..60 => vec![Call::MarkValid, Call::Ask],
        60..65 => {
            let mut calls = vec![Call::MarkValid];
            calls.extend(update(dice));
            calls
        }
        65..70 => vec![Call::SetBoot(Aim::Slot(Slot::Factory))],
        _ => (0..=dice.below(3)).map(|_| call(dice)).collect(),
    };
    let cut = dice.percent(cuts).then(|| cut(dice));
    Day {
        outside: dice.percent(8).then(|| outside(dice)),
        reset_pin: dice.percent(8),
        wakes: dice.percent(15),
        refuses: dice.percent(6).then(|| match dice.below(4) {
            0 => Refuses::Data,
            _ => Refuses::Otadata(1 + dice.below(12)),
        }),
        reading: Reading {
            way: dice.one_of(&Way::ALL),
            seed: dice.number(),
        },
        calls,
        cut,
    }
}

fn outside(dice: &mut Dice) -> Outside {
    let slot = [Slot::Factory, Slot::Ota(0), Slot::Ota(1), Slot::Ota(2)];
    match dice.below(5) {
        0 | 1 => Outside::Rot(dice.one_of(&slot)),
        2 | 3 => Outside::Cable {
            to: dice.one_of(&slot),
            image: image(dice),
        },
        _ => Outside::EraseOtadata,
    }
}

fn cut(dice: &mut Dice) -> Cut {
    let place = match dice.below(100) {
        0..30 => Where::Erases,
        30..88 => Where::Otadata,
        _ => Where::Anywhere,
    };
    // A call is a few operations, an update two dozen.
    let most = match place {
        Where::Erases => 3,
        _ => dice.one_of(&[3, 4, 10, 25]),
    };
    Cut {
        place,
        at: 1 + dice.below(most),
        seed: dice.number(),
    }
}

fn update(dice: &mut Dice) -> Vec<Call> {
    let (to, image) = (aim(dice), image(dice));
    let download = Call::Download {
        to,
        image,
        room: dice.one_of(&Room::ALL),
        part: Part::Whole,
    };
    vec![download, Call::SetBoot(to)]
}

fn image(dice: &mut Dice) -> usize {
    usize::try_from(dice.number()).unwrap_or(0) % IMAGES.len()
}

fn aim(dice: &mut Dice) -> Aim {
    match dice.below(10) {
        0..6 => Aim::Next,
        n => Aim::Slot(Slot::Ota(u8::try_from(n % 3).unwrap_or(0))),
    }
}

fn any_aim(dice: &mut Dice) -> Aim {
    if dice.percent(25) {
        Aim::Slot(Slot::Factory)
    } else {
        aim(dice)
    }
}

fn call(dice: &mut Dice) -> Call {
    match dice.below(22) {
        20 => Call::Interrupted { image: image(dice) },
        21 => Call::Offsets,
        16 => Call::Two {
            first: image(dice),
            second: image(dice),
        },
        17 => Call::Copy {
            to: aim(dice),
            image: image(dice),
        },
        18 | 19 => Call::Misuse(dice.one_of(&Misuse::ALL)),
        0..3 => Call::Download {
            to: any_aim(dice),
            image: image(dice),
            room: dice.one_of(&Room::ALL),
            part: dice.one_of(&Part::ALL),
        },
        3 | 4 => Call::Resume {
            to: aim(dice),
            image: image(dice),
        },
        5..9 => Call::SetBoot(any_aim(dice)),
        9 | 10 => Call::MarkValid,
        11 | 12 => Call::MarkInvalid,
        13 => Call::EraseLast,
        14 => Call::Invalidate,
        _ => Call::Ask,
    }
}
