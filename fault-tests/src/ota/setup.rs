//! Makes a scenario concrete: builds its flash, from the bundled files or the user's own.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

use ota_core::boot::{BootConfig, FactoryReset};
use ota_core::flash::SECTOR;
use ota_core::hardened::Room;
use ota_core::image::{Header, Target, header};
use ota_core::otadata::{Entry, OtaState};
use ota_core::partition::{
    DEFAULT_TABLE_OFFSET, Label, Partition, PartitionTable, Slot, SubType, TABLE_LEN, Type,
    emit_table,
};
use ota_core::{Chip, Region};
use sim_flash::{Cipher, Profile, Row, State};

use super::company;
use super::course::Plan;
use super::device::{Device, stock_bootloader};
use super::entry::learned;
use super::errand::{ERRANDS, Errand};
use super::firmware::{Firmware, ImageId};
use super::flash_map::FlashMap;
use super::hardened;
use super::image_header;
use super::life::LIVES;
use super::made;
use super::policy::Policy;
use super::scenario::{Begin, Scenario, Table};
use super::twin::Twin;
use super::world::{Promises, World};
use crate::chip::{Accepted, Knows};
use crate::explore::{Conditions, Start, power_on};
use crate::input::{self, InputError, Place, Problem, TableFile};
use crate::partition_csv::Options;

/// A scenario made concrete: everything an exploration needs.
#[derive(Clone, Debug)]
pub struct Setup {
    /// The device under test.
    pub device: Device,
    /// Where its life begins: one start, or several with a name each.
    pub starts: Vec<Start<World>>,
    /// The chip.
    pub profile: Profile,
}

/// A user's own table and images in place of the bundled ones.
#[derive(Clone, Debug)]
pub struct Inputs {
    /// The partition table.
    pub table: TableFile,
    /// Its flash address.
    pub table_offset: u32,
    /// The image that the device runs.
    pub running: input::Firmware,
    /// The image that it is updated to.
    pub update: input::Firmware,
}

impl Setup {
    /// The same device, on the same flash, with this policy built in.
    pub fn under(mut self, policy: Policy) -> Result<Self, NotApplicable> {
        let calls = |start: &Start<World>| matches!(start.world, World::Calls(_));
        let calls = self.starts.iter().any(calls);
        if policy != Policy::Stock {
            if calls && matches!(policy, Policy::StockBootloader | Policy::StockApplication) {
                return Err(NotApplicable(
                    "what its calls must come to is known of devices of one policy only",
                ));
            }
            if calls && (self.profile.program_unit() != 1 || self.device.cipher.is_some()) {
                return Err(NotApplicable(
                    "its calls are made on flash that takes single bytes, and encrypts none",
                ));
            }
            self.device.records = match policy {
                Policy::Hardened(_) => hardened::records(&self.device),
                _ => company::records(&self.device),
            };
            self.device.labels = Vec::new();
        } else if self.device.cipher.is_some() {
            return Err(NotApplicable(
                "through flash encryption the hardened policy is known, not the stock one",
            ));
        }
        self.device.policy = policy;
        if calls
            && policy != Policy::Stock
            && let Some(fresh) = self.starts.first().map(|start| start.state.clone())
        {
            // It has lived with this policy, too. The first life is none yet.
            self.starts = lives(&self.device, &self.profile, &fresh);
        }
        Ok(self)
    }

    /// The start of this name.
    pub fn start(&self, name: &str) -> Option<&Start<World>> {
        self.starts.iter().find(|start| start.name == name)
    }
}

/// Why a scenario says nothing about a user's own table and images.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotApplicable(pub &'static str);

impl Inputs {
    /// The bundled table with two OTA slots and a factory partition, for users who bring images only.
    pub fn bundled_table() -> Result<TableFile, InputError> {
        let table = corpus::table("v02_two_ota").and_then(corpus::Table::binary);
        let name = Path::new("the bundled table v02_two_ota");
        TableFile::new(name, table.unwrap_or_default(), &Options::default())
    }

    /// Checks that table and images fit each other.
    pub fn check(&self) -> Result<(), InputError> {
        self.table.check_updatable()?;
        self.update.check_same_chip(&self.running)?;
        let layout = Layout::of(&*self.table.binary, self.table_offset);
        for slot in layout.slots.iter().take(2).chain(&layout.factory) {
            self.running.check_fits(slot)?;
            self.update.check_fits(slot)?;
        }
        if self.running.bytes == self.update.bytes {
            return Err(InputError::new(
                &self.update.file,
                Place::Whole,
                Problem::SameImage,
            ));
        }
        let table = Region::new(self.table_offset, 4096);
        let over = layout.partitions.iter().find(|p| {
            p.kind != Type::PARTITION_TABLE
                && u64::from(p.offset) < table.end()
                && u64::from(table.offset) < p.region().end()
        });
        match over {
            Some(over) => {
                let problem = Problem::OverTheTable {
                    partition: crate::inspect::shown::label(&over.label),
                    at: over.offset,
                    table: self.table_offset,
                };
                Err(InputError::new(&self.table.file, Place::Whole, problem))
            }
            None => Ok(()),
        }
    }
}

impl Scenario {
    /// The scenario on its bundled table and images.
    pub fn bundled(&self, profile: &Profile) -> Setup {
        let table = match self.table {
            Table::Bundled(name) => corpus::table(name)
                .and_then(corpus::Table::binary)
                .map(<[u8]>::to_vec),
            Table::Slots {
                factory,
                slots: n,
                size,
            } => slots(u32::from(factory), n, size),
        };
        let published = self.images.iter().zip(0u8..).map(|(name, id)| {
            let bytes = match made::named(name) {
                Some(made) => Some(Arc::from(made)),
                None => corpus::image(name).map(|image| Arc::from(image.bytes)),
            };
            let version = i16::from(id) + 1 - i16::from(self.running);
            Firmware {
                name: format!("v{version} ({name})"),
                bytes: bytes.unwrap_or_default(),
            }
        });
        let table = table.unwrap_or_default();
        let layout = Layout::of(&table, DEFAULT_TABLE_OFFSET);
        self.build(profile, &layout, &table, published.collect())
    }

    /// The scenario on a user's own table and images, which have been [checked](Inputs::check).
    pub fn with_inputs(&self, profile: &Profile, inputs: &Inputs) -> Result<Setup, NotApplicable> {
        let layout = Layout::of(&*inputs.table.binary, inputs.table_offset);
        let not_applicable = if self.makes_calls() {
            Some("it has lived on the bundled images only")
        } else if self.images.len() > 3 || self.begin == Begin::Reset {
            Some("it needs more than two images")
        } else if self.begin == Begin::Factory && layout.factory.is_none() {
            Some("the table has no factory partition")
        } else if self.begin == Begin::BlankOtadata && layout.factory.is_some() {
            Some("the table has a factory partition")
        } else if matches!(self.table, Table::Slots { slots: 3, .. }) && layout.slots.len() < 3 {
            Some("the table has two OTA slots only")
        } else {
            None
        };
        if let Some(why) = not_applicable {
            return Err(NotApplicable(why));
        }
        let firmware = |name: &str, image: &input::Firmware| Firmware {
            name: name.into(),
            bytes: Arc::from(image.bytes.as_slice()),
        };
        let published = vec![
            firmware("v1 (running)", &inputs.running),
            firmware("v2 (update)", &inputs.update),
        ];
        let own = Self {
            running: 0,
            damaged: self.damaged.map(|_| 1),
            ..*self
        };
        Ok(own.build(profile, &layout, &*inputs.table.binary, published))
    }

    fn build(
        &self,
        profile: &Profile,
        layout: &Layout,
        table: &[u8],
        published: Vec<Firmware>,
    ) -> Setup {
        let encryption = profile.rules().encryption.as_ref();
        let cipher = encryption.map(|encryption| Arc::new(encryption.cipher()));
        let state = self.flash(profile, layout, table, &published, cipher.as_deref());
        let running = &published[usize::from(self.running)];
        let chip = chip_of(&running.bytes).unwrap_or(&ota_core::chip::ESP32C3);
        let fresh = if self.anti_rollback {
            // An older one would be refused.
            let newest = published.iter().max_by_key(|image| image.secure_version());
            newest.unwrap_or(running).clone()
        } else {
            fresh(chip, &published, self.damaged)
        };
        let mut contents: Vec<_> = published.iter().map(Firmware::image).collect();
        if published
            .iter()
            .all(|image| !Arc::ptr_eq(&image.bytes, &fresh.bytes))
        {
            contents.push(fresh.image());
        }
        let map = FlashMap {
            partitions: &layout.partitions,
            table_offset: layout.table_offset,
        };
        let (mut labels, mut records) = (map.labels(), map.records(learned));
        let otadata = layout.otadata;
        if state.counts() {
            // Where entries are programmed word by word, what that does depends on every byte of them.
            labels.clear();
            records.retain(|record| !(otadata..otadata + 2 * SECTOR).contains(&record.range.start));
        }
        let device = Device {
            damaged: self.damaged.map(ImageId),
            self_test: self.self_test,
            writing: self.writing,
            policy: Policy::Stock,
            room: Room::Counted,
            bootloader: stock_bootloader,
            boot: BootConfig {
                table_offset: layout.table_offset,
                rollback: self.begin != Begin::Lives { rollback: false },
                anti_rollback: self.anti_rollback,
                factory_reset: (self.begin == Begin::Reset).then_some(FACTORY_RESET),
                ..BootConfig::new(profile.size())
            },
            md5: layout.md5,
            target: Target::new(chip),
            partitions: layout.partitions.clone(),
            accepted: Accepted {
                contents,
                header: Some(image_header::HEADER),
            },
            labels,
            records,
            published,
            fresh,
            cipher: cipher.clone(),
        };
        let starts = if self.makes_calls() {
            lives(&device, profile, &state)
        } else {
            let running = ImageId(self.running);
            let promises = match self.begin {
                Begin::Reset => Promises::reset_asked(running),
                _ => Promises::confirmed(running),
            };
            vec![Start::only(state, World::Updates(promises))]
        };
        Setup {
            device,
            starts,
            profile: profile.clone(),
        }
    }

    /// What the flash holds when it begins.
    fn flash(
        &self,
        profile: &Profile,
        layout: &Layout,
        table: &[u8],
        published: &[Firmware],
        cipher: Option<&Cipher>,
    ) -> State {
        let mut state = profile.erased();
        let load = |state: &mut State, at: u32, bytes: &[u8]| match cipher {
            Some(cipher) => {
                let mut stored = bytes.to_vec();
                stored.resize(bytes.len().next_multiple_of(Cipher::BLOCK as usize), 0xFF);
                cipher.encrypt(at, &mut stored);
                state.load(at, &stored);
            }
            None => state.load(at, bytes),
        };
        load(&mut state, layout.table_offset, table);
        let running = &published[usize::from(self.running)];
        let otadata = layout.otadata;
        // Every slot holds something: a predecessor, or noise where nothing was published.
        for slot in &layout.slots {
            let noise: Vec<u8> = running.bytes.iter().rev().map(|b| b ^ 0x5A).collect();
            let noise = &noise[..noise.len().min(slot.size as usize)];
            load(&mut state, slot.offset, noise);
        }
        let home = match (self.begin, &layout.factory) {
            (Begin::Factory | Begin::Lives { .. }, Some(factory)) => factory,
            _ => &layout.slots[0],
        };
        load(&mut state, home.offset, &running.bytes);
        if let (Begin::Reset, Some(factory)) = (self.begin, &layout.factory) {
            load(&mut state, factory.offset, &published[0].bytes);
        }
        if matches!(self.begin, Begin::Updated | Begin::Reset) {
            let slots = u32::try_from(layout.slots.len()).unwrap_or(1);
            let last = &layout.slots[layout.slots.len() - 1];
            if let Some(predecessor) = self.running.checked_sub(1) {
                // Slot s has sequence numbers s + 1, s + 1 + n, …: the predecessor in the
                // last slot had n, the running image in ota_0 got n + 1.
                let image = &published[usize::from(predecessor)].bytes;
                load(&mut state, last.offset, image);
                let entry = |seq| Entry::new(seq, OtaState::VALID).emit();
                load(&mut state, otadata + 4096, &entry(slots));
                load(&mut state, otadata, &entry(slots + 1));
            } else {
                let entry = Entry::new(1, OtaState::VALID).emit();
                load(&mut state, otadata, &entry);
            }
        }
        state
    }
}

/// What a factory reset erases: otadata, and what ESP-IDF proposes (`CONFIG_BOOTLOADER_DATA_FACTORY_RESET`).
const FACTORY_RESET: FactoryReset = FactoryReset {
    data_labels: "nvs",
    erase_otadata: true,
};

/// An image that works, for a device that has come to rest: the smallest there is, or what it ran first.
fn fresh(chip: &Chip, published: &[Firmware], damaged: Option<u8>) -> Firmware {
    const SMALLEST: &str = "c3_min";
    let bundled = corpus::image(SMALLEST).filter(|image| {
        let same = chip_of(image.bytes).is_some_and(|its| its.id == chip.id);
        same && published.iter().all(|known| *known.bytes != *image.bytes)
    });
    let known = (0..).zip(published).find(|(id, _)| Some(*id) != damaged);
    match (bundled, known) {
        (Some(image), _) => Firmware {
            name: format!("a new image ({SMALLEST})"),
            bytes: Arc::from(image.bytes),
        },
        (None, Some((_, known))) => known.clone(),
        (None, None) => published[0].clone(),
    }
}

/// Every errand at every point of the device's life, from `fresh` on.
fn lives(device: &Device, profile: &Profile, fresh: &State) -> Vec<Start<World>> {
    let mut starts = Vec::new();
    let mut known = HashSet::new();
    for life in LIVES {
        let Some((state, damaged)) = life.live(device, profile, fresh) else {
            continue;
        };
        // A life that left things as another one did shows little more.
        let twice = !known.insert((Twin::whole(device, profile, &state), damaged));
        let ahead = Twin::on(device, profile, &state);
        let astray = ahead.course.next().and_then(|next| next.astray);
        if device.policy != Policy::Stock && life.is_foreign() && astray.is_some() {
            // A slot without an image was selected from outside: only records say what runs instead, and the
            // sector that has them is the one that adopting the entry erases.
            continue;
        }
        let mut seen = HashSet::new();
        for (errand, what) in ERRANDS {
            if !what.is_none_or(|errand| errand.fits(device)) {
                continue;
            }
            let world = World::Calls(Plan::new(what, ahead, damaged));
            let uncut = Conditions::undisturbed(Knows::Nothing);
            let healthy = power_on(device, profile, state.clone(), world, uncut);
            let row = |op: Row<'_>| (op.addr, op.len, op.data.to_vec());
            let did: Vec<_> = healthy.done().map(row).collect();
            let new = seen.insert((did, healthy.world));
            let variant = what.is_some_and(Errand::is_a_variant);
            let main = what.is_none_or(Errand::is_main);
            // otadata names the damaged slot, so each byte of a download into it matters: one is enough.
            let costly = damaged.is_some() && what.is_some_and(Errand::is_another_download);
            if (new || !variant) && (main || !twice) && !costly {
                starts.push(Start {
                    name: format!("{}-{errand}", life.name),
                    state: state.clone(),
                    world,
                });
            }
        }
    }
    starts
}

/// What the scenarios need to know of a table.
struct Layout {
    table_offset: u32,
    /// Whether the table has an MD5 row.
    md5: bool,
    partitions: Vec<Partition>,
    /// Flash address of otadata.
    otadata: u32,
    factory: Option<Partition>,
    /// `ota_0`, `ota_1`, … without a gap.
    slots: Vec<Partition>,
}

impl Layout {
    /// The layout of a table that can be updated. Of any other it says less, and nothing wrong.
    fn of(table: &[u8], table_offset: u32) -> Self {
        // An application finds no partition in a table without MD5 row, unless it was built for one.
        let with_md5 = PartitionTable::for_application(table, true);
        let md5 = with_md5.is_ok();
        let view = with_md5
            .or_else(|_| PartitionTable::for_application(table, false))
            .ok();
        let slot = |slot| view.and_then(|view| view.slot(slot));
        Self {
            table_offset,
            md5,
            partitions: view.map(|view| view.iter().collect()).unwrap_or_default(),
            otadata: view
                .and_then(|view| view.otadata())
                .map_or(0, |otadata| otadata.offset),
            factory: slot(Slot::Factory),
            slots: (0..16).map_while(|n| slot(Slot::Ota(n))).collect(),
        }
    }
}

fn chip_of(image: &[u8]) -> Option<&'static Chip> {
    let start = image.first_chunk::<{ header::LEN }>()?;
    Chip::by_id(Header::parse(start).ok()?.chip_id)
}

/// otadata, then apps of `size` bytes: factory or not, and OTA slots. No bundled table is so plain.
fn slots(factories: u32, slots: u8, size: u32) -> Option<Vec<u8>> {
    let mut out = [0; TABLE_LEN];
    let row = |label: &str, kind, subtype, offset, size| {
        Some(Partition {
            kind,
            subtype,
            offset,
            size,
            label: Label::try_from(label).ok()?,
            flags: 0,
        })
    };
    let mut rows = vec![
        row("nvs", Type::DATA, SubType::NVS, 0x9000, 0x4000)?,
        row("otadata", Type::DATA, SubType::OTA, 0xD000, 0x2000)?,
    ];
    if factories > 0 {
        rows.push(row("factory", Type::APP, SubType::FACTORY, 0x1_0000, size)?);
    }
    for n in 0..slots {
        // An app partition begins at a multiple of 64 KiB, however small it is.
        let at = 0x1_0000 + (factories + u32::from(n)) * size.next_multiple_of(0x1_0000);
        rows.push(row(
            &format!("ota_{n}"),
            Type::APP,
            SubType::ota(n),
            at,
            size,
        )?);
    }
    emit_table(rows, true, &mut out).ok()?;
    Some(out.to_vec())
}
