//! Wrong use is an error, never a panic: anything, in any order, on every profile.

use embedded_storage::nor_flash::{NorFlash, ReadNorFlash};
use proptest::prelude::*;
use sim_flash::{
    BitMask, Bits, Cells, Cut, Density, EraseSteps, Failure, Fault, Flash, Fraction, Geometry,
    Level, MetadataRow, Mixture, Op, Profile, Recording, Risen, Rows, SpiNor, State, Tear, When,
    measured_tears, over_erase_tears, tears,
};

#[derive(Clone, Debug)]
enum Call {
    Read(u32, usize),
    Write(u32, usize, u8),
    Erase(u32, u32),
    Page(u32, usize),
    Raw(u32, usize),
    Arm(u64, Tear),
    ArmAt(u64, u32, usize, u64),
    ArmAfter(u64, usize, u64),
    ArmReset(u64, u32),
    Suspend(u32, u32, Tear),
    Resume,
    Partially(u32, u64, Tear),
    Steps(Option<EraseSteps>),
    Inject(Fault),
    Protect(u32, u32),
    Strict(bool),
    Wait(u64),
    PowerOff(Option<Tear>),
    PowerOn,
    Restart,
    Wear(u32, u32),
    EraseChip,
    Load(u32, usize),
    Weaken(u32, usize),
}

/// Addresses near interesting places, and anywhere.
fn addr() -> impl Strategy<Value = u32> {
    let near =
        (0u32..0x2_1000, -2i64..3).prop_map(|(at, by)| (i64::from(at / 2048 * 2048) + by).max(0));
    prop_oneof![
        near.prop_map(|at| u32::try_from(at).unwrap_or(0)),
        0u32..0x2_1000,
        any::<u32>()
    ]
}

fn aligned() -> impl Strategy<Value = u32> {
    (0u32..0x40).prop_map(|sector| sector * 2048)
}

fn bits() -> impl Strategy<Value = Bits> {
    prop_oneof![
        Just(Bits::None),
        Just(Bits::All),
        any::<u32>().prop_map(Bits::One),
        (0u32..64).prop_map(Bits::One),
        (0u32..64).prop_map(Bits::AllBut),
        (0u32..9).prop_map(Bits::Seeded),
        any::<u8>().prop_map(Bits::Quick),
        any::<[u8; 32]>().prop_map(|bytes| Bits::Mask(BitMask::new(bytes))),
        any::<u128>().prop_map(|bits| Bits::Mask(bits.into())),
    ]
}

fn risen() -> impl Strategy<Value = Risen> {
    prop_oneof![
        (0u32..5000).prop_map(Risen::To),
        any::<u32>().prop_map(Risen::From),
        (any::<u8>(), 0u32..600).prop_map(|(width, row)| Risen::Row { width, row }),
        (any::<u8>(), any::<u32>()).prop_map(|(width, row)| Risen::AllBut { width, row }),
        (0u32..200, bits()).prop_map(|(row, bits)| Risen::Within(MetadataRow(row), bits)),
        bits().prop_map(Risen::Bits),
    ]
}

fn mixture() -> impl Strategy<Value = Mixture> {
    let cells = || prop::sample::select(vec![Cells::Old, Cells::Zero, Cells::Risen]);
    prop_oneof![
        (any::<u32>(), 0u32..5000).prop_map(|(risen, zeroed)| Mixture::Up { risen, zeroed }),
        (0u32..5000, any::<u32>()).prop_map(|(risen, zeroed)| Mixture::Down { risen, zeroed }),
        (any::<u8>(), 0u32..600, cells(), cells()).prop_map(|(width, row, is, rest)| {
            Mixture::Row {
                width,
                row,
                is,
                rest,
            }
        }),
        any::<u32>().prop_map(Mixture::Seeded),
    ]
}

fn tear() -> impl Strategy<Value = Tear> {
    use sim_flash::{Around, Neighbour};
    let rows = (any::<u8>(), 0u32..5).prop_map(|(width, row)| Tear::P2(Rows::One { width, row }));
    prop_oneof![
        prop::sample::select(vec![Tear::P0, Tear::P6, Tear::E0, Tear::E3, Tear::E7]),
        (0u32..300).prop_map(Tear::P1),
        (0u32..5000).prop_map(Tear::E1),
        (0u32..5000).prop_map(Tear::E2),
        rows,
        bits().prop_map(Tear::P3),
        bits().prop_map(Tear::P4),
        bits().prop_map(Tear::P5),
        bits().prop_map(|bits| Tear::P7(Around::Page, bits)),
        bits().prop_map(|bits| Tear::P7(Around::Sector, bits)),
        bits().prop_map(Tear::E4),
        bits().prop_map(Tear::E5),
        bits().prop_map(Tear::E6),
        risen().prop_map(Tear::E9),
        risen().prop_map(Tear::E11),
        mixture().prop_map(Tear::E10),
        bits().prop_map(|bits| Tear::E8(Neighbour::Before, bits)),
        bits().prop_map(|bits| Tear::E8(Neighbour::Behind, bits)),
    ]
}

fn fault() -> impl Strategy<Value = Fault> {
    let when = prop_oneof![
        (0u64..8).prop_map(When::Op),
        (0u64..8).prop_map(When::Read),
        (addr(), addr()).prop_map(|(from, to)| When::Touching(from..to)),
        (addr(), addr()).prop_map(|(from, to)| When::Every(from..to)),
        (any::<u32>(), any::<u64>())
            .prop_map(|(per_million, seed)| When::Chance { per_million, seed }),
    ];
    let mask = || prop::collection::vec(any::<u8>(), 0..40);
    let what = prop_oneof![
        tear().prop_map(Failure::Reported),
        tear().prop_map(Failure::Silent),
        Just(Failure::Read),
        Just(Failure::Ecc),
        (addr(), mask(), any::<bool>()).prop_map(|(addr, mask, at)| Failure::Stuck {
            addr,
            mask,
            at
        }),
        (addr(), mask(), any::<bool>()).prop_map(|(addr, mask, lost)| Failure::Rot {
            addr,
            mask,
            lost
        }),
        (addr(), mask()).prop_map(|(addr, mask)| Failure::Disturb { addr, mask }),
    ];
    (when, what).prop_map(|(when, what)| Fault { when, what })
}

fn steps() -> impl Strategy<Value = EraseSteps> {
    (0u64..130, 0usize..6, any::<u64>()).prop_map(|(ms, level, seed)| EraseSteps {
        step: ms * 1_000_000,
        level: Level::ALL[level],
        seed,
    })
}

fn call() -> impl Strategy<Value = Call> {
    let seed = any::<u64>;
    prop_oneof![
        3 => (addr(), 0usize..300).prop_map(|(addr, len)| Call::Read(addr, len)),
        3 => (aligned(), 0usize..20, any::<u8>()).prop_map(|(addr, rows, byte)| Call::Write(addr, rows * 32, byte)),
        1 => (addr(), 0usize..600, any::<u8>()).prop_map(|(addr, len, byte)| Call::Write(addr, len, byte)),
        3 => (aligned(), 0u32..8).prop_map(|(addr, sectors)| Call::Erase(addr, addr.wrapping_add(sectors * 4096))),
        1 => (addr(), addr()).prop_map(|(from, to)| Call::Erase(from, to)),
        1 => (addr(), 0usize..600).prop_map(|(addr, len)| Call::Page(addr, len)),
        1 => (addr(), 0usize..600).prop_map(|(addr, len)| Call::Raw(addr, len)),
        2 => (0u64..4, tear()).prop_map(|(op, tear)| Call::Arm(op, tear)),
        1 => (0u64..4, any::<u32>(), 0usize..6, seed()).prop_map(|(op, at, level, seed)| Call::ArmAt(op, at, level, seed)),
        1 => (0u64..200_000_000, 0usize..6, seed()).prop_map(|(time, level, seed)| Call::ArmAfter(time, level, seed)),
        1 => (0u64..4, any::<u32>()).prop_map(|(op, at)| Call::ArmReset(op, at)),
        1 => (aligned(), prop_oneof![Just(4096u32), any::<u32>()], tear()).prop_map(|(addr, len, tear)| Call::Suspend(addr, len, tear)),
        1 => Just(Call::Resume),
        1 => (aligned(), 0u64..200, tear()).prop_map(|(addr, ms, tear)| Call::Partially(addr, ms * 1_000_000, tear)),
        1 => prop::option::of(steps()).prop_map(Call::Steps),
        1 => fault().prop_map(Call::Inject),
        1 => (addr(), addr()).prop_map(|(from, to)| Call::Protect(from, to)),
        1 => any::<bool>().prop_map(Call::Strict),
        1 => any::<u64>().prop_map(Call::Wait),
        1 => prop::option::of(tear()).prop_map(Call::PowerOff),
        3 => Just(Call::PowerOn),
        1 => Just(Call::Restart),
        1 => (addr(), any::<u32>()).prop_map(|(addr, erases)| Call::Wear(addr, erases)),
        1 => Just(Call::EraseChip),
        1 => (addr(), 0usize..600).prop_map(|(addr, len)| Call::Load(addr, len)),
        1 => (addr(), 0usize..600).prop_map(|(addr, len)| Call::Weaken(addr, len)),
    ]
}

fn run<G: Geometry>(profile: Profile<G>, calls: &[Call]) {
    let mut flash = Flash::new(profile.with_size(0x2_0000));
    flash.record(Recording::All);
    for call in calls.iter().cloned() {
        // Errors are fine here; panics are not.
        match call {
            Call::Read(addr, len) => drop(flash.read(addr, &mut vec![0; len])),
            Call::Write(addr, len, byte) => drop(flash.write(addr, &vec![byte; len])),
            Call::Erase(from, to) => drop(flash.erase(from, to)),
            Call::Page(addr, len) => drop(flash.page_program(addr, &vec![0x5A; len])),
            Call::Raw(addr, len) => drop(flash.read_raw(addr, &mut vec![0; len])),
            Call::Arm(op, tear) => flash.arm(Cut { op, tear }),
            Call::ArmAt(op, at, level, seed) => {
                flash.arm_at(op, Fraction::ppm(at), Level::ALL[level], seed);
            }
            Call::ArmAfter(time, level, seed) => flash.arm_after(time, Level::ALL[level], seed),
            Call::ArmReset(op, at) => flash.arm_reset(op, Fraction::ppm(at)),
            Call::Suspend(addr, len, tear) => drop(flash.suspend_erase(addr, len, tear)),
            Call::Resume => drop(flash.resume_erase()),
            Call::Partially(addr, step, tear) => drop(flash.erase_partially(addr, step, tear)),
            Call::Steps(steps) => flash.set_erase_steps(steps),
            Call::Inject(fault) => flash.inject(fault),
            Call::Protect(from, to) => flash.protect(from..to),
            Call::Strict(strict) => flash.set_strict(strict),
            Call::Wait(time) => flash.wait(time),
            Call::PowerOff(tear) => flash.power_off(tear),
            Call::PowerOn => flash.power_on(),
            Call::Restart => flash.restart(),
            Call::Wear(addr, erases) => flash.set_erase_count(addr, erases),
            Call::EraseChip => drop(flash.erase_chip()),
            Call::Load(addr, len) => flash.state_mut().load(addr, &vec![0x33; len]),
            Call::Weaken(addr, len) => flash.state_mut().weaken(addr, &vec![0x81; len]),
        }
    }
    let text = flash.trace().to_string();
    assert_eq!(text.parse::<sim_flash::Trace>().as_ref(), Ok(flash.trace()));
    let copy = flash.state().clone();
    assert_eq!(copy, *flash.state());
    assert_eq!(copy.hash(), flash.snapshot().hash());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_called(calls in prop::collection::vec(call(), 1..60)) {
        run(Profile::w25q64jv(), &calls);
        run(Profile::nrf52840(), &calls);
        run(Profile::nrf52832(), &calls);
        run(Profile::stm32l4(), &calls);
        let checked = Profile::<SpiNor>::builder("checked").ecc_after_cut_erase(8);
        run(checked.build().unwrap(), &calls);
        run(Profile::esp32_encrypted(), &calls);
        run(Profile::esp32c3_encrypted(), &calls);
        run(Profile::rp2040(), &calls);
    }

    #[test]
    fn whatever_is_torn(at in addr(), data in prop::collection::vec(any::<u8>(), 0..5000), len in any::<u32>(), tear in tear(), offset in any::<u32>()) {
        for op in [Op::program(at, &data), Op::erase(at, len % 0x3_0000), Op::erase(at, 0)] {
            let mut state = State::erased(0x2_0000, 4096);
            state.tear(&op, tear);
            state.apply(&op);
            let mut new = [0; 100];
            tear.torn(&op, offset, &[0xA5; 100], &mut new);
            tear.torn(&op, offset % 300, &[0xA5; 90], &mut new);
            tear.torn_cells(&op, offset % 300, &mut new, &mut [0x11; 80], true);
            let window = tear.window(&op);
            prop_assert!(window.start() <= window.end(), "{} {}", op, tear);
            prop_assert_eq!(tear.to_string().parse(), Ok(tear));
        }
        let op = Op::program(at, &data);
        let listed = tears(&op, Density::Coarse, Level::L5);
        prop_assert!(listed.iter().chain(&measured_tears(&op)).chain(&over_erase_tears(&op, Density::Field)).all(|tear| tear.applies_to(&op)));
    }
}
