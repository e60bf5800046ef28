//! Mixed company: a stock bootloader in place of ours, on whatever a hardened device finds when it is
//! switched on, and on what it leaves at rest.

use std::cell::Cell;

use embedded_storage::nor_flash::{ErrorType, NorFlash, ReadNorFlash};
use ota_core::boot::{self as stock, BootConfig, BootInputs, boot};
use ota_core::flash::{Region, SECTOR};
use ota_core::hardened::{Decision, Order, Origin, Reason, Source};
use ota_core::image::{ImageMetadata, Refusal, UnsignedVerifier, VerifyError, VerifyImage};
use ota_core::otadata::{self, ENTRY_LEN, Entry, OtaState};
use ota_core::partition::{Slot, TABLE_LEN};
use xxhash_rust::xxh3::xxh3_128;

use super::application::CHUNK;
use super::device::{Device, Verifier};
use super::efuse::Efuse;
use super::entry::learned;
use super::firmware::secure_version;
use super::hardened;
use super::marks;
use super::world::World;
use crate::chip::{Chip, ChipError};
use crate::explore::Record;
use crate::property::Property;
use crate::subject::{Dead, Journal};

/// The flash as somebody sees it whose operations are not carried out: what a bootloader writes before its
/// jump does not change what it jumps to.
#[derive(Debug)]
struct Aside<'c, 'm>(&'c mut Chip<'m>);

impl ErrorType for Aside<'_, '_> {
    type Error = ChipError;
}

impl ReadNorFlash for Aside<'_, '_> {
    const READ_SIZE: usize = Chip::READ_SIZE;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), ChipError> {
        self.0.read(offset, bytes)
    }

    fn capacity(&self) -> usize {
        self.0.capacity()
    }
}

impl NorFlash for Aside<'_, '_> {
    const WRITE_SIZE: usize = Chip::WRITE_SIZE;
    const ERASE_SIZE: usize = Chip::ERASE_SIZE;

    fn erase(&mut self, _: u32, _: u32) -> Result<(), ChipError> {
        Ok(())
    }

    fn write(&mut self, _: u32, _: &[u8]) -> Result<(), ChipError> {
        Ok(())
    }
}

/// Notes which images were to be verified; each is refused unseen, unless there is a verifier.
#[derive(Default)]
struct Tried<'v> {
    at: Vec<Region>,
    verifier: Option<Verifier<'v>>,
}

impl<'m> VerifyImage<Aside<'_, 'm>> for Tried<'_> {
    fn verify(
        &mut self,
        flash: &mut Aside<'_, 'm>,
        at: Region,
    ) -> Result<ImageMetadata, VerifyError<ChipError>> {
        self.at.push(at);
        match &mut self.verifier {
            Some(verifier) => {
                <Verifier<'_> as VerifyImage<Chip<'m>>>::verify(verifier, flash.0, at)
            }
            None => Err(VerifyError {
                at: at.offset,
                refusal: Refusal::Magic { found: 0xFF },
            }),
        }
    }
}

/// A stock bootloader, started on the flash as it is: it must boot an image that was published.
///
/// It is built like ours, rollback included. On flash in words there is none: ESP-IDF knows serial flash
/// only.
///
/// It tries every slot, and boots the first one whose image verifies and is new enough. Each that verifies was
/// published, so one is enough. Our bootloader has looked for one as well, so that is asked for first: what is in a
/// slot that nobody but the stock bootloader would look at, as a cut erase left an entry for it, makes no difference
/// then.
pub(super) enum StockBoot {
    /// It tries these.
    Tries {
        at: Vec<Region>,
        /// It refuses what is older.
        minimum: u32,
    },
    /// It tries none.
    Fails(String),
}

impl StockBoot {
    /// `None` where there is no such bootloader.
    pub(super) fn start(device: &Device, chip: &mut Chip<'_>, world: &World) -> Option<Self> {
        if (2..=8).contains(&chip.program_unit()) {
            return None;
        }
        let mut minimum = world.minimum();
        let mut buffer = [0; CHUNK];
        // Which images are new enough follows from which they are.
        let looking = BootConfig {
            anti_rollback: false,
            ..device.boot
        };
        let mut tried = Tried::default();
        let mut booted = run(chip, &mut tried, &looking, (minimum, device.target.chip));
        if device.boot.anti_rollback && booted.as_ref().is_err_and(may_raise_minimum) {
            let verifier = UnsignedVerifier::new(device.target, &mut buffer).ok()?;
            tried = Tried {
                at: Vec::new(),
                verifier: Some(Verifier::knowing(verifier, &device.accepted)),
            };
            booted = run(
                chip,
                &mut tried,
                &device.boot,
                (minimum, device.target.chip),
            );
            // What it has tried is new enough.
            minimum = 0;
        }
        Some(match booted {
            Ok(decision) => Self::Tries {
                at: vec![decision.image.region],
                minimum,
            },
            Err(_) if !tried.at.is_empty() => Self::Tries {
                at: tried.at,
                minimum,
            },
            Err(error) => Self::Fails(error.to_string()),
        })
    }

    /// Says whether it boots, beside a bootloader of ours that booted the image in `ours`.
    pub(super) fn judge(
        self,
        device: &Device,
        chip: &mut Chip<'_>,
        journal: &mut Journal<World>,
        ours: Option<Region>,
    ) {
        let got = match self {
            Self::Fails(error) => error,
            Self::Tries { mut at, minimum } => {
                at.sort_by_key(|at| ours.is_none_or(|ours| at.offset != ours.offset));
                let published = &device.accepted.contents;
                let boots = at.iter().any(|at| {
                    { chip.holds(at.offset, published) }
                        .is_some_and(|image| secure_version(&published[image]) >= minimum)
                });
                if boots {
                    journal.sometimes(marks::STOCK_BOOTS);
                    return;
                }
                let offsets: Vec<String> = { at.iter() }
                    .map(|at| format!("0x{:x}", at.offset))
                    .collect();
                let is_one = match minimum {
                    0 => "is one".into(),
                    _ => format!("is one of secure version {minimum} or above"),
                };
                format!("none of those at {} {is_one}", offsets.join(", "))
            }
        };
        journal.violated(
            Property::NoBrick,
            "a stock bootloader boots an image that was published",
            got,
        );
    }
}

/// A stock bootloader in this configuration, with fuses of this version; it changes nothing.
#[expect(
    clippy::result_large_err,
    reason = "the list of refused slots is the point of the error"
)]
fn run(
    chip: &mut Chip<'_>,
    tried: &mut Tried<'_>,
    config: &BootConfig,
    (minimum, of): (u32, &'static ota_core::Chip),
) -> Result<stock::Decision, stock::BootError<ChipError>> {
    let minimum = Cell::new(minimum);
    let mut table = [0; TABLE_LEN];
    boot(
        &mut Aside(chip),
        tried,
        &mut Efuse::new(&minimum, of),
        config,
        &BootInputs::default(),
        &mut table,
    )
}

/// Whether it raises the minimum version before it tries any slot: where an entry says that its image has proven
/// itself, to the version that is found there.
fn may_raise_minimum(error: &stock::BootError<ChipError>) -> bool {
    let stock::BootError::NothingBootable { selection, .. } = error else {
        return false;
    };
    let mut entries = selection.entries.iter().flatten();
    entries.any(|entry| entry.is_valid() && entry.state == OtaState::VALID)
}

/// With otadata in order, a stock bootloader boots the same slot.
///
/// Weak bits may read otherwise than they did: then too, where an entry names the slot. None can name the factory
/// image, and none does before the first change of a device; there the two have to agree on what both read, as weak
/// bits that may be read as an entry with the number 0 are a slot to one of them and damage to the other.
pub(super) fn judge_stock_choice(
    device: &Device,
    chip: &mut Chip<'_>,
    journal: &mut Journal<World>,
    decision: &Decision,
) -> Result<(), Dead> {
    let Some(at) = device.otadata().filter(|_| decision.order == Order::Kept) else {
        return Ok(());
    };
    if matches!(decision.reason, Reason::Fallback) {
        return Ok(());
    }
    let nothing = Source::Stock(Origin::Nothing);
    let entry_names_it = decision.slot != Slot::Factory && { decision.chosen }
        .is_some_and(|chosen| chosen.source != nothing);
    let mut entries = [Entry::ERASED; 2];
    for (entry, sector) in entries.iter_mut().zip([at, at + SECTOR]) {
        let mut bytes = [0; ENTRY_LEN];
        if entry_names_it {
            chip.read(sector, &mut bytes).map_err(|_| Dead)?;
        } else {
            chip.read_again(sector, &mut bytes).map_err(|_| Dead)?;
        }
        *entry = Entry::parse(&bytes);
    }
    let active = otadata::active(&entries).and_then(|entry| {
        let slot = otadata::slot_of(entries[entry].seq, device.ota_slots())?;
        u8::try_from(slot).ok().map(Slot::Ota)
    });
    let default = match device.slot(Slot::Factory) {
        Some(_) => Slot::Factory,
        None => Slot::Ota(0),
    };
    let boots = active.unwrap_or(default);
    if boots != decision.slot {
        journal.violated(
            Property::AtomicSwitch,
            format!("a stock bootloader boots {} too", decision.slot),
            format!("it boots {boots}"),
        );
    }
    Ok(())
}

/// The rows of otadata, and the headers of images, of a device with code of either policy: what either learns of
/// them.
pub(super) fn records(device: &Device) -> Vec<Record> {
    let map = device.map();
    let entries = [0, 1].map(|index| map.entry(index));
    let is_entry = |record: &Record| entries.contains(&Some(record.range.clone()));
    let mut rows = hardened::records(device);
    rows.retain(|record| !is_entry(record));
    let stock = map.records(learned_by_either).into_iter().filter(is_entry);
    rows.extend(stock.map(|record| record.ignoring(0..0)));
    rows
}

/// Of an entry: what code of either policy learns of it, and the label, which stock code copies and ours heeds.
fn learned_by_either(bytes: &[u8]) -> u128 {
    let (stock, ours) = (learned(bytes), hardened::learned_entry(bytes));
    let label = bytes.first_chunk().map(|bytes| Entry::parse(bytes).label);
    let label = label.unwrap_or_default();
    xxh3_128(&[&stock.to_le_bytes()[..], &ours.to_le_bytes(), &label].concat())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chip::{Knowledge, Knows};
    use crate::ota::{Policy, Setup, find};
    use crate::property::Finding;
    use crate::subject::{OperationClock, Subject as _};
    use sim_flash::{Profile, State};

    /// What is found on the flash of a device that was just made, and then changed.
    fn judged(
        setup: &Setup,
        change: impl FnOnce(&mut State),
        judge: impl FnOnce(&mut Chip<'_>, &mut Journal<World>),
    ) -> Vec<Finding> {
        let start = setup.starts.first().expect("a start");
        let mut state = start.state.clone();
        change(&mut state);
        let clock = OperationClock::default();
        let mut memo = Knowledge::default();
        let knows = Knows::Results(&mut memo);
        let mut chip = Chip::new(&setup.profile, state, clock.clone(), knows);
        let mut journal = Journal::new(start.world, clock, false);
        judge(&mut chip, &mut journal);
        journal.close().findings
    }

    /// What is written where nothing may be is found, and nothing else: here otadata, taken off the map.
    #[test]
    fn a_hardened_device_is_judged_by_where_it_writes() {
        for (policy, lost) in [
            ("hardened", false),
            ("hardened", true),
            ("stock-application", true),
            ("stock-bootloader", true),
        ] {
            let mut setup = find("smallest")
                .expect("a scenario")
                .bundled(&Profile::w25q64jv())
                .under(policy.parse().expect("a policy"))
                .expect("a device");
            if lost {
                setup.device.partitions.retain(|row| row.slot().is_some());
            }
            let found = judged(
                &setup,
                |_| (),
                |chip, journal| {
                    let rest = setup.device.power_on(chip, journal);
                    assert!(rest.is_ok() && chip.done().count() > 0, "{policy}");
                },
            );
            let contained = found
                .iter()
                .all(|finding| finding.property != Property::Containment);
            assert_eq!(contained, !lost, "{policy}: {found:?}");
        }
    }

    /// Whether it finds something to boot on the flash of a device of this scenario that was just made, and then
    /// changed, with this minimum version in its fuses.
    fn boots(scenario: &str, minimum: u32, change: impl FnOnce(&Setup, &mut State)) -> bool {
        let setup = find(scenario)
            .expect("a scenario")
            .bundled(&Profile::w25q64jv())
            .under(Policy::default())
            .expect("a hardened device");
        let found = judged(
            &setup,
            |state| change(&setup, state),
            |chip, journal| {
                journal.change(|world| world.burn(minimum));
                let stock = StockBoot::start(&setup.device, chip, journal.world());
                let stock = stock.expect("a stock bootloader runs on serial flash");
                stock.judge(&setup.device, chip, journal, None);
                assert_eq!(chip.done().count(), 0, "it only looks");
            },
        );
        let [found] = &found[..] else {
            return true;
        };
        assert_eq!(found.property, Property::NoBrick);
        false
    }

    fn unchanged(_: &Setup, _: &mut State) {}

    /// Stock code copies it into the entry that it rewrites.
    #[test]
    fn the_label_of_a_damaged_entry_counts() {
        let mut torn = [0xFF; ENTRY_LEN];
        torn[0] = 0;
        let zeroed = [0; ENTRY_LEN];
        assert_eq!(learned(&torn), learned(&zeroed));
        assert_ne!(learned_by_either(&torn), learned_by_either(&zeroed));
    }

    #[test]
    fn a_stock_bootloader_that_boots_nothing_is_a_finding() {
        assert!(boots("smallest", 0, unchanged));
        assert!(!boots("smallest", 0, |setup, state| {
            for slot in &setup.device.partitions {
                state.load(slot.offset, &[0; 8]);
            }
        }));
    }

    #[test]
    fn an_image_that_is_too_old_is_none_that_a_stock_bootloader_boots() {
        assert!(boots("anti-rollback", 0, unchanged));
        assert!(!boots("anti-rollback", 1, unchanged));
    }

    /// It takes the version from the descriptor there, whatever follows that.
    #[test]
    fn an_entry_that_says_valid_makes_a_stock_bootloader_raise_the_minimum() {
        for (state_of_entry, goes_on) in [(OtaState::VALID, false), (OtaState::UNDEFINED, true)] {
            let names_a_part_of_an_image = |setup: &Setup, state: &mut State| {
                let device = &setup.device;
                let newer = { device.published.iter() }.max_by_key(|image| image.secure_version());
                let newer = newer.expect("published images");
                let entry = Entry::new(2, state_of_entry).emit();
                state.load(device.otadata().expect("otadata"), &entry);
                let slot = device.slot(Slot::Ota(1)).expect("two slots");
                state.load(slot.offset, &newer.bytes[..256]);
            };
            let booted = boots("anti-rollback", 0, names_a_part_of_an_image);
            assert_eq!(booted, goes_on, "{state_of_entry:?}");
        }
    }
}
