//! Derived crash states against live ones, for any calls in any order: the same cut arrives at the same bytes.
//!
//! The scenarios themselves are cut in `live_cuts`.

use fault_tests::case::{Step, replay};
use fault_tests::chip::Chip;
use fault_tests::explore::{CutAt, Path, Start};
use fault_tests::ota::Verifier;
use fault_tests::subject::{Dead, Journal, Rest, Subject};
use ota_core::chip::ESP32C3;
use ota_core::efuse::NoSecureVersion;
use ota_core::image::{Target, UnsignedVerifier};
use ota_core::otadata::{Entry, OtaState};
use ota_core::partition::{Partition, PartitionTable, Slot};
use ota_core::update::{AppConfig, ImageSize, Ota, OtaError};
use proptest::prelude::*;
use sim_flash::{Density, Level, Profile, State, tears};

/// One call of the application.
#[derive(Clone, Debug)]
enum Call {
    Begin(u8, ImageSize),
    Resume(u8, u32),
    Write {
        image: &'static str,
        from: usize,
        len: usize,
    },
    WriteWithOffset {
        image: &'static str,
        from: usize,
        len: usize,
    },
    WriteAll(&'static str),
    End,
    Abort,
    SetBoot(Slot),
    MarkValid,
    MarkInvalid,
    EraseLastBootApp,
    InvalidateInactive,
}

fn call() -> impl Strategy<Value = Call> {
    let image = prop::sample::select(vec!["c3_min", "c3_4k", "c3_4k_v2"]);
    let part = || (0usize..4096, 1usize..1024);
    prop_oneof![
        4 => (0u8..2, prop_oneof![
            (1u32..9000).prop_map(ImageSize::Known),
            Just(ImageSize::Unknown),
            Just(ImageSize::Sequential)
        ]).prop_map(|(slot, size)| Call::Begin(slot, size)),
        1 => (0u8..2, 0u32..9000).prop_map(|(slot, offset)| Call::Resume(slot, offset)),
        2 => (image.clone(), part()).prop_map(|(image, (from, len))| Call::Write { image, from, len }),
        1 => (image.clone(), part()).prop_map(|(image, (from, len))| Call::WriteWithOffset { image, from, len }),
        4 => image.prop_map(Call::WriteAll),
        4 => Just(Call::End),
        1 => Just(Call::Abort),
        4 => prop_oneof![Just(Slot::Factory), (0u8..3).prop_map(Slot::Ota)].prop_map(Call::SetBoot),
        2 => Just(Call::MarkValid),
        1 => Just(Call::MarkInvalid),
        1 => Just(Call::EraseLastBootApp),
        1 => Just(Call::InvalidateInactive),
    ]
}

/// An application that makes these calls, whatever they return.
struct Script(Vec<Call>);

const TABLE: &str = "v02_two_ota";

impl Subject for Script {
    /// Calls that returned Ok: the promises of this device.
    type World = u32;

    fn power_on(&self, chip: &mut Chip<'_>, journal: &mut Journal<u32>) -> Result<Rest, Dead> {
        let table = corpus::table(TABLE)
            .and_then(corpus::Table::binary)
            .expect("a bundled table");
        let table = PartitionTable::for_application(table, true).expect("a sound table");
        let target = Target::new(&ESP32C3);
        let mut buffer = [0; 4096];
        let verifier =
            Verifier::new(UnsignedVerifier::new(target, &mut buffer).expect("a large buffer"));
        let running = table.slot(Slot::Factory).expect("a factory partition");
        let config = AppConfig {
            rollback: true,
            ..AppConfig::new(target, Profile::w25q64jv().size())
        };
        let mut ota =
            Ota::<_, _, _, 1>::new(chip, verifier, NoSecureVersion, table, running, config);
        let slot = |slot| table.slot(slot);
        let mut handle = None;
        for call in &self.0 {
            let done = match call {
                Call::Begin(n, size) => open(
                    &mut handle,
                    slot(Slot::Ota(*n)).map(|p| ota.begin(&p, *size)),
                ),
                Call::Resume(n, offset) => open(
                    &mut handle,
                    slot(Slot::Ota(*n)).map(|p| ota.resume(&p, ImageSize::Sequential, *offset)),
                ),
                Call::Write { image, from, len } => {
                    handle.map(|handle| ota.write(handle, part(image, *from, *len)))
                }
                Call::WriteWithOffset { image, from, len } => handle.map(|handle| {
                    let offset = u32::try_from(*from).expect("a small offset");
                    ota.write_with_offset(handle, part(image, *from, *len), offset)
                }),
                Call::WriteAll(image) => {
                    handle.map(|handle| ota.write(handle, part(image, 0, usize::MAX)))
                }
                Call::End => handle.take().map(|handle| ota.end(handle)),
                Call::Abort => handle.take().map(|handle| ota.abort(handle)),
                Call::SetBoot(wanted) => {
                    slot(*wanted).map(|p: Partition| ota.set_boot_partition(&p))
                }
                Call::MarkValid => Some(ota.mark_app_valid_cancel_rollback()),
                Call::MarkInvalid => Some(ota.mark_app_invalid_rollback()),
                Call::EraseLastBootApp => Some(ota.erase_last_boot_app_partition()),
                Call::InvalidateInactive => Some(ota.invalidate_inactive_otadata_slot()),
            };
            if ota.flash().dead() {
                return Err(Dead);
            }
            if done.is_some_and(|done| done.is_ok()) {
                journal.change(|promises| *promises += 1);
            }
        }
        Ok(Rest::Idle)
    }
}

fn open<E>(
    handle: &mut Option<ota_core::update::Handle>,
    opened: Option<Result<ota_core::update::Handle, OtaError<E>>>,
) -> Option<Result<(), OtaError<E>>> {
    match opened? {
        Ok(opened) => {
            *handle = Some(opened);
            Some(Ok(()))
        }
        Err(error) => Some(Err(error)),
    }
}

fn part(image: &str, from: usize, len: usize) -> &'static [u8] {
    let bytes = corpus::image(image).expect("a bundled image").bytes;
    let from = from.min(bytes.len());
    &bytes[from..from.saturating_add(len).min(bytes.len())]
}

fn start(entries: &[Option<(u32, u32)>; 2]) -> State {
    let mut state = Profile::w25q64jv().erased();
    state.load(
        0x8000,
        corpus::table(TABLE)
            .and_then(corpus::Table::binary)
            .expect("a bundled table"),
    );
    for (entry, at) in entries.iter().zip([0xD000, 0xE000]) {
        if let Some((seq, otastate)) = entry {
            state.load(at, &Entry::new(*seq, OtaState(*otastate)).emit());
        }
    }
    let image = corpus::image("c3_4k").expect("a bundled image").bytes;
    for slot in [0x1_0000, 0x11_0000] {
        state.load(slot, image);
    }
    state
}

/// The state that the explorer derives for a cut in this power-on: nothing is executed.
fn derived(step: &Step, cut: CutAt) -> State {
    let mut state = step.before.clone();
    let op = cut.op as usize;
    step.ops[..op].iter().for_each(|op| state.apply(op));
    state.tear(&step.ops[op], cut.tear);
    state
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_live_cut_leaves_the_derived_bytes(
        calls in prop::collection::vec(call(), 1..8),
        entries in [prop::option::of((0u32..8, 0u32..5)), prop::option::of((0u32..8, 0u32..5))],
        picks in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>()), 8),
    ) {
        let (subject, profile, start) = (Script(calls), Profile::w25q64jv(), Start::only(start(&entries), 0));
        let healthy = replay(&subject, &profile, &start, &Path::default(), false).expect("no cut to reach");
        let first = &healthy.steps[0];
        if first.ops.is_empty() {
            return Ok(());
        }
        for (op, tear) in picks {
            let op = op.index(first.ops.len());
            let tears = tears(&first.ops[op], Density::Field, Level::L2);
            let cut = CutAt { boot: 0, op: u32::try_from(op).expect("few operations"), tear: tears[tear.index(tears.len())] };
            let live = replay(&subject, &profile, &start, &vec![cut].into(), false).expect("the operation is reached");
            prop_assert!(live.steps[0].after == derived(first, cut), "{cut}");
            prop_assert_eq!(&live.steps[0].ops, &first.ops[..op], "nothing is done after the cut");
        }
    }
}
