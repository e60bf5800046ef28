//! From a file to a device: the dump read and checked, its images named, its fault-free twin run.

use std::path::Path;
use std::sync::Arc;

use ota_core::Chip as Kind;
use ota_core::boot::BootInputs;
use ota_core::image::{UnsignedVerifier, VerifyImage as _, read_app_desc};
use ota_core::partition::{Partition, TABLE_LEN};
use sim_flash::{Profile, State};

use super::call::Call;
use super::device::DumpDevice;
use super::file;
use super::promise::{Twin, World};
use crate::chip::{Chip, Knows};
use crate::explore::{Conditions, Start, power_on};
use crate::input::{self, InputError, Place, Problem};
use crate::inspect::{self, InspectOptions, Inspection};
use crate::ota::{Firmware, ImageId, learned};
use crate::property::publish_order::unverified_pointer;
use crate::subject::{Event, OperationClock};

/// How to take a dump.
#[derive(Clone, Debug)]
pub struct DumpOptions {
    /// What the device does while the power fails.
    pub call: Call,
    /// The slot to select; `None` for the next update slot.
    pub slot: Option<String>,
    /// What an update downloads.
    pub update: Option<input::Firmware>,
    /// Flash address of the partition table.
    pub table_offset: u32,
    /// The chip. `None`: what the dump says.
    pub chip: Option<&'static Kind>,
    /// Size of the flash in bytes. `None`: the next power of two.
    pub flash_size: Option<u32>,
    /// Whether the bootloader monitors the first boot of a new image.
    pub rollback: bool,
    /// The flash chip; its size gives way to the dump's.
    pub profile: Profile,
}

/// Why a dump cannot be swept.
#[derive(Debug, thiserror::Error)]
pub enum DumpError {
    /// A file that cannot be used.
    #[error(transparent)]
    Input(#[from] InputError),
    /// An update without an image.
    #[error("--do update: expected the image to update to (--update IMAGE), found none")]
    NoUpdate,
    /// A slot that is not there.
    #[error("--slot {found}: found no such slot in the dump's table, expected one of {}", slots.join(", "))]
    NoSuchSlot {
        /// The slot asked for.
        found: String,
        /// The slots of the table.
        slots: Vec<String>,
    },
    /// A chip whose dump means nothing without its key.
    #[error(
        "--profile {profile}: expected a chip that does not encrypt; of one that does, a dump is noise to all \
        who lack its key"
    )]
    Encrypts {
        /// The chip.
        profile: String,
    },
    /// No slot to update.
    #[error("--do {call}: expected an OTA slot in the dump's table, found none")]
    NoOtaSlot {
        /// What was asked for.
        call: Call,
    },
}

/// A dump made concrete: everything that a sweep of it needs.
#[derive(Clone, Debug)]
pub struct DumpSetup {
    /// The device.
    pub device: DumpDevice,
    /// Where the cuts begin: the dump, after its boot if an application makes the call.
    pub start: Start<World>,
    /// The flash chip, in the dump's size.
    pub profile: Profile,
    /// What the dump holds.
    pub inspection: Inspection,
    /// A hash of the dump, the update and how they are taken, for case ids.
    pub hash: u32,
    /// What the boot before the call changed in otadata.
    pub first_boot: Vec<String>,
    /// What the call returned without a cut, if an application made it.
    pub returned: Option<String>,
    /// The boots without a cut, before the call and after it.
    pub lives: [Vec<String>; 2],
}

impl DumpSetup {
    /// Reads and checks the dump in a file, and runs it without a cut.
    ///
    /// # Errors
    /// The file cannot be read, is no dump of a device that boots, or cannot do what it is asked.
    pub fn read(path: &Path, options: &DumpOptions) -> Result<Self, DumpError> {
        Self::new(
            path,
            &input::read(path, "flash", input::limit::DUMP)?,
            options,
        )
    }

    /// As [`read`](Self::read), of bytes that come from `path`.
    pub fn new(path: &Path, dump: &[u8], options: &DumpOptions) -> Result<Self, DumpError> {
        if options.profile.rules().encryption.is_some() {
            let profile = options.profile.name().to_owned();
            return Err(DumpError::Encrypts { profile });
        }
        let inspection = inspect::dump(
            dump,
            &InspectOptions {
                table_offset: Some(options.table_offset),
                rollback: Some(options.rollback),
                chip: options.chip,
                ..InspectOptions::default()
            },
        );
        file::check(path, dump, options, &inspection)?;
        let size = file::flash_size(dump, options, &inspection);
        let profile = options.profile.clone().with_size(size);
        let mut state = profile.erased();
        state.load(0, dump);
        let bytes = &dump[options.table_offset as usize..];
        let bytes = &bytes[..bytes.len().min(TABLE_LEN)];
        let mut setup = Self {
            device: file::device(path, bytes, options, &inspection, size)?,
            start: Start::only(state.clone(), World::Begin),
            hash: file::hash(dump, options, size),
            profile,
            inspection,
            first_boot: Vec::new(),
            returned: None,
            lives: [Vec::new(), Vec::new()],
        };
        setup.device.images = setup.images(&state, options);
        let images = setup.device.images.iter();
        setup.device.accepted.contents = images.map(|image| Arc::clone(&image.bytes)).collect();
        setup.device.records = setup.device.map().records(learned);
        setup.device.labels = setup.device.map().labels();
        setup.boot(path)?;
        setup.aim(path, options)?;
        setup.run_twin();
        // Whatever the user calls it.
        let slot = setup.device.slot.and_then(|partition| partition.slot());
        if let Some(slot) = slot.filter(|_| options.slot.is_some()) {
            setup.start.name = slot.to_string();
        }
        Ok(setup)
    }

    /// Every image that may come to run, named by its version, and by its slot if versions do not differ.
    fn images(&self, state: &State, options: &DumpOptions) -> Vec<Firmware> {
        let slots = self.device.partitions.iter().filter_map(|partition| {
            let slot = partition.slot()?.to_string();
            let mut chip = self.chip(state);
            let mut buffer = [0; 4096];
            let region = partition.region();
            let mut verifier = UnsignedVerifier::new(self.device.target, &mut buffer).ok()?;
            let image = verifier.verify(&mut chip, region).ok()?;
            let mut bytes = vec![0; image.image_len as usize];
            state.read(image.region.offset, &mut bytes);
            let version = read_app_desc(&mut chip, region).ok();
            Some((slot, version.map(|desc| inspect::version(&desc)), bytes))
        });
        let update = options.update.as_ref().map(|update| {
            let length = update.image.image_len as usize;
            let bytes = update.bytes.get(..length).unwrap_or(&update.bytes);
            ("the update".into(), update.version(), bytes.to_vec())
        });
        let mut found: Vec<(String, Option<String>, Vec<u8>)> = Vec::new();
        for image in slots.chain(update) {
            if !found.iter().any(|(_, _, bytes)| *bytes == image.2) {
                found.push(image);
            }
        }
        let name = |(from, version, _): &(String, Option<String>, Vec<u8>)| {
            let alike = found.iter().filter(|(_, other, _)| other == version);
            match version {
                Some(version) if alike.count() == 1 => version.clone(),
                Some(version) => format!("{version} ({from})"),
                None => format!("the image of {from}"),
            }
        };
        let firmware = |image: &(String, Option<String>, Vec<u8>)| Firmware {
            name: name(image),
            bytes: image.2.as_slice().into(),
        };
        found.iter().map(firmware).collect()
    }

    fn chip(&self, state: &State) -> Chip<'static> {
        Chip::new(
            &self.profile,
            state.clone(),
            OperationClock::default(),
            Knows::Nothing,
        )
    }

    /// Boots the dump once without a cut; the application that runs then makes the call.
    fn boot(&mut self, path: &Path) -> Result<(), InputError> {
        let mut chip = self.chip(&self.start.state);
        match self.device.decide(&mut chip, BootInputs::default()) {
            Ok((decision, _)) => {
                self.device.running = decision.partition;
                if self.device.call.by_application() {
                    let changes = decision.changed.iter().map(ToString::to_string);
                    self.first_boot = changes.collect();
                    self.start.state = chip.into_parts().state;
                }
                Ok(())
            }
            Err(error) => {
                let why = error.to_string().replace("\n  ", "; ");
                let problem = Problem::NothingBoots(why);
                Err(InputError::new(path, Place::Whole, problem))
            }
        }
    }

    /// Finds the slot that the call is about, and checks that the update fits into it.
    fn aim(&mut self, path: &Path, options: &DumpOptions) -> Result<(), DumpError> {
        let call = options.call;
        if !matches!(call, Call::Update | Call::Select) {
            return Ok(());
        }
        let slots = || self.device.partitions.iter().filter(|p| p.slot().is_some());
        let is = |p: &&Partition, name: &str| {
            let named = p.slot().is_some_and(|slot| slot.to_string() == name);
            named || p.label.to_string() == name
        };
        let called = |p: &Partition| {
            let (slot, label) = (p.slot()?.to_string(), p.label.to_string());
            Some(if slot == label {
                slot
            } else {
                format!("{slot} ({label})")
            })
        };
        let slot = match &options.slot {
            None => {
                let mut chip = self.chip(&self.start.state);
                self.device
                    .next_slot(&mut chip)
                    .ok_or(DumpError::NoOtaSlot { call })?
            }
            Some(found) => {
                let slot = slots().find(|p| is(p, found)).copied();
                slot.ok_or_else(|| DumpError::NoSuchSlot {
                    found: found.clone(),
                    slots: slots().filter_map(called).collect(),
                })?
            }
        };
        self.device.slot = Some(slot);
        if call != Call::Update {
            return Ok(());
        }
        let update = options.update.as_ref().ok_or(DumpError::NoUpdate)?;
        update.check_fits(&slot)?;
        let expected = self.device.target.chip;
        if update.chip.id != expected.id {
            let problem = Problem::OtherChip {
                found: update.chip.name,
                expected: expected.name,
                because: path.to_owned(),
            };
            return Err(InputError::new(&update.file, Place::Offset(12), problem).into());
        }
        self.device.update = update.bytes.as_slice().into();
        Ok(())
    }

    /// Runs the device without a cut: what boots before the call, what it returns, what boots after.
    fn run_twin(&mut self) {
        let (state, world) = (self.start.state.clone(), World::Begin);
        let mut after = state.clone();
        let mut twin = Twin::default();
        if self.device.call != Call::Boot {
            let conditions = Conditions {
                verbose: true,
                ..Conditions::undisturbed(Knows::Nothing)
            };
            let run = power_on(
                &self.device,
                &self.profile,
                state.clone(),
                world,
                conditions,
            );
            let returned = run
                .entries
                .iter()
                .rev()
                .find_map(|entry| match &entry.event {
                    Event::Note(text) => Some(text.clone()),
                    _ => None,
                });
            self.returned = returned.filter(|_| self.device.call.by_application());
            after = run.state;
        }
        let (boots, images) = self.life(state, &mut twin);
        (self.lives[0], twin.before) = (boots, images);
        let (boots, images) = self.life(after, &mut twin);
        (self.lives[1], twin.after) = (boots, images);
        self.device.twin = twin;
        if self.device.call == Call::Boot {
            self.start.world = World::Untouched;
        }
    }

    /// Boots without cuts until nothing changes any more: what each comes to, and its image.
    fn life(&self, mut state: State, twin: &mut Twin) -> (Vec<String>, Vec<ImageId>) {
        /// An image is tried, refused, and what it replaced runs: that settles at the third boot.
        const BOOTS: usize = 4;
        let (mut boots, mut images) = (Vec::new(), Vec::new());
        for _ in 0..BOOTS {
            let mut chip = self.chip(&state);
            let booted = self.device.decide(&mut chip, BootInputs::default());
            boots.push(self.device.outcome(&booted));
            if let Ok((decision, image)) = &booted {
                images.extend(*image);
                twin.unverified.extend(unverified_pointer(decision));
            }
            let after = chip.into_parts().state;
            if after == state {
                break;
            }
            state = after;
        }
        boots.dedup();
        (boots, images)
    }
}
