//! A store of thirty lines with its erase before its write, and its mend.

use std::path::PathBuf;
use std::time::Instant;

use embedded_storage::nor_flash::NorFlash;
use fault_tests::power_cuts::{Checked, Story};
use fault_tests::property::Property;
use fault_tests::{PowerCuts, Profile, infallible};

use super::folder;

/// Two settings in one sector.
struct Settings<F> {
    flash: F,
    values: [u8; 2],
}

impl<F: NorFlash> Settings<F> {
    fn open(mut flash: F) -> Result<Self, F::Error> {
        let mut record = [0; 4];
        flash.read(0, &mut record)?;
        let [magic, a, b, sum] = record;
        let valid = magic == 0x5A && sum == a ^ b ^ magic;
        let values = if valid { [a, b] } else { [0, 0] };
        Ok(Self { flash, values })
    }

    fn set(&mut self, which: usize, value: u8) -> Result<(), F::Error> {
        self.values[which] = value;
        let [a, b] = self.values;
        self.flash.erase(0, 4096)?;
        self.flash.write(0, &[0x5A, a, b, a ^ b ^ 0x5A])
    }
}

/// The same in two sectors, in turn.
struct Mended<F> {
    flash: F,
    values: [u8; 2],
    version: u8,
    sector: u32,
}

impl<F: NorFlash> Mended<F> {
    fn open(mut flash: F) -> Result<Self, F::Error> {
        let mut newest = ([0, 0], 0, 4096);
        for sector in [0, 4096] {
            let mut record = [0; 6];
            flash.read(sector, &mut record)?;
            let [magic, a, b, version, sum, not] = record;
            let valid = magic == 0x5A && sum == a ^ b ^ version && not == !sum;
            if valid && version > newest.1 {
                newest = ([a, b], version, sector);
            }
        }
        let (values, version, sector) = newest;
        Ok(Self {
            flash,
            values,
            version,
            sector,
        })
    }

    fn set(&mut self, which: usize, value: u8) -> Result<(), F::Error> {
        self.values[which] = value;
        self.version = self.version.wrapping_add(1);
        self.sector = 4096 - self.sector;
        let [a, b] = self.values;
        let sum = a ^ b ^ self.version;
        self.flash.erase(self.sector, self.sector + 4096)?;
        let record = [0x5A, a, b, self.version, sum, !sum];
        self.flash.write(self.sector, &record)
    }
}

fn settings(of: &str) -> Result<Checked, Box<Story>> {
    PowerCuts::on(Profile::w25q64jv().with_size(2 * 4096))
        .store(Settings::open)
        .operations([(0, 7), (1, 9)])
        .apply(|settings, &(which, value)| settings.set(which, value))
        .read(|settings| infallible(settings.values))
        .model([0, 0], |all, &(which, value)| all[which] = value)
        .named("settings_survive_power_cuts")
        .kept_in(folder(of))
        .verdict()
}

fn mended(of: &str) -> Result<Checked, Box<Story>> {
    PowerCuts::on(Profile::w25q64jv().with_size(2 * 4096))
        .store(Mended::open)
        .operations([(0, 7), (1, 9)])
        .apply(|settings, &(which, value)| settings.set(which, value))
        .read(|settings| infallible(settings.values))
        .model([0, 0], |all, &(which, value)| all[which] = value)
        .named("settings_survive_power_cuts")
        .kept_in(
            PathBuf::from(env!("CARGO_TARGET_TMPDIR"))
                .join("power_cuts")
                .join(of),
        )
        .verdict()
}

/// Without what differs from one machine to the next.
fn portable(text: &str) -> String {
    let shown = folder("").display().to_string();
    text.replace(&shown, "")
        .replace(env!("CARGO_MANIFEST_DIR"), "")
}

#[test]
fn an_erase_before_its_write_is_told_in_forty_lines_and_two_seconds() {
    let begun = Instant::now();
    let story = settings("first_contact").expect_err("one copy is lost in the erase");
    assert!(begun.elapsed().as_secs() < 2, "{:?}", begun.elapsed());
    assert_eq!(story.property(), Property::Durability);
    let text = portable(&story.to_string());
    assert!(text.lines().count() <= 40, "{text}");
    insta::assert_snapshot!(text);
}

#[test]
fn the_mended_store_holds_and_the_kept_case_is_replayed() {
    settings("mended").expect_err("one copy is lost in the erase");
    let checked = mended("mended").expect("two copies survive");
    assert!(checked.is_complete());
    assert!(checked.crash_states() > 100_000);
    let text = checked.to_string();
    assert!(
        text.contains("the kept case holds now: bo1:settings"),
        "{text}"
    );
}
