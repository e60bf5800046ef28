//! Whatever the code under test is written for: async, partitions, other units, statics.

use std::sync::atomic::{AtomicU8, Ordering};

use embedded_storage::nor_flash::{MultiwriteNorFlash, NorFlash, ReadNorFlash};
use fault_tests::power_cuts::Story;
use fault_tests::property::Property;
use fault_tests::{DeviceFlash, PowerCuts, Profile, block_on, infallible};
use sim_flash::{Sectors256, SpiNor};

/// Counts in bytes that are zeroed one after the other: right, whatever is cut.
struct Tally<F>(F, u32);

impl<F: MultiwriteNorFlash> Tally<F> {
    fn open(mut flash: F) -> Result<Self, F::Error> {
        let mut bytes = [0; 32];
        flash.read(0, &mut bytes)?;
        let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
        Ok(Self(flash, zeros as u32))
    }

    fn count(&mut self) -> Result<(), F::Error> {
        self.0.write(self.1, &[0])?;
        self.1 += 1;
        Ok(())
    }
}

#[test]
fn a_multiwrite_store_owns_its_flash_and_lives_through_a_power_on() {
    let checked = PowerCuts::on(Profile::sectors_of_256())
        .store(Tally::open)
        .operations([(), (), ()])
        .apply(|tally, ()| tally.count())
        .read(|tally| infallible(tally.1))
        .model(0, |count, ()| *count += 1)
        .without_usual_starts()
        .aged(3)
        .not_kept()
        .verdict();
    assert!(checked.unwrap().is_complete());
}

mod asynchronous {
    use embedded_storage_async::nor_flash::{NorFlash, ReadNorFlash};

    /// The same erase before its write, async.
    pub(super) struct Setting<F>(pub(super) F);

    impl<F: NorFlash> Setting<F> {
        pub(super) async fn set(&mut self, value: u8) -> Result<(), F::Error> {
            self.0.erase(0, F::ERASE_SIZE as u32).await?;
            self.0.write(0, &[value]).await
        }
    }

    impl<F: ReadNorFlash> Setting<F> {
        pub(super) async fn get(&mut self) -> Result<u8, F::Error> {
            let mut byte = [0];
            self.0.read(0, &mut byte).await.map(|()| byte[0])
        }
    }
}

#[test]
fn async_code_is_under_test_like_any_other() {
    let story = PowerCuts::on(Profile::sectors_of_256())
        .store(|flash| infallible(asynchronous::Setting(flash)))
        .operations([1, 2])
        .apply(|setting, value| block_on(setting.set(*value)))
        .read(|setting| block_on(setting.get()))
        .model(0xFF, |setting, value| *setting = *value)
        .not_kept()
        .verdict()
        .unwrap_err();
    assert_eq!(story.property(), Property::Durability);
}

#[test]
fn a_future_that_waits_for_ever_is_a_finding() {
    let story = PowerCuts::on(Profile::sectors_of_256())
        .store(infallible::<DeviceFlash<Sectors256>>)
        .operations([()])
        .apply(|_, ()| block_on(std::future::pending::<Result<(), ()>>()))
        .read(|_| infallible(()))
        .model((), |(), ()| ())
        .not_kept()
        .verdict()
        .unwrap_err();
    let text = story.to_string();
    assert!(text.contains("the future waits for"), "{text}");
    assert!(text.contains("adapters.rs:"), "where it waits: {text}");
}

/// Two flashes: an index in one, values in the other.
struct Two {
    index: DeviceFlash<Sectors256>,
    values: DeviceFlash<Sectors256>,
}

impl Two {
    fn open(flash: DeviceFlash<Sectors256>) -> Self {
        Self {
            index: flash.partition(0, 256),
            values: flash.partition(256, 512),
        }
    }

    fn home(&mut self) -> Option<u32> {
        let mut index = [0; 2];
        self.index.read(0, &mut index).ok()?;
        match index {
            [0xFF, 0xFF] => None,
            [0x00, 0xFF] => Some(0),
            _ => Some(256),
        }
    }

    fn get(&mut self) -> Option<u8> {
        let home = self.home()?;
        let mut byte = [0];
        self.values.read(home, &mut byte).ok()?;
        Some(byte[0])
    }
}

#[test]
fn several_flashes_of_one_subject_are_partitions() {
    let checked = PowerCuts::on(Profile::sectors_of_256())
        .store(|flash| infallible(Two::open(flash)))
        .operations([5, 6])
        .apply(|two, value| {
            let (home, mark) = match two.home() {
                None => (0, 0),
                Some(_) => (256, 1),
            };
            two.values.erase(home, home + 256)?;
            two.values.write(home, &[*value])?;
            two.index.write(mark, &[0])
        })
        .read(|two| infallible(two.get()))
        .model(None, |shown, value| *shown = Some(*value))
        .without_usual_starts()
        .aged(0)
        .prepared("blank", |_| {})
        .level(sim_flash::Level::L0)
        .not_kept()
        .verdict();
    assert!(checked.unwrap().is_complete());
}

#[test]
#[should_panic(
    expected = "partition 0x80+0x100: found an offset or a size that is not of whole sectors"
)]
fn a_partition_is_of_whole_sectors() {
    told(|flash| {
        let _ = flash.partition(0x80, 0x100);
    });
}

#[test]
#[should_panic(
    expected = "partition 0x100+0x400: found an end beyond the flash, expected at most 0x400"
)]
fn a_partition_is_inside() {
    told(|flash| {
        let _ = flash.partition(0x100, 0x400);
    });
}

#[test]
#[should_panic(expected = "units of 1, 4 and 384 bytes: expected multiples of 1, 1 and 256")]
fn units_fit_the_chip() {
    told(|flash| {
        let _ = flash.in_units::<1, 4, 384>();
    });
}

/// Does something with a flash; what it panics with is the story's.
fn told(with: fn(DeviceFlash<Sectors256>)) {
    let _ = PowerCuts::on(Profile::sectors_of_256())
        .store(infallible::<DeviceFlash<Sectors256>>)
        .operations([()])
        .apply(|_, ()| infallible(()))
        .read(|_| infallible(()))
        .model((), |(), ()| ())
        .prepared("it", with)
        .not_kept()
        .check();
}

/// Reads one byte of a flash that is read in words.
#[test]
fn what_the_driver_refuses_stands_in_the_timeline() {
    let story = PowerCuts::on(Profile::w25q64jv().with_size(4096))
        .store(|flash: DeviceFlash<SpiNor>| infallible(flash.in_units::<4, 4, 4096>()))
        .operations([()])
        .apply(|flash, ()| flash.write(2, &[0; 4]))
        .read(|flash| {
            let mut word = [0; 4];
            flash.read(0, &mut word).map(|()| word[0])
        })
        .model(0xFF, |_, ()| ())
        .without_usual_starts()
        .prepared("blank", |_| {})
        .named("unaligned")
        .not_kept()
        .verdict();
    // It is refused with the power on, and nothing is lost by it; the chip's rule is broken all the same.
    let story = story.unwrap_err();
    assert_eq!(story.property(), Property::Containment);
    let text = story.to_string();
    assert!(
        text.contains("the flash refused program 0x2+0x4 is not aligned to 0x4 bytes"),
        "{text}"
    );
}

#[test]
fn reads_are_of_whole_units() {
    let story = PowerCuts::on(Profile::w25q64jv().with_size(4096))
        .store(|flash: DeviceFlash<SpiNor>| infallible(flash.in_units::<4, 4, 4096>()))
        .operations([()])
        .apply(|flash, ()| flash.write(0, &[0; 4]))
        .read(|flash| flash.read(0, &mut [0]))
        .model((), |(), ()| ())
        .not_kept()
        .verdict()
        .unwrap_err();
    assert_eq!(story.property(), Property::NoBrick);
    let text = story.to_string();
    assert!(
        text.contains("the flash refused read 0x0+0x1 is not aligned to 0x4 bytes"),
        "{text}"
    );
}

/// A cache that outlives the power, as a static does in a test and not on the device.
fn with_a_static(reset: bool) -> Option<Story> {
    static NEXT: AtomicU8 = AtomicU8::new(0);
    let test = PowerCuts::on(Profile::sectors_of_256())
        .store(infallible::<DeviceFlash<Sectors256>>)
        .operations([(), ()])
        .apply(|flash, ()| {
            let next = NEXT.load(Ordering::Relaxed);
            flash.write(u32::from(next), &[0])?;
            NEXT.store(next + 1, Ordering::Relaxed);
            Ok::<_, fault_tests::chip::ChipError>(())
        })
        .read(|flash| {
            let mut bytes = [0; 8];
            flash.read(0, &mut bytes)?;
            let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
            NEXT.store(zeros as u8, Ordering::Relaxed);
            Ok::<_, fault_tests::chip::ChipError>(zeros)
        })
        .model(0, |count, ()| *count += 1)
        .without_usual_starts()
        .prepared("blank", |_| {})
        .not_kept();
    let test = if reset {
        test.reset(|| NEXT.store(0, Ordering::Relaxed))
    } else {
        test
    };
    test.verdict().err().map(|story| *story)
}

#[test]
fn statics_are_reset_with_the_power() {
    assert!(with_a_static(true).is_none());
}
