//! Every sequence of calls, of so many, from points of an ordinary life: what testers of file systems found of their
//! bugs, that most need three operations or fewer, holds of calls as well.

use ota_core::hardened::Log;
use ota_core::partition::Slot;

use super::device::{Born, Device};
use super::life::{Aim, Call, Cut, Day, Life, Misuse, Outside, Part, Refuses, Room, Where};
use super::reading::{Reading, Way};
use super::text::FUSES;

/// The lives, each of so many calls at most in one power-on, and of two across a restart where those are two or more.
///
/// In the first call alone the power is cut besides: in each of its first operations, torn in some ways.
pub(super) fn lives(most: u32) -> impl Iterator<Item = Life> {
    devices().flat_map(move |device| {
        let calls = calls(device);
        points(device).into_iter().flat_map(move |point| {
            let life = move |days: Vec<Day>| {
                let then = [day(vec![Call::Ask]), Day::IDLE];
                let days = point.iter().cloned().chain(days).chain(then).collect();
                Life { device, days }
            };
            sequences(&calls, most).into_iter().map(life)
        })
    })
}

fn day(calls: Vec<Call>) -> Day {
    Day { calls, ..Day::IDLE }
}

/// What is done from a point on.
fn sequences(calls: &[Call], most: u32) -> Vec<Vec<Day>> {
    let mut all = Vec::new();
    let mut longest: Vec<Vec<Call>> = vec![Vec::new()];
    for _ in 0..most {
        let longer = longest.iter().flat_map(|begun| {
            calls.iter().map(move |call| {
                let mut sequence = begun.clone();
                sequence.push(*call);
                sequence
            })
        });
        longest = longer.collect();
        all.extend(longest.iter().map(|calls| vec![day(calls.clone())]));
    }
    for call in calls.iter().copied().filter(|_| most >= 1) {
        for at in 1..=CUTS {
            let cut = |(seed, way): (u32, Way)| Day {
                reading: Reading { way, seed },
                cut: Some(Cut {
                    place: Where::Anywhere,
                    at,
                    seed: seed ^ at << 8,
                }),
                ..day(vec![call])
            };
            all.extend((0..).zip([Way::Zero, Way::One]).map(|torn| vec![cut(torn)]));
        }
        let resets = Day {
            reset_pin: true,
            ..day(vec![call])
        };
        let unwiped = Day {
            refuses: Some(Refuses::Data),
            ..resets.clone()
        };
        all.extend([vec![day(vec![call]), resets], vec![unwiped]]);
        all.extend((1..=CUTS).map(|at| {
            let refuses = Day {
                refuses: Some(Refuses::Otadata(at)),
                ..day(vec![call])
            };
            vec![refuses]
        }));
        for happens in [
            Outside::Rot(Slot::Ota(0)),
            Outside::Rot(Slot::Ota(1)),
            Outside::Cable {
                to: Slot::Ota(0),
                image: 3,
            },
            Outside::Cable {
                to: Slot::Ota(1),
                image: 3,
            },
        ] {
            let after = Day {
                outside: Some(happens),
                ..Day::IDLE
            };
            let before = Day {
                outside: Some(happens),
                ..day(vec![call])
            };
            all.extend([vec![before], vec![day(vec![call]), after]]);
        }
    }
    if most >= 2 {
        for first in calls {
            all.extend(
                calls
                    .iter()
                    .map(|second| vec![day(vec![*first]), day(vec![*second])]),
            );
        }
    }
    all
}

/// So many operations of a call are cut, at most.
const CUTS: u32 = 12;

fn devices() -> impl Iterator<Item = Device> {
    let device = |(slots, factory, monitored, anti_rollback, born)| Device {
        slots,
        factory,
        monitored,
        anti_rollback,
        attempts: 2,
        log: Log::DEFAULT,
        fuses: if factory { FUSES } else { 2 },
        born,
    };
    [
        (2, true, true, false, Born::Blank),
        (2, false, true, false, Born::TwoEntries),
        (3, true, true, true, Born::Blank),
        (3, false, true, false, Born::OneEntry),
        (2, true, false, false, Born::OnTrial),
        (2, false, true, true, Born::Blank),
    ]
    .into_iter()
    .map(device)
}

/// Every call of an application.
fn calls(device: Device) -> Vec<Call> {
    let download = |to, image, room, part| Call::Download {
        to,
        image,
        room,
        part,
    };
    let mut calls = vec![
        download(Aim::Next, 3, Room::Sequential, Part::Whole),
        download(Aim::Slot(Slot::Ota(0)), 2, Room::Known, Part::Whole),
        download(Aim::Slot(Slot::Ota(1)), 7, Room::ByBlock, Part::Half),
        Call::Resume {
            to: Aim::Next,
            image: 5,
        },
        Call::SetBoot(Aim::Slot(Slot::Ota(0))),
        Call::SetBoot(Aim::Slot(Slot::Ota(1))),
        Call::MarkValid,
        Call::MarkInvalid,
        Call::EraseLast,
        Call::Invalidate,
        Call::Ask,
        Call::Two {
            first: 2,
            second: 3,
        },
        Call::Interrupted { image: 5 },
        Call::Offsets,
        Call::Copy {
            to: Aim::Slot(Slot::Ota(1)),
            image: 5,
        },
    ];
    if device.factory {
        calls.push(Call::SetBoot(Aim::Slot(Slot::Factory)));
    }
    if device.slots > 2 {
        calls.push(Call::SetBoot(Aim::Slot(Slot::Ota(2))));
    }
    calls.extend(Misuse::ALL.map(Call::Misuse));
    calls
}

/// Points of a life, each by what led there.
fn points(device: Device) -> Vec<Vec<Day>> {
    let update = |image| {
        let download = Call::Download {
            to: Aim::Next,
            image,
            room: Room::Known,
            part: Part::Whole,
        };
        day(vec![download, Call::SetBoot(Aim::Next)])
    };
    let half = day(vec![Call::Download {
        to: Aim::Next,
        image: 5,
        room: Room::Sequential,
        part: Part::Half,
    }]);
    let whole = day(vec![Call::Download {
        to: Aim::Next,
        image: 2,
        room: Room::Unknown,
        part: Part::Whole,
    }]);
    let confirms = day(vec![Call::MarkValid]);
    let refuses = day(vec![Call::MarkInvalid]);
    let updated = vec![update(6), confirms.clone()];
    let from = |days: &[Day]| [&updated[..], days].concat();
    let mut points = vec![
        Vec::new(),
        vec![update(6)],
        vec![update(6), Day::IDLE],
        updated.clone(),
        from(&[half]),
        from(&[whole]),
        from(&[update(1)]),
        from(&[update(1), Day::IDLE]),
        from(&[update(1), refuses]),
        from(&[update(1), confirms]),
    ];
    if device.factory {
        let reset = Day {
            reset_pin: true,
            ..Day::IDLE
        };
        points.push(from(&[reset]));
    }
    points
}
