//! Laws of flash contents, checked against a plain byte array.

use proptest::prelude::*;
use sim_flash::{Density, Level, Op, State, granule_hash, tears};

const SIZE: u32 = 320 << 10;

#[derive(Clone, Debug)]
enum Step {
    Program(u32, Vec<u8>),
    Erase(u32, u32),
    Load(u32, Vec<u8>),
    Snapshot,
    Hash,
}

fn step() -> impl Strategy<Value = Step> {
    let addr = prop_oneof![
        0..SIZE - 256,
        (0..SIZE / 4096).prop_map(|sector| sector * 4096)
    ];
    let bytes = prop_oneof![
        proptest::collection::vec(any::<u8>(), 1..256),
        (any::<u8>(), 1..256usize).prop_map(|(byte, len)| vec![byte; len]),
    ];
    let erase = (0..SIZE / 4096, prop_oneof![Just(1u32), Just(8), Just(16)])
        .prop_map(|(sector, count)| (sector / count * count * 4096, count * 4096));
    prop_oneof![
        4 => (addr.clone(), bytes.clone()).prop_map(|(addr, bytes)| Step::Program(addr, bytes)),
        2 => erase.prop_map(|(addr, len)| Step::Erase(addr, len)),
        1 => (addr, bytes).prop_map(|(addr, bytes)| Step::Load(addr, bytes)),
        1 => Just(Step::Snapshot),
        1 => Just(Step::Hash),
    ]
}

fn contents(state: &State) -> Vec<u8> {
    let mut bytes = vec![0; state.size() as usize];
    state.read(0, &mut bytes);
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_state_is_a_byte_array_and_snapshots_are_independent(steps in proptest::collection::vec(step(), 1..60)) {
        let mut state = State::erased(SIZE, 4096);
        let mut model = vec![0xFFu8; SIZE as usize];
        let mut snapshots = Vec::new();
        for step in steps {
            match step {
                Step::Program(addr, bytes) => {
                    state.apply(&Op::program(addr, &bytes));
                    for (cell, byte) in model[addr as usize..].iter_mut().zip(&bytes) {
                        *cell &= byte;
                    }
                }
                Step::Erase(addr, len) => {
                    state.apply(&Op::erase(addr, len));
                    let end = ((addr + len) as usize).min(model.len());
                    model[addr as usize..end].fill(0xFF);
                }
                Step::Load(addr, bytes) => {
                    state.load(addr, &bytes);
                    model[addr as usize..addr as usize + bytes.len()].copy_from_slice(&bytes);
                }
                Step::Snapshot => snapshots.push((state.clone(), model.clone())),
                Step::Hash => prop_assert_eq!(state.hash(), granule_hash(0, &model)),
            }
        }
        snapshots.push((state, model));
        for (state, model) in &snapshots {
            prop_assert!(contents(state) == *model);
            prop_assert_eq!(state.hash(), granule_hash(0, model));
        }
        for (a, bytes_a) in &snapshots {
            for (b, bytes_b) in &snapshots {
                prop_assert_eq!(a == b, bytes_a == bytes_b);
                prop_assert_eq!(a.hash() == b.hash(), bytes_a == bytes_b);
            }
        }
    }

    #[test]
    fn the_hash_of_a_range_is_the_sum_of_its_granules(
        steps in proptest::collection::vec((0..SIZE - 256, proptest::collection::vec(any::<u8>(), 1..256)), 1..20),
        from in 0..SIZE / 32,
        len in 0..SIZE / 32,
    ) {
        let mut state = State::erased(SIZE, 4096);
        for (addr, bytes) in steps {
            state.apply(&Op::program(addr, &bytes));
        }
        let (from, to) = (from * 32, (from + len).min(SIZE / 32) * 32);
        let bytes = contents(&state);
        prop_assert_eq!(state.hash_range(from..to), granule_hash(from, &bytes[from as usize..to as usize]));
        state.hash();
        prop_assert_eq!(state.hash_range(from..to), granule_hash(from, &bytes[from as usize..to as usize]));
    }

    #[test]
    fn a_torn_state_is_the_torn_bytes_on_any_part(
        old in proptest::collection::vec(any::<u8>(), 8192),
        data in proptest::collection::vec(any::<u8>(), 1..256),
        addr in 0u32..4096,
        erase in any::<bool>(),
        pick in any::<prop::sample::Index>(),
        from in 0u32..8192,
        len in 0usize..600,
    ) {
        let op = if erase { Op::erase(addr / 4096 * 4096, 4096) } else { Op::program(addr, &data) };
        let all = tears(&op, Density::Full, Level::L2);
        let tear = all[pick.index(all.len())];
        let mut state = State::erased(8192, 4096);
        state.load(0, &old);
        state.tear(&op, tear);

        let (start, end) = (op.addr() as usize, (op.addr() + op.len()) as usize);
        let mut model = old.clone();
        tear.torn(&op, 0, &old[start..end], &mut model[start..end]);
        prop_assert!(contents(&state) == model);

        let from = from % op.len();
        let part = start + from as usize..(start + from as usize + len).min(end);
        let mut new = vec![0; part.len()];
        tear.torn(&op, from, &old[part.clone()], &mut new);
        prop_assert_eq!(&new, &model[part]);
    }

    #[test]
    fn a_torn_program_lies_between_old_and_wanted(
        old in proptest::collection::vec(any::<u8>(), 256),
        data in proptest::collection::vec(any::<u8>(), 1..=256),
    ) {
        let op = Op::program(0, &data);
        let mut new = vec![0; data.len()];
        for tear in tears(&op, Density::Full, Level::L2) {
            tear.torn(&op, 0, &old[..data.len()], &mut new);
            for ((old, wanted), new) in old.iter().zip(&data).zip(&new) {
                prop_assert_eq!(new & !old, 0, "{} sets a bit", tear);
                prop_assert_eq!(old & wanted & !new, 0, "{} clears a bit that was not to be cleared", tear);
            }
        }
    }
}

#[test]
fn which_tears_exist_is_a_matter_of_the_operation_and_ids_round_trip() {
    let record: Vec<u8> = (0..32)
        .map(|i| if i < 24 { i * 11 } else { 0xFF })
        .collect();
    for op in [
        Op::program(0x1004, &record),
        Op::program(0x1000, &[0x5A; 256]),
        Op::erase(0x2000, 4096),
    ] {
        for density in [Density::Coarse, Density::Field, Density::Full] {
            let all = tears(&op, density, Level::L2);
            let mut seen = std::collections::BTreeSet::new();
            for tear in &all {
                assert!(tear.applies_to(&op), "{tear}");
                assert!(seen.insert(*tear), "{tear} twice");
                assert_eq!(tear.to_string().parse(), Ok(*tear));
            }
            println!("{op} {density:?}: {}", all.len());
        }
    }
}

#[test]
fn states_travel_between_threads_and_flashes_go_along() {
    fn travels<T: Send + Sync>() {}
    travels::<State>();
    travels::<sim_flash::Flash>();
}

#[test]
fn an_adopted_range_is_as_the_other_flash_has_it_and_the_rest_as_before() {
    let mut other = State::erased(512 * 1024, 4096);
    let mut mine = other.clone();
    for at in (0..512 * 1024).step_by(3000) {
        other.program(at, &[at.to_le_bytes()[1], 0x0F]);
        mine.program(at, &[0x3C, at.to_le_bytes()[1]]);
    }
    for (addr, len) in [
        (0, 4096),
        (0x3000, 0x2_0000),
        (0x2_0000, 0x4_0000),
        (0x7_F000, 0x1000),
    ] {
        let mut got = mine.clone();
        assert!(got.adopt(&other, addr, len));
        let mut want = mine.clone();
        let mut bytes = vec![0; len as usize];
        other.read(addr, &mut bytes);
        want.load(addr, &bytes);
        assert!(
            got == want && got.hash() == want.hash(),
            "{addr:#x}+{len:#x}"
        );
        assert_eq!(
            got.hash_range(addr..addr + len),
            other.hash_range(addr..addr + len)
        );
    }
    let before = mine.hash();
    assert!(!mine.adopt(&other, 100, 4096) && !mine.adopt(&other, 0, 0x10_0000));
    assert_eq!(mine.hash(), before);
}
