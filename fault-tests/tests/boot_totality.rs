//! P14: whatever the flash holds, a boot ends, does not panic, and finds an image if one can be found.

use ota_core::boot::{BootConfig, BootInputs, boot};
use ota_core::chip::ESP32C3;
use ota_core::efuse::NoSecureVersion;
use ota_core::image::{Target, UnsignedVerifier, VerifyImage};
use ota_core::otadata::{Entry, OtaState};
use ota_core::partition::{
    Label, Partition, PartitionTable, Slot, SubType, TABLE_LEN, Type, emit_table,
};
use proptest::prelude::*;
use sim_flash::{Flash, Profile, State};

const SLOT: u32 = 0x1_0000;

/// What a slot holds.
#[derive(Clone, Debug)]
enum Content {
    Erased,
    Image(&'static str),
    Damaged(&'static str, usize, u8),
    CutShort(&'static str, usize),
    Noise(Vec<u8>),
}

impl Content {
    fn bytes(&self) -> Vec<u8> {
        let image = |name: &str| corpus::image(name).expect("a bundled image").bytes.to_vec();
        match self {
            Self::Erased => Vec::new(),
            Self::Image(name) => image(name),
            Self::Damaged(name, at, mask) => {
                let mut bytes = image(name);
                let at = at % bytes.len();
                bytes[at] ^= mask;
                bytes
            }
            Self::CutShort(name, len) => {
                let bytes = image(name);
                bytes[..len % bytes.len()].to_vec()
            }
            Self::Noise(bytes) => bytes.clone(),
        }
    }
}

fn content() -> impl Strategy<Value = Content> {
    let name = prop::sample::select(vec!["c3_min", "c3_4k", "c3_4k_v2", "c3_16k", "e32_4k"]);
    prop_oneof![
        2 => Just(Content::Erased),
        3 => name.clone().prop_map(Content::Image),
        2 => (name.clone(), any::<usize>(), 1u8..).prop_map(|(n, at, mask)| Content::Damaged(n, at, mask)),
        1 => (name, any::<usize>()).prop_map(|(n, len)| Content::CutShort(n, len)),
        1 => prop::collection::vec(any::<u8>(), 0..512).prop_map(Content::Noise),
    ]
}

fn state() -> impl Strategy<Value = OtaState> {
    prop_oneof![
        (0u32..6).prop_map(OtaState),
        Just(OtaState(u32::MAX)),
        any::<u32>().prop_map(OtaState)
    ]
}

fn entry() -> impl Strategy<Value = [u8; 32]> {
    prop_oneof![
        Just([0xFF; 32]),
        Just([0x00; 32]),
        (0u32..40, state()).prop_map(|(seq, state)| Entry::new(seq, state).emit()),
        (any::<u32>(), state()).prop_map(|(seq, state)| Entry::new(seq, state).emit()),
        // A torn program: the first n bytes only.
        (0u32..40, state(), 0usize..32).prop_map(|(seq, state, n)| {
            let mut bytes = Entry::new(seq, state).emit();
            bytes[n..].fill(0xFF);
            bytes
        }),
        any::<[u8; 32]>(),
    ]
}

#[derive(Clone, Debug)]
struct Device {
    slots: Vec<(Slot, Content)>,
    otadata: Option<[[u8; 32]; 2]>,
    table_damage: Option<(usize, u8)>,
    md5: bool,
    rollback: bool,
}

fn device() -> impl Strategy<Value = Device> {
    let slots: Vec<Slot> = [Slot::Factory, Slot::Test]
        .into_iter()
        .chain((0..16).map(Slot::Ota))
        .collect();
    (
        prop::sample::subsequence(slots, 0..=18)
            .prop_shuffle()
            .prop_flat_map(|slots| {
                let contents = prop::collection::vec(content(), slots.len());
                contents.prop_map(move |c| slots.clone().into_iter().zip(c).collect())
            }),
        prop::option::weighted(0.9, [entry(), entry()]),
        prop::option::weighted(0.2, (0..TABLE_LEN, 1u8..)),
        any::<bool>(),
        any::<bool>(),
    )
        .prop_map(|(slots, otadata, table_damage, md5, rollback)| Device {
            slots,
            otadata,
            table_damage,
            md5,
            rollback,
        })
}

impl Device {
    fn flash(&self, profile: &Profile) -> (State, [u8; TABLE_LEN]) {
        let mut rows = Vec::new();
        let label = |text: &str| Label::try_from(text).expect("a short label");
        if self.otadata.is_some() {
            rows.push(Partition {
                kind: Type::DATA,
                subtype: SubType::OTA,
                offset: 0x9000,
                size: 0x2000,
                label: label("otadata"),
                flags: 0,
            });
        }
        let mut state = profile.erased();
        for ((slot, content), n) in self.slots.iter().zip(1u32..) {
            let offset = n * SLOT;
            rows.push(Partition {
                kind: Type::APP,
                subtype: slot.subtype(),
                offset,
                size: SLOT,
                label: label("app"),
                flags: 0,
            });
            state.load(offset, &content.bytes());
        }
        let mut table = [0; TABLE_LEN];
        emit_table(rows, self.md5, &mut table).expect("at most 19 rows");
        if let Some((at, mask)) = self.table_damage {
            table[at] ^= mask;
        }
        state.load(0x8000, &table);
        for (entry, at) in self.otadata.iter().flatten().zip([0x9000, 0xA000]) {
            state.load(at, entry);
        }
        (state, table)
    }
}

/// Slots that the bootloader can reach at all, and whose image verifies.
fn bootable(
    table: &PartitionTable<'_>,
    flash: &mut Flash,
    verifier: &mut UnsignedVerifier<'_>,
) -> Vec<Slot> {
    let slots: Vec<Slot> = table
        .iter()
        .filter(|p| p.kind == Type::APP)
        .filter_map(|p| p.slot())
        .collect();
    let count = slots
        .iter()
        .filter(|slot| matches!(slot, Slot::Ota(_)))
        .count();
    let reachable = slots.iter().filter(|slot| match slot {
        Slot::Ota(n) => usize::from(*n) < count,
        Slot::Factory | Slot::Test => true,
    });
    let mut found = Vec::new();
    for slot in reachable {
        // Of two rows for one slot the later one counts.
        let last = table
            .iter()
            .rfind(|p| p.kind == Type::APP && p.slot() == Some(*slot));
        let region = last.expect("the slot is in the table").region();
        if verifier.verify(flash, region).is_ok() {
            found.push(*slot);
        }
    }
    found
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_boot_finds_an_image_if_one_can_be_found(device in device()) {
        let profile = Profile::w25q64jv();
        let (state, bytes) = device.flash(&profile);
        let mut flash = Flash::with_state(profile.clone(), state);
        let target = Target::new(&ESP32C3);
        let (mut buffer, mut other) = ([0; 4096], [0; 4096]);
        let mut verifier = UnsignedVerifier::new(target, &mut buffer).expect("the buffer is large enough");
        let config = BootConfig { rollback: device.rollback, ..BootConfig::new(profile.size()) };
        let mut room = [0; TABLE_LEN];
        let first = boot(&mut flash, &mut verifier, &mut NoSecureVersion, &config, &BootInputs::default(), &mut room);
        let mut judge = UnsignedVerifier::new(target, &mut other).expect("the buffer is large enough");
        match PartitionTable::for_bootloader(&bytes, profile.size()) {
            Err(_) => prop_assert!(first.is_err()),
            Ok(table) => {
                let otadata = table.otadata();
                let bootable = bootable(&table, &mut flash, &mut judge);
                match &first {
                    Ok(decision) => prop_assert!(bootable.contains(&decision.slot), "{decision} but only {bootable:?}"),
                    Err(error) => {
                        let small = otadata.is_some_and(|otadata| otadata.size < 0x2000);
                        prop_assert!(bootable.is_empty() || small, "{error} although {bootable:?}");
                    }
                }
            }
        }
        // Booting again ends as well, and finds an image again.
        let second = boot(&mut flash, &mut verifier, &mut NoSecureVersion, &config, &BootInputs::default(), &mut room);
        prop_assert_eq!(first.is_ok(), second.is_ok());
    }

    #[test]
    fn noise_for_a_flash_boots_nothing_and_harms_nothing(noise in prop::collection::vec(any::<u8>(), 0x3000), rollback: bool) {
        let profile = Profile::w25q64jv();
        let mut state = profile.erased();
        state.load(0x8000, &noise);
        let mut flash = Flash::with_state(profile.clone(), state.clone());
        let mut buffer = [0; 4096];
        let mut verifier = UnsignedVerifier::new(Target::new(&ESP32C3), &mut buffer).expect("the buffer is large enough");
        let config = BootConfig { rollback, ..BootConfig::new(profile.size()) };
        let mut room = [0; TABLE_LEN];
        let result = boot(&mut flash, &mut verifier, &mut NoSecureVersion, &config, &BootInputs::default(), &mut room);
        prop_assert!(result.is_err());
        prop_assert!(*flash.state() == state, "a refused table must leave the flash alone");
    }
}
