//! Mixed company: a stock bootloader in place of ours, on whatever a hardened device finds when it is
//! switched on, and on what it leaves at rest.

use std::cell::Cell;

use embedded_storage::nor_flash::{ErrorType, NorFlash, ReadNorFlash};
use ota_core::boot::{BootInputs, boot};
use ota_core::flash::{Region, SECTOR};
use ota_core::hardened::{Decision, Order, Origin, Reason, Source};
use ota_core::image::{ImageMetadata, Refusal, StreamVerifier, VerifyError, VerifyImage};
use ota_core::otadata::{self, ENTRY_LEN, Entry};
use ota_core::partition::{Slot, TABLE_LEN};
use xxhash_rust::xxh3::xxh3_128;

use super::application::CHUNK;
use super::device::{Device, Verifier};
use super::efuse::Efuse;
use super::entry::learned;
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
/// It boots the first image of those that it tries that verifies, and each that verifies was published, so one is
/// enough. Our bootloader has looked for one as well, so that is asked for first: what is in a slot that nobody
/// but the stock bootloader would look at, as a cut erase left an entry for it, makes no difference then.
pub(super) enum StockBoot {
    /// It tries these, in order.
    Tries(Vec<Region>),
    /// It tries none.
    Fails(String),
}

impl StockBoot {
    /// `None` where there is no such bootloader.
    pub(super) fn start(device: &Device, chip: &mut Chip<'_>, world: &World) -> Option<Self> {
        if (2..=8).contains(&chip.program_unit()) {
            return None;
        }
        let (mut table, mut buffer) = ([0; TABLE_LEN], [0; CHUNK]);
        let minimum = Cell::new(world.minimum());
        // With anti-rollback it looks at each before it verifies any.
        let verifier = StreamVerifier::new(device.target, &mut buffer).ok()?;
        let mut tried = Tried {
            at: Vec::new(),
            verifier: { device.boot.anti_rollback }
                .then(|| Verifier::knowing(verifier, &device.accepted)),
        };
        let booted = boot(
            &mut Aside(chip),
            &mut tried,
            &mut Efuse::new(&minimum),
            &device.boot,
            &BootInputs::default(),
            &mut table,
        );
        Some(match booted {
            Ok(decision) => Self::Tries(vec![decision.image.region]),
            Err(_) if !tried.at.is_empty() => Self::Tries(tried.at),
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
            Self::Tries(mut tried) => {
                tried.sort_by_key(|at| ours.is_none_or(|ours| at.offset != ours.offset));
                let published = &device.accepted.contents;
                let mut slots = tried.iter();
                if slots.any(|at| chip.holds(at.offset, published).is_some()) {
                    journal.sometimes(marks::STOCK_BOOTS);
                    return;
                }
                let offsets: Vec<String> = { tried.iter() }
                    .map(|at| format!("0x{:x}", at.offset))
                    .collect();
                format!("none of those at {} is one", offsets.join(", "))
            }
        };
        journal.violated(
            Property::NoBrick,
            "a stock bootloader boots an image that was published",
            got,
        );
    }
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

    /// Whether it finds something to boot on the flash of a device that was just made; `damaged`: in the header of
    /// the image there.
    fn boots(damaged: bool) -> bool {
        let setup = find("smallest")
            .expect("a scenario")
            .bundled(&Profile::w25q64jv())
            .under(Policy::default())
            .expect("a hardened device");
        let damage = |state: &mut State| {
            for slot in setup.device.partitions.iter().filter(|_| damaged) {
                state.load(slot.offset, &[0; 8]);
            }
        };
        let found = judged(&setup, damage, |chip, journal| {
            let stock = StockBoot::start(&setup.device, chip, journal.world());
            let stock = stock.expect("a stock bootloader runs on serial flash");
            stock.judge(&setup.device, chip, journal, None);
            assert_eq!(chip.done().count(), 0, "it only looks");
        });
        let [found] = &found[..] else {
            return true;
        };
        assert_eq!(found.property, Property::NoBrick);
        false
    }

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
        assert!(boots(false));
        assert!(!boots(true));
    }
}
