//! The hardened policy on flash that encrypts: rows of 16 and 32 bytes, erased reads as noise.
//!
//! A life of two updates, the second of which is given up. The power fails in each operation on
//! otadata, torn in any way that L2 allows, and then again somewhere at random; the device must run
//! what was chosen before or what was to be chosen, stay with it, and live on.

use embedded_storage::nor_flash::NorFlash;
use ota_core::boot::{BootConfig, BootInputs};
use ota_core::chip;
use ota_core::efuse::NoSecureVersion;
use ota_core::hardened::{self, Decision, Log, Order, Reason};
use ota_core::image::{Target, UnsignedVerifier};
use ota_core::partition::{DEFAULT_TABLE_OFFSET, Partition, PartitionTable, Slot, TABLE_LEN};
use ota_core::update::{AppConfig, ImageSize, OtaError};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use sim_flash::{
    Cut, Density, Flash, FlashError, Level, Observer, Op, Profile, State, Tear, tears,
};

const TARGET: Target = Target::new(&chip::ESP32C3);
const FLASH_SIZE: u32 = 4 << 20;
const A: Slot = Slot::Ota(0);
const B: Slot = Slot::Ota(1);

/// The operations since power-on.
#[derive(Clone, Default)]
struct Ops(Vec<Op>);

impl Observer for Ops {
    fn before(&mut self, _: &State, op: &Op) {
        self.0.push(op.clone());
    }
}

type Outcome<T> = Result<T, OtaError<FlashError>>;

fn table() -> [u8; TABLE_LEN] {
    let table = corpus::table("v03_two_ota_nofactory_auto").unwrap();
    *table.binary().unwrap().first_chunk().unwrap()
}

fn partition(slot: Slot) -> Partition {
    let raw = table();
    let table = PartitionTable::for_application(&raw, true).unwrap();
    table.slot(slot).unwrap()
}

fn otadata() -> std::ops::Range<u32> {
    let raw = table();
    let table = PartitionTable::for_application(&raw, true).unwrap();
    let region = table.otadata().unwrap().region();
    region.offset..region.offset + 0x2000
}

/// One thing that happens to the device.
#[derive(Clone, Copy, Debug)]
enum Day {
    Boot,
    Download(Slot, Slot, &'static str),
    Choose(Slot, Slot),
    Confirm(Slot),
}

/// A life, with what the device boots when each day is over.
const LIFE: &[(Day, Slot)] = &[
    (Day::Boot, A),
    (Day::Download(A, B, "c3_4k_v2"), A),
    (Day::Choose(A, B), B),
    (Day::Boot, B),
    (Day::Confirm(B), B),
    (Day::Download(B, A, "c3_secver3"), B),
    (Day::Choose(B, A), A),
    (Day::Boot, A),
    (Day::Boot, B),
    (Day::Boot, B),
    (Day::Download(B, A, "c3_4k"), B),
    (Day::Choose(B, A), A),
];

struct Device<G> {
    flash: Flash<Ops, G>,
}

impl<G: Clone> Device<G>
where
    Flash<Ops, G>: NorFlash<Error = FlashError>,
{
    fn new(profile: &Profile<G>) -> Self {
        let state = State::erased(FLASH_SIZE, 4096);
        let mut device = Self::with(profile, state);
        device.flash.write(DEFAULT_TABLE_OFFSET, &table()).unwrap();
        let image = corpus::image("c3_4k").unwrap().bytes;
        device.flash.write(partition(A).offset, image).unwrap();
        device
    }

    fn with(profile: &Profile<G>, state: State) -> Self {
        Self {
            flash: Flash::with_observer(profile.clone(), state, Ops::default()),
        }
    }

    fn boot(&mut self) -> Option<Decision> {
        hardened::boot(
            &mut self.flash,
            &mut UnsignedVerifier::new(TARGET, &mut [0; 4096]).unwrap(),
            &mut NoSecureVersion,
            &BootConfig::new(FLASH_SIZE),
            Log::DEFAULT.encrypted(),
            &BootInputs::default(),
            &mut [0; TABLE_LEN],
        )
        .ok()
        .filter(|_| !self.flash.dead())
    }

    fn live(&mut self, day: Day) -> Outcome<()> {
        let raw = table();
        let table = PartitionTable::for_application(&raw, true).unwrap();
        let (Day::Download(running, ..) | Day::Choose(running, _) | Day::Confirm(running)) = day
        else {
            let booted = self.boot();
            return booted.map(|_| ()).ok_or(OtaError::NoOtadata);
        };
        let mut buffer = [0; 4096];
        let verifier = UnsignedVerifier::new(TARGET, &mut buffer).unwrap();
        let config = AppConfig {
            rollback: true,
            flash_encryption: true,
            ..AppConfig::new(TARGET, FLASH_SIZE)
        };
        let mut ota: hardened::Ota<'_, _, _, _> = hardened::Ota::new(
            &mut self.flash,
            verifier,
            NoSecureVersion,
            table,
            partition(running),
            config,
            Log::DEFAULT.encrypted(),
        );
        match day {
            Day::Boot => Ok(()),
            Day::Choose(_, to) => ota.set_boot_partition(&partition(to)),
            Day::Confirm(_) => ota.mark_app_valid_cancel_rollback(),
            Day::Download(_, to, image) => {
                let handle = ota.begin(&partition(to), ImageSize::Known(4096))?;
                ota.write(handle, corpus::image(image).unwrap().bytes)?;
                ota.end(handle)
            }
        }
    }
}

/// Switches a device on that was cut, possibly cuts it once more, and looks what it does.
fn judge<G: Clone>(
    profile: &Profile<G>,
    state: State,
    [before, after]: [Slot; 2],
    second: Option<Cut>,
    day: Day,
    context: &str,
) where
    Flash<Ops, G>: NorFlash<Error = FlashError>,
{
    let mut device = Device::with(profile, state);
    if let Some(cut) = second {
        device.flash.arm(cut);
        device.boot();
        device = Device::with(profile, device.flash.snapshot());
    }
    let decision = device
        .boot()
        .unwrap_or_else(|| panic!("{context}: nothing boots"));
    assert_eq!(decision.order, Order::Kept, "{context}");
    let runs = decision.slot;
    // A trial that was started once is over: this boot may be the second.
    let over = matches!(decision.reason, Reason::RolledBack { .. })
        || second.is_some() && matches!(day, Day::Boot | Day::Confirm(_));
    assert!(
        runs == before || runs == after || over,
        "{context}: {decision}"
    );
    // It lives on: an update of the slot that does not run, unless what runs is on trial.
    let other = if runs == A { B } else { A };
    if let Err(error) = device.live(Day::Confirm(runs)) {
        panic!("{context}: {error}");
    }
    for (day, boots) in [
        (Day::Boot, runs),
        (Day::Download(runs, other, "c3_minrev"), runs),
        (Day::Choose(runs, other), other),
    ] {
        if let Err(error) = device.live(day) {
            panic!("{context}: {day:?}: {error}");
        }
        let mut next = Device::with(profile, device.flash.snapshot());
        assert_eq!(next.boot().unwrap().slot, boots, "{context}: {day:?}");
    }
}

fn life<G: Clone>(profile: &Profile<G>)
where
    Flash<Ops, G>: NorFlash<Error = FlashError>,
{
    let mut device = Device::new(profile);
    let mut draw = ChaCha8Rng::seed_from_u64(5);
    let mut before = A;
    let mut cuts = 0;
    for (number, (day, after)) in LIFE.iter().enumerate() {
        let start = device.flash.snapshot();
        let mut healthy = Device::with(profile, start.clone());
        healthy
            .live(*day)
            .unwrap_or_else(|error| panic!("{number} {day:?}: {error}"));
        let ops = healthy.flash.observer().0.clone();
        for (index, op) in (0..).zip(&ops) {
            if !otadata().contains(&op.addr()) {
                continue;
            }
            let all = tears(op, Density::Coarse, Level::L2);
            // The simplest, and some drawn from the others.
            let drawn = (0..8).map(|_| all[pick(&mut draw, all.len())]);
            let picked: Vec<Tear> = all.iter().copied().take(2).chain(drawn).collect();
            for tear in picked {
                let mut cut = Device::with(profile, start.clone());
                cut.flash.arm(Cut { op: index, tear });
                assert!(cut.live(*day).is_err() && cut.flash.fired());
                let second = (pick(&mut draw, 3) == 0).then(|| {
                    let at = u64::try_from(pick(&mut draw, 12)).unwrap();
                    Cut {
                        op: at,
                        tear: Tear::P0,
                    }
                });
                let context = format!("day {number} {day:?}, operation {index} {tear} {second:?}");
                let left = cut.flash.snapshot();
                judge(profile, left, [before, *after], second, *day, &context);
                cuts += 1;
            }
        }
        device = Device::with(profile, healthy.flash.snapshot());
        before = *after;
    }
    assert!(cuts > 800, "{cuts}");
}

fn pick(draw: &mut ChaCha8Rng, count: usize) -> usize {
    usize::try_from(draw.next_u32()).unwrap() % count
}

#[test]
fn a_life_on_rows_of_16_bytes_has_no_window() {
    life(&Profile::esp32c3_encrypted());
}

#[test]
fn a_life_on_rows_of_32_bytes_has_no_window() {
    life(&Profile::esp32_encrypted());
}
