//! What counts as lost, and as allowed.

use std::cell::Cell;

use embedded_storage::nor_flash::{NorFlash, ReadNorFlash};
use fault_tests::chip::ChipError;
use fault_tests::power_cuts::{Checked, Story};
use fault_tests::property::Property;
use fault_tests::{DeviceFlash, PowerCuts, Profile, infallible};
use sim_flash::{Level, Sectors256};

type Flash = DeviceFlash<Sectors256>;

fn counted(flash: &mut Flash) -> Result<u32, ChipError> {
    let mut bytes = [0; 8];
    flash.read(0, &mut bytes)?;
    Ok(bytes.iter().take_while(|byte| **byte == 0).count() as u32)
}

/// Counts in single bytes, and does one thing wrong.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Counter {
    Sound,
    /// Cannot be opened when it finds a count of 1 after a power cut.
    RefusesToOpen,
    Panics,
    Hangs,
    /// Refuses the second operation, once a cut has come.
    Refuses,
    Pretends,
    /// Takes no more than two, cut or not.
    IsFull,
}

#[derive(Debug)]
#[expect(dead_code, reason = "shown by Debug")]
enum Error {
    Flash(ChipError),
    One,
    Full,
}

impl From<ChipError> for Error {
    fn from(error: ChipError) -> Self {
        Self::Flash(error)
    }
}

fn verdict(counter: Counter) -> Result<Checked, Box<Story>> {
    PowerCuts::on(Profile::sectors_of_256())
        .store(move |mut flash: Flash| {
            let count = counted(&mut flash)?;
            match counter {
                Counter::RefusesToOpen if count == 1 => return Err(Error::One),
                Counter::Panics => assert_ne!(count, 1, "it is 1"),
                Counter::Hangs if count == 1 => loop {
                    let _ = flash.read(0, &mut [0]);
                },
                _ => {}
            }
            Ok((flash, Cell::new(count)))
        })
        .operations([(), (), ()])
        .apply(move |(flash, opened), ()| {
            let count = counted(flash)?;
            match counter {
                Counter::Refuses if count == 1 && opened.get() == 1 => return Err(Error::One),
                Counter::Pretends if count == 1 => return Ok(()),
                Counter::IsFull if count == 2 => return Err(Error::Full),
                _ => {}
            }
            Ok(flash.write(count, &[0])?)
        })
        .read(|(flash, _)| counted(flash))
        .model(0, |count, ()| *count += 1)
        .without_usual_starts()
        .prepared("fresh", |_| {})
        .level(Level::L1)
        .named("counter")
        .not_kept()
        .verdict()
}

#[test]
fn each_shortcoming_violates_its_own_property() {
    for (counter, property) in [
        (Counter::RefusesToOpen, Property::NoBrick),
        (Counter::Panics, Property::Totality),
        (Counter::Hangs, Property::Totality),
        (Counter::Refuses, Property::Completion),
        (Counter::Pretends, Property::ErrorHonesty),
    ] {
        let story = verdict(counter).expect_err("it falls short");
        assert_eq!(story.property(), property, "{counter:?}: {story}");
        assert!(story.to_string().lines().count() <= 40);
    }
}

#[test]
fn a_sound_counter_and_one_that_is_full_lose_nothing() {
    for counter in [Counter::Sound, Counter::IsFull] {
        let checked = verdict(counter).unwrap_or_else(|story| panic!("{counter:?}: {story}"));
        assert!(checked.is_complete(), "{checked}");
    }
}

#[test]
fn a_panic_is_told_with_file_and_line() {
    let story = verdict(Counter::Panics).unwrap_err().to_string();
    let place = format!("{}:", file!());
    let place = place.rsplit('/').next().unwrap();
    assert!(story.contains(place), "{story}");
    assert!(story.contains("it is 1"), "{story}");
}

/// An operation that is refused on a blank flash, where nothing was cut: the test would try nothing.
#[test]
fn what_is_refused_on_a_blank_flash_is_a_finding() {
    let story = PowerCuts::on(Profile::sectors_of_256())
        .store(infallible::<Flash>)
        .operations([()])
        .apply(|_, ()| Err::<(), _>("no"))
        .read(|_| infallible(()))
        .model((), |(), ()| ())
        .not_kept()
        .verdict()
        .unwrap_err();
    assert_eq!(story.property(), Property::Completion);
    assert!(
        story
            .to_string()
            .contains("without any power cut it refuses an operation"),
        "{story}"
    );
}

#[test]
fn a_model_that_says_otherwise_is_told_before_anything_is_cut() {
    let story = PowerCuts::on(Profile::sectors_of_256())
        .store(infallible::<Flash>)
        .operations([()])
        .apply(|flash, ()| flash.write(0, &[0]))
        .read(counted)
        .model(7, |count, ()| *count += 1)
        .not_kept()
        .verdict()
        .unwrap_err();
    assert!(
        story
            .to_string()
            .contains("without any power cut it shows what its model does not say"),
        "{story}"
    );
}

/// The second write is not where the model says if the first one was 2.
#[test]
fn all_sequences_are_tried_and_the_shortest_is_told() {
    let verdict = |length| {
        PowerCuts::on(Profile::sectors_of_256())
            .store(infallible::<Flash>)
            .operations([1u8, 2])
            .apply(|flash, value| {
                let count = counted(flash)?;
                let mut before = [0];
                if count > 0 {
                    flash.read(31 + count, &mut before)?;
                }
                flash.write(32 + count, &[*value])?;
                if before[0] == 2 && *value == 1 {
                    return Ok(());
                }
                flash.write(count, &[0])
            })
            .read(counted)
            .model(0, |count, _| *count += 1)
            .without_usual_starts()
            .prepared("fresh", |_| {})
            .level(Level::L0)
            .all_sequences(length)
            .not_kept()
            .verdict()
    };
    let story = verdict(3).unwrap_err();
    assert!(story.id().contains(".fresh_1_0@"), "{}", story.id());
    assert!(verdict(1).is_ok());
}

#[test]
fn what_it_did_not_try_it_says() {
    let checked = PowerCuts::on(Profile::w25q64jv().with_size(4096))
        .store(infallible::<DeviceFlash>)
        .operations([1, 2, 3])
        .apply(|flash, at| flash.write(*at, &[0]))
        .read(|flash| {
            let mut bytes = [0; 4];
            flash
                .read(0, &mut bytes)
                .map(|()| bytes.map(|byte| byte == 0))
        })
        .model([false; 4], |written, at| written[*at as usize] = true)
        .without_usual_starts()
        .prepared("blank", |_| {})
        .boots(20)
        .named("little")
        .not_kept()
        .verdict()
        .unwrap();
    assert!(!checked.is_complete());
    let text = checked.to_string();
    assert!(text.starts_with("little: INCONCLUSIVE"), "{text}");
    assert!(
        text.contains("ran out of boots (.boots(n) gives more)"),
        "{text}"
    );
}

/// Erases before it writes, from the second value of at least 10 on.
#[test]
fn a_drawn_sequence_is_made_simple_and_found_again_by_its_id() {
    use proptest::collection::vec;
    let story = PowerCuts::on(Profile::sectors_of_256())
        .store(infallible::<Flash>)
        .operations_from(vec(0u8..100, 1..8))
        .apply(|flash, value| {
            let count = counted(flash)?;
            if *value >= 10 && count > 0 {
                flash.erase(0, 256)?;
                flash.write(0, &vec![0; count as usize])?;
            }
            flash.write(count, &[0])
        })
        .read(counted)
        .model(0, |count, _| *count += 1)
        .without_usual_starts()
        .prepared("fresh", |_| {})
        .level(Level::L0)
        .not_kept()
        .verdict()
        .unwrap_err();
    assert!(story.id().contains(".fresh"), "{}", story.id());
    assert!(story.id().contains("_x"), "{}", story.id());
    assert!(
        story
            .to_string()
            .contains("made as simple as it shows: [0, 10]"),
        "{story}"
    );
}
