//! Bounded calls: what the longest single call of an update takes, in device time, on a simulated
//! W25Q64JV at its typical pace. A watchdog must live that long.

use std::fmt::Write as _;

use ota_core::boot::{BootConfig, BootInputs};
use ota_core::efuse::NoSecureVersion;
use ota_core::flash::{Done, Watched};
use ota_core::hardened::{self, Log};
use ota_core::image::{Target, UnsignedVerifier};
use ota_core::partition::{DEFAULT_TABLE_OFFSET, Partition, PartitionTable, Slot, TABLE_LEN};
use ota_core::update::{self, AppConfig, Erasing, ImageSize};
use ota_core::{boot, chip};
use sim_flash::{Flash, Profile, State};

const TARGET: Target = Target::new(&chip::ESP32C3);
/// Bytes handed to each `write`.
const CHUNK: usize = 4096;

/// A device that runs from its first slot.
fn device(image: &[u8]) -> (Flash, [u8; TABLE_LEN]) {
    let profile = Profile::w25q64jv();
    let table = corpus::table("v03_two_ota_nofactory_auto").unwrap();
    let bytes = *table.binary().unwrap().first_chunk().unwrap();
    let mut state = State::erased(8 << 20, 4096);
    state.load(DEFAULT_TABLE_OFFSET, &bytes);
    state.load(slots(&bytes).0.offset, image);
    (Flash::with_state(profile, state), bytes)
}

fn view(table: &[u8; TABLE_LEN]) -> PartitionTable<'_> {
    PartitionTable::for_application(table, true).unwrap()
}

fn slots(table: &[u8; TABLE_LEN]) -> (Partition, Partition) {
    let slot = |n| view(table).slot(Slot::Ota(n)).unwrap();
    (slot(0), slot(1))
}

/// The longest call of each kind, in microseconds of device time.
#[derive(Default)]
struct Longest(Vec<(&'static str, u64)>);

impl Longest {
    fn note(&mut self, call: &'static str, nanoseconds: u64) {
        let micros = nanoseconds / 1000;
        match self.0.iter_mut().find(|(name, _)| *name == call) {
            Some((_, most)) => *most = (*most).max(micros),
            None => self.0.push((call, micros)),
        }
    }

    fn of(&self, call: &str) -> u64 {
        let mut calls = self.0.iter();
        calls
            .find(|(name, _)| *name == call)
            .map_or(0, |(_, most)| *most)
    }
}

/// One update in steps of at most `most` bytes, confirmed; each call timed.
macro_rules! life {
    ($core:ident, $most:expr, $new:expr, $boot:expr) => {{
        let (old, new) = (image("c3_4k"), image("c3_512k"));
        let (mut flash, table) = device(old);
        let (running, to) = slots(&table);
        let mut longest = Longest::default();
        let reset = |flash: &mut Flash, longest: &mut Longest| {
            let before = flash.stats().device_time;
            $boot(flash);
            longest.note("boot", flash.stats().device_time - before);
        };
        reset(&mut flash, &mut longest);
        let mut buffer = [0; CHUNK];
        for running in [running, to] {
            let verifier = UnsignedVerifier::new(TARGET, &mut buffer).unwrap();
            let config = AppConfig {
                rollback: true,
                ..AppConfig::new(TARGET, 8 << 20)
            };
            let mut ota: $core::Ota<'_, _, _, _> =
                $new(&mut flash, verifier, view(&table), running, config);
            macro_rules! timed {
                ($name:literal, $call:expr) => {{
                    let before = ota.flash().stats().device_time;
                    let result = $call;
                    let time = ota.flash().stats().device_time - before;
                    longest.note($name, time);
                    result.unwrap()
                }};
            }
            if running == to {
                timed!(
                    "mark_app_valid_cancel_rollback",
                    ota.mark_app_valid_cancel_rollback()
                );
                break;
            }
            let size = ImageSize::Known(u32::try_from(new.len()).unwrap());
            let handle = timed!("begin_in_steps", ota.begin_in_steps(&to, size));
            while let Erasing::Erased { .. } = timed!("erase_step", ota.erase_step(handle, $most)) {
            }
            for chunk in new.chunks(CHUNK) {
                timed!("write", ota.write(handle, chunk));
            }
            timed!("end", ota.end(handle));
            timed!("set_boot_partition", ota.set_boot_partition(&to));
            reset(&mut flash, &mut longest);
        }
        longest
    }};
}

fn image(name: &str) -> &'static [u8] {
    corpus::image(name).unwrap().bytes
}

fn hardened_life(most: u32) -> Longest {
    life!(
        hardened,
        most,
        |flash, verifier, table, running, config| hardened::Ota::new(
            flash,
            verifier,
            NoSecureVersion,
            table,
            running,
            config,
            Log::DEFAULT
        ),
        |flash: &mut Flash| {
            let mut buffer = [0; CHUNK];
            let mut verifier = UnsignedVerifier::new(TARGET, &mut buffer).unwrap();
            hardened::boot(
                flash,
                &mut verifier,
                &mut NoSecureVersion,
                &BootConfig::new(8 << 20),
                Log::DEFAULT,
                &BootInputs::default(),
                &mut [0; TABLE_LEN],
            )
            .unwrap()
        }
    )
}

fn stock_life(most: u32) -> Longest {
    life!(
        update,
        most,
        |flash, verifier, table, running, config| update::Ota::new(
            flash,
            verifier,
            NoSecureVersion,
            table,
            running,
            config
        ),
        |flash: &mut Flash| {
            let mut buffer = [0; CHUNK];
            let mut verifier = UnsignedVerifier::new(TARGET, &mut buffer).unwrap();
            let config = BootConfig {
                rollback: true,
                ..BootConfig::new(8 << 20)
            };
            boot::boot(
                flash,
                &mut verifier,
                &mut NoSecureVersion,
                &config,
                &BootInputs::default(),
                &mut [0; TABLE_LEN],
            )
            .unwrap()
        }
    )
}

/// The table of the README: 476,368 bytes, in chunks of a sector.
#[test]
fn the_longest_call_of_each_kind() {
    let lives = [
        ("stock, sectors", stock_life(0)),
        ("stock, blocks", stock_life(0x1_0000)),
        ("hardened, sectors", hardened_life(0)),
        ("hardened, blocks", hardened_life(0x1_0000)),
    ];
    let mut table = String::from("longest call, milliseconds of device time");
    for (name, _) in &lives {
        let _ = write!(table, "  {name:>17}");
    }
    for (call, _) in &lives[0].1.0 {
        let _ = write!(table, "\n{call:<41}");
        for (_, longest) in &lives {
            let micros = longest.of(call);
            let _ = write!(table, "  {:>13}.{:03}", micros / 1000, micros % 1000);
        }
    }
    insta::assert_snapshot!("longest_calls", table);

    // Nothing that is cut into steps takes longer than its erase, and some microseconds to look.
    for (name, longest) in &lives {
        let bound = if name.contains("sectors") {
            46_000
        } else {
            151_000
        };
        assert!(longest.of("erase_step") <= bound, "{name}");
        // Two sectors of otadata, and their programs.
        for call in ["begin_in_steps", "mark_app_valid_cancel_rollback"] {
            assert!(longest.of(call) <= 2 * 46_000 + 5_000, "{name} {call}");
        }
    }
}

/// Calls that are not cut into steps report, over a watched flash: between two reports there is one
/// operation.
#[test]
fn over_a_watched_flash_no_time_between_reports_is_longer_than_one_block_erase() {
    let (mut flash, table) = device(image("c3_4k"));
    let (running, to) = slots(&table);
    let mut reports = (0, 0);
    let watched = Watched::new(&mut flash, 0x1_0000, |done| match done {
        Done::Erased { len, .. } => {
            assert!(len <= 0x1_0000);
            reports.0 += 1;
        }
        Done::Read { len, .. } | Done::Programmed { len, .. } => {
            assert!(len as usize <= CHUNK);
            reports.1 += 1;
        }
    });
    let mut buffer = [0; CHUNK];
    let verifier = UnsignedVerifier::new(TARGET, &mut buffer).unwrap();
    let config = AppConfig::new(TARGET, 8 << 20);
    let mut ota: update::Ota<'_, _, _, _> = update::Ota::new(
        watched,
        verifier,
        NoSecureVersion,
        view(&table),
        running,
        config,
    );
    let handle = ota.begin(&to, ImageSize::Unknown).unwrap();
    for chunk in image("c3_64k").chunks(CHUNK) {
        ota.write(handle, chunk).unwrap();
    }
    ota.end(handle).unwrap();
    let blocks = u64::from(to.size.div_ceil(0x1_0000));
    assert_eq!(reports.0, blocks);
    // 15 writes, and as many reads of the image and some of its headers.
    assert!((30..60).contains(&reports.1), "{}", reports.1);
}
