//! A life in one line, to be replayed.
//!
//! ```text
//! adversary1:s2.f.m.a1.l30-20.blank/Ws77/D:n:1:k:w,S:n/x:o9.5
//! ```
//!
//! The device, then each power-on. A power-on is parted by blanks.

use std::fmt;
use std::str::FromStr;

use ota_core::hardened::Log;
use ota_core::partition::Slot;

use super::device::{Born, Device};
use super::image::IMAGES;
use super::life::{Aim, Call, Cut, Day, Life, Misuse, Outside, Part, Refuses, Room, Where};
use super::reading::{Reading, Way};

const BEGINS: &str = "adversary1";

const BORN: [(&str, Born); 5] = [
    ("blank", Born::Blank),
    ("one", Born::OneEntry),
    ("two", Born::TwoEntries),
    ("trial", Born::OnTrial),
    ("started", Born::Started),
];

const ROOMS: [(&str, Room); 5] = [
    ("known", Room::Known),
    ("unknown", Room::Unknown),
    ("sequential", Room::Sequential),
    ("blocks", Room::ByBlock),
    ("steps", Room::InSteps),
];

const PARTS: [(&str, Part); 3] = [
    ("whole", Part::Whole),
    ("half", Part::Half),
    ("aborted", Part::Aborted),
];

const WAYS: [(&str, Way); 9] = [
    ("zero", Way::Zero),
    ("one", Way::One),
    ("old", Way::Old),
    ("wanted", Way::Wanted),
    ("reads", Way::EachRead),
    ("boots", Way::EachBoot),
    ("turns", Way::InTurn),
    ("turning", Way::ReadInTurn),
    ("rows", Way::ByRow),
];

const PLACES: [(&str, Where); 3] = [
    ("otadata", Where::Otadata),
    ("erases", Where::Erases),
    ("any", Where::Anywhere),
];

const PLAIN: [(&str, Call); 6] = [
    ("offsets", Call::Offsets),
    ("valid", Call::MarkValid),
    ("invalid", Call::MarkInvalid),
    ("erase-last", Call::EraseLast),
    ("invalidate", Call::Invalidate),
    ("ask", Call::Ask),
];

const MISUSES: [(&str, Misuse); 11] = [
    ("begin-twice", Misuse::BeginTwice),
    ("offset-while-sequential", Misuse::OffsetWhileSequential),
    ("write-before-erased", Misuse::WriteBeforeErased),
    ("stale-handle", Misuse::StaleHandle),
    ("set-while-open", Misuse::SetBootWhileOpen),
    ("end-of-nothing", Misuse::EndOfNothing),
    ("magic", Misuse::Magic),
    ("past-the-end", Misuse::PastTheEnd),
    ("resume-mid-part", Misuse::ResumeMidPart),
    ("resume-ahead", Misuse::ResumeAhead),
    ("copy-onto-what-runs", Misuse::CopyOntoWhatRuns),
];

fn name<T: PartialEq>(names: &[(&'static str, T)], value: &T) -> &'static str {
    let found = names.iter().find(|(_, other)| other == value);
    found.map_or("?", |(name, _)| name)
}

impl fmt::Display for Life {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Device {
            slots,
            factory,
            monitored,
            anti_rollback,
            attempts,
            log,
            fuses,
            born,
        } = self.device;
        write!(f, "{BEGINS} {} slots={slots}", name(&BORN, &born))?;
        for (set, word) in [
            (factory, "factory"),
            (monitored, "monitored"),
            (anti_rollback, "versions"),
        ] {
            if set {
                write!(f, " {word}")?;
            }
        }
        write!(
            f,
            " attempts={attempts} log={}-{}",
            log.groups(),
            log.reserve()
        )?;
        if fuses != FUSES {
            write!(f, " fuses={fuses}")?;
        }
        self.days.iter().try_for_each(|day| write!(f, " / {day}"))
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "read={}:{}",
            name(&WAYS, &self.reading.way),
            self.reading.seed
        )?;
        match self.outside {
            None => {}
            Some(Outside::Rot(slot)) => write!(f, " rot={slot}")?,
            Some(Outside::Cable { to, image }) => write!(f, " cable={to}:{image}")?,
            Some(Outside::EraseOtadata) => f.write_str(" erase-otadata")?,
        }
        match self.refuses {
            None => {}
            Some(Refuses::Otadata(at)) => write!(f, " refuses={at}")?,
            Some(Refuses::Data) => f.write_str(" refuses-data")?,
        }
        for (set, word) in [(self.reset_pin, "reset-pin"), (self.wakes, "wakes")] {
            if set {
                write!(f, " {word}")?;
            }
        }
        self.calls
            .iter()
            .try_for_each(|call| write!(f, " {call}"))?;
        let Some(Cut { place, at, seed }) = self.cut else {
            return Ok(());
        };
        write!(f, " cut={}:{at}:{seed}", name(&PLACES, &place))
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Download {
                to,
                image,
                room,
                part,
            } => {
                let (room, part) = (name(&ROOMS, room), name(&PARTS, part));
                write!(f, "download={to}:{image}:{room}:{part}")
            }
            Self::Resume { to, image } => write!(f, "resume={to}:{image}"),
            Self::SetBoot(to) => write!(f, "set={to}"),
            Self::Two { first, second } => write!(f, "two={first}:{second}"),
            Self::Interrupted { image } => write!(f, "interrupted={image}"),
            Self::Copy { to, image } => write!(f, "copy={to}:{image}"),
            Self::Misuse(misuse) => write!(f, "misuse={}", name(&MISUSES, misuse)),
            plain => f.write_str(name(&PLAIN, plain)),
        }
    }
}

impl fmt::Display for Aim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Next => f.write_str("next"),
            Self::Slot(slot) => write!(f, "{slot}"),
        }
    }
}

/// The text is of no life.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("word {word}: found \"{found}\", expected {expected}")]
pub struct NoLife {
    /// Which word it is, from 1 on.
    word: usize,
    found: String,
    expected: &'static str,
}

impl FromStr for Life {
    type Err = NoLife;

    fn from_str(text: &str) -> Result<Self, NoLife> {
        let mut device = Device {
            slots: 2,
            factory: false,
            monitored: false,
            anti_rollback: false,
            attempts: 1,
            log: Log::DEFAULT,
            fuses: FUSES,
            born: Born::Blank,
        };
        let mut days: Vec<Day> = Vec::new();
        let words: Vec<_> = text.split_whitespace().collect();
        if words.first() != Some(&BEGINS) {
            let found = words.first().copied().unwrap_or_default().into();
            return Err(NoLife {
                word: 1,
                found,
                expected: BEGINS,
            });
        }
        for (at, word) in words.iter().enumerate().skip(1) {
            let taken = match (*word, days.last_mut()) {
                ("/", _) => {
                    days.push(Day::IDLE);
                    Some(())
                }
                (word, None) => of_device(word, &mut device),
                (word, Some(day)) => of_day(word, day),
            };
            let expected = if days.is_empty() { DEVICE } else { DAY };
            taken.ok_or_else(|| NoLife {
                word: at + 1,
                found: (*word).into(),
                expected,
            })?;
        }
        Ok(Self { device, days })
    }
}

const DEVICE: &str = "blank, one, two, trial, started, slots=2, slots=3, factory, monitored, versions, attempts=N, log=GROUPS-RESERVE, fuses=N or /";
const DAY: &str = "read=WAY:SEED, rot=SLOT, cable=SLOT:IMAGE, erase-otadata, refuses=N, refuses-data, reset-pin, wakes, a call, cut=otadata|erases|any:N:SEED or /";

fn value<T: Copy>(names: &[(&str, T)], word: &str) -> Option<T> {
    names
        .iter()
        .find(|(name, _)| *name == word)
        .map(|(_, value)| *value)
}

fn of_device(word: &str, device: &mut Device) -> Option<()> {
    if let Some(born) = value(&BORN, word) {
        device.born = born;
        return Some(());
    }
    match word.split_once('=') {
        None => match word {
            "factory" => device.factory = true,
            "monitored" => device.monitored = true,
            "versions" => device.anti_rollback = true,
            _ => return None,
        },
        Some(("slots", number)) => {
            device.slots = number.parse().ok().filter(|n| (2..=3).contains(n))?;
        }
        Some(("attempts", number)) => {
            device.attempts = number.parse().ok().filter(|n| (1..=8).contains(n))?;
        }
        Some(("fuses", number)) => {
            device.fuses = number.parse().ok().filter(|n| (1..=32).contains(n))?;
        }
        Some(("log", log)) => {
            let (groups, reserve) = log.split_once('-')?;
            device.log = Log::new(groups.parse().ok()?, reserve.parse().ok()?)?;
        }
        Some(_) => return None,
    }
    Some(())
}

fn of_day(word: &str, day: &mut Day) -> Option<()> {
    match word {
        "reset-pin" => day.reset_pin = true,
        "wakes" => day.wakes = true,
        "refuses-data" => day.refuses = Some(Refuses::Data),
        "erase-otadata" => day.outside = Some(Outside::EraseOtadata),
        word => return of_call(word, day),
    }
    Some(())
}

fn of_call(word: &str, day: &mut Day) -> Option<()> {
    if let Some(call) = value(&PLAIN, word) {
        day.calls.push(call);
        return Some(());
    }
    let (what, rest) = word.split_once('=')?;
    let parts: Vec<_> = rest.split(':').collect();
    let image = |text: &str| text.parse().ok().filter(|image| *image < IMAGES.len());
    match (what, parts.as_slice()) {
        ("read", [way, seed]) => {
            day.reading = Reading {
                way: value(&WAYS, way)?,
                seed: seed.parse().ok()?,
            };
        }
        ("cut", [place, at, seed]) => {
            let place = value(&PLACES, place)?;
            day.cut = Some(Cut {
                place,
                at: at.parse().ok()?,
                seed: seed.parse().ok()?,
            });
        }
        ("download", [to, number, room, part]) => day.calls.push(Call::Download {
            to: aim(to)?,
            image: image(number)?,
            room: value(&ROOMS, room)?,
            part: value(&PARTS, part)?,
        }),
        ("resume", [to, number]) => day.calls.push(Call::Resume {
            to: aim(to)?,
            image: image(number)?,
        }),
        ("refuses", [at]) => day.refuses = Some(Refuses::Otadata(at.parse().ok()?)),
        ("interrupted", [number]) => day.calls.push(Call::Interrupted {
            image: image(number)?,
        }),
        ("rot", [of]) => day.outside = Some(Outside::Rot(slot(of)?)),
        ("cable", [to, number]) => {
            day.outside = Some(Outside::Cable {
                to: slot(to)?,
                image: image(number)?,
            });
        }
        ("two", [first, second]) => day.calls.push(Call::Two {
            first: image(first)?,
            second: image(second)?,
        }),
        ("copy", [to, number]) => day.calls.push(Call::Copy {
            to: aim(to)?,
            image: image(number)?,
        }),
        ("misuse", [misuse]) => day.calls.push(Call::Misuse(value(&MISUSES, misuse)?)),
        ("set", [to]) => day.calls.push(Call::SetBoot(aim(to)?)),
        _ => return None,
    }
    Some(())
}

fn slot(word: &str) -> Option<Slot> {
    match aim(word)? {
        Aim::Slot(slot) => Some(slot),
        Aim::Next => None,
    }
}

/// The fuses that a device has, where nothing else is said.
pub(super) const FUSES: u8 = 16;

fn aim(word: &str) -> Option<Aim> {
    let slots = [Slot::Factory, Slot::Ota(0), Slot::Ota(1), Slot::Ota(2)];
    if word == "next" {
        return Some(Aim::Next);
    }
    let slot = slots.into_iter().find(|slot| slot.to_string() == word);
    slot.map(Aim::Slot)
}
