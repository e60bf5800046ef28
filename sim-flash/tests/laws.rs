//! Laws of the powered device and of cells with weak bits, as properties.

use embedded_storage::nor_flash::{NorFlash, ReadNorFlash};
use proptest::prelude::*;
use sim_flash::{Adversary, Cut, Density, Flash, Level, Op, Profile, State, Tear, tears};

const SIZE: u32 = 64 << 10;

fn cells(state: &State, addr: u32, len: usize) -> (Vec<u8>, Vec<u8>) {
    let (mut cells, mut weak) = (vec![0; len], vec![0; len]);
    state.read(addr, &mut cells);
    state.weak(addr, &mut weak);
    (cells, weak)
}

/// Any contents: some bytes, some weak bits, some distrust.
fn contents() -> impl Strategy<Value = State> {
    let bytes = (0..SIZE, prop::collection::vec(any::<u8>(), 1..600));
    let weak = (0..SIZE, prop::collection::vec(any::<u8>(), 1..64));
    let doubt = (0..SIZE, 1..5000u32);
    let many = (
        prop::collection::vec(bytes, 0..6),
        prop::collection::vec(weak, 0..4),
        prop::collection::vec(doubt, 0..2),
    );
    many.prop_map(|(bytes, weak, doubt)| {
        let mut state = State::erased(SIZE, 4096);
        for (addr, bytes) in &bytes {
            state.load(*addr, bytes);
        }
        for (addr, weak) in &weak {
            state.weaken(*addr, weak);
        }
        for (addr, len) in &doubt {
            state.distrust(*addr..(addr + len).min(SIZE));
        }
        state
    })
}

fn program() -> impl Strategy<Value = Op> {
    (
        0..SIZE / 256,
        0..256u32,
        prop::collection::vec(any::<u8>(), 1..256),
    )
        .prop_map(|(page, at, data)| {
            let room = 256 - at as usize;
            Op::program(page * 256 + at, &data[..data.len().min(room)])
        })
}

fn operation() -> impl Strategy<Value = Op> {
    let erase = (0..SIZE / 4096).prop_map(|sector| Op::erase(sector * 4096, 4096));
    prop_oneof![program(), erase, Just(Op::erase(0x8000, 0x8000))]
}

fn a_tear_of(op: &Op, pick: prop::sample::Index) -> Tear {
    let mut all = tears(op, Density::Full, Level::L5);
    all.extend(sim_flash::over_erase_tears(op, Density::Full));
    all[pick.index(all.len())]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_program_never_sets_a_solid_bit(state in contents(), op in program(), pick in any::<prop::sample::Index>(), heals in any::<bool>()) {
        let (addr, len) = (op.addr(), op.data().len());
        let (old, old_weak) = cells(&state, addr, len);
        for tear in [None, Some(a_tear_of(&op, pick))] {
            let mut after = state.clone();
            after.set_reprogram_heals(heals);
            match tear {
                Some(tear) => after.tear(&op, tear),
                None => after.apply(&op),
            }
            let (new, new_weak) = cells(&after, addr, len);
            for i in 0..len {
                let solid_zero = !old[i] & !old_weak[i];
                prop_assert_eq!(solid_zero & (new[i] | new_weak[i]), 0, "{:?} raises a bit", tear);
            }
        }
    }

    #[test]
    fn a_torn_program_lies_between_old_and_wanted_however_it_is_read(state in contents(), op in program(), pick in any::<prop::sample::Index>()) {
        let (addr, len) = (op.addr(), op.data().len());
        let (old, old_weak) = cells(&state, addr, len);
        let tear = a_tear_of(&op, pick);
        let mut after = state.clone();
        after.tear(&op, tear);
        let (new, new_weak) = cells(&after, addr, len);
        for i in 0..len {
            let (most, least) = (new[i] | new_weak[i], new[i] & !new_weak[i]);
            prop_assert_eq!(most & !(old[i] | old_weak[i]), 0, "{} reads a bit that was not there", tear);
            prop_assert_eq!(op.data()[i] & old[i] & !old_weak[i] & !least, 0, "{} loses a bit that was to stay", tear);
        }
        // Solid cells elsewhere stay, but for collateral damage, which weakens them only.
        let (before_all, _) = cells(&state, 0, SIZE as usize);
        let (after_all, _) = cells(&after, 0, SIZE as usize);
        let outside = |i: usize| !(addr as usize..addr as usize + len).contains(&i);
        prop_assert!((0..SIZE as usize).filter(|i| outside(*i)).all(|i| before_all[i] == after_all[i]));
    }

    /// What a cut erase leaves of a bit follows from the erase, the place of the bit and what that bit was: two contents
    /// that agree in some bits agree there afterwards. Whoever derives one crash state from another relies on it.
    #[test]
    fn a_torn_erase_treats_each_bit_by_itself(
        a in prop::collection::vec(any::<u8>(), 256), b in prop::collection::vec(any::<u8>(), 256),
        weak in prop::collection::vec(any::<u8>(), 256), pick in any::<prop::sample::Index>(), heals in any::<bool>(),
    ) {
        let op = Op::erase(0x2000, 256);
        let mut list = sim_flash::tears(&op, Density::Full, Level::L4);
        let rows = sim_flash::RowTears::of(&op, Level::L4).unwrap();
        list.extend((0..rows.shapes()).filter_map(|shape| rows.tear(shape % rows.rows(), shape)));
        let tear = *pick.get(&list);
        let left = |old: &[u8]| {
            let (mut cells, mut weak) = (old.to_vec(), weak.clone());
            tear.torn_cells(&op, 0, &mut cells, &mut weak, heals);
            (cells, weak)
        };
        let ((cells_a, weak_a), (cells_b, weak_b)) = (left(&a), left(&b));
        for at in 0..256 {
            let same = !(a[at] ^ b[at]);
            prop_assert_eq!(cells_a[at] & same, cells_b[at] & same, "{} byte {}", tear, at);
            prop_assert_eq!(weak_a[at] & same, weak_b[at] & same, "{} byte {}", tear, at);
        }
    }

    /// From what was there a bit only rises.
    #[test]
    fn an_erase_that_zeroed_nothing_leaves_no_bit_lower(
        old in prop::collection::vec(any::<u8>(), 256), pick in any::<prop::sample::Index>(),
    ) {
        let op = Op::erase(0x2000, 256);
        let mut list = sim_flash::tears(&op, Density::Full, Level::L3);
        list.retain(|tear| matches!(tear, Tear::E9(_) | Tear::E11(_)));
        let tear = *pick.get(&list);
        let (mut cells, mut weak) = (old.clone(), vec![0; 256]);
        tear.torn_cells(&op, 0, &mut cells, &mut weak, true);
        for at in 0..256 {
            prop_assert_eq!(cells[at] & old[at], old[at]);
            prop_assert_eq!(weak[at] & old[at], 0, "a bit that was 1 is");
        }
    }

    #[test]
    fn torn_cells_on_any_part_are_the_torn_state(
        state in contents(),
        op in operation(),
        pick in any::<prop::sample::Index>(),
        from in any::<u32>(),
        len in 1usize..300,
        heals in any::<bool>(),
    ) {
        let tear = a_tear_of(&op, pick);
        let from = from % op.len();
        let len = len.min((op.len() - from) as usize);
        let (mut part, mut weak) = cells(&state, op.addr() + from, len);
        let mut solid = vec![0; len];
        tear.torn(&op, from, &part, &mut solid);
        tear.torn_cells(&op, from, &mut part, &mut weak, heals);
        let mut after = state.clone();
        after.set_reprogram_heals(heals);
        after.tear(&op, tear);
        prop_assert_eq!(&cells(&after, op.addr() + from, len), &(part.clone(), weak), "{}", tear);
        prop_assert_eq!(solid, part, "{}", tear);
    }

    #[test]
    fn a_tear_below_l3_leaves_no_new_weak_bits(state in contents(), op in operation(), pick in any::<prop::sample::Index>()) {
        let tear = a_tear_of(&op, pick);
        prop_assume!(tear.level() < Level::L3);
        let (_, weak_before) = cells(&state, 0, SIZE as usize);
        let mut after = state.clone();
        after.tear(&op, tear);
        let (_, weak_after) = cells(&after, 0, SIZE as usize);
        prop_assert!(weak_before.iter().zip(&weak_after).all(|(before, after)| after & !before == 0), "{}", tear);
    }

    #[test]
    fn what_a_cut_touched_is_not_trusted_until_it_is_erased(state in contents(), op in operation(), pick in any::<prop::sample::Index>()) {
        let tear = a_tear_of(&op, pick);
        prop_assume!(!tear.is_nothing());
        let mut after = state.clone();
        after.tear(&op, tear);
        prop_assert!(!after.trusted(op.addr()..op.addr() + 1));
        after.apply(&Op::erase(op.addr() / 4096 * 4096, 4096));
        prop_assert!(after.trusted(op.addr() / 4096 * 4096..op.addr() / 4096 * 4096 + 4096));
    }

    #[test]
    fn an_erase_heals(mut state in contents(), ops in prop::collection::vec((operation(), any::<prop::sample::Index>()), 0..8), heals in any::<bool>()) {
        state.set_reprogram_heals(heals);
        for (op, pick) in &ops {
            state.tear(op, a_tear_of(op, *pick));
        }
        for addr in (0..SIZE).step_by(4096) {
            state.apply(&Op::erase(addr, 4096));
        }
        prop_assert_eq!(state.hash(), 0);
        prop_assert!(state == State::erased(SIZE, 4096));
    }

    #[test]
    fn equal_contents_equal_hash_and_the_other_way_round(a in contents(), op in operation(), pick in any::<prop::sample::Index>()) {
        let mut b = a.clone();
        b.tear(&op, a_tear_of(&op, pick));
        let (all_a, all_b) = (cells(&a, 0, SIZE as usize), cells(&b, 0, SIZE as usize));
        let trust = |state: &State| (0..SIZE).step_by(32).map(|at| state.trusted(at..at + 32)).collect::<Vec<_>>();
        let same = all_a == all_b && trust(&a) == trust(&b);
        prop_assert_eq!(a == b, same);
        prop_assert_eq!(a.hash() == b.hash(), same);
        prop_assert_eq!(a.hash_range(0..SIZE) == b.hash_range(0..SIZE), all_a == all_b);
        // The same contents by another way.
        let mut c = State::erased(SIZE, 4096);
        c.load(0, &all_b.0);
        c.weaken(0, &all_b.1);
        for (at, trusted) in (0..SIZE).step_by(32).zip(trust(&b)) {
            if !trusted {
                c.distrust(at..at + 32);
            }
        }
        prop_assert!(c == b);
        prop_assert_eq!(c.hash(), b.hash());
    }

    #[test]
    fn a_healthy_run_is_a_byte_array_whatever_the_seed(
        script in prop::collection::vec((0u8..4, 0..SIZE, prop::collection::vec(any::<u8>(), 1..700)), 1..40),
        seed in any::<u64>(),
    ) {
        let mut flash = Flash::new(Profile::w25q64jv().with_size(SIZE));
        flash.set_adversary(Adversary::PerRead { seed });
        let mut model = vec![0xFFu8; SIZE as usize];
        for (kind, addr, bytes) in script {
            let at = addr as usize;
            let end = at + bytes.len();
            match kind {
                0 => {
                    let (from, to) = (addr / 4096 * 4096, addr / 4096 * 4096 + 4096);
                    flash.erase(from, to).unwrap();
                    model[from as usize..to as usize].fill(0xFF);
                }
                1 | 2 => {
                    let written = flash.write(addr, &bytes);
                    let legal = end <= model.len() && bytes.iter().zip(&model[at..]).all(|(new, old)| new & !old == 0);
                    prop_assert_eq!(written.is_ok(), legal);
                    if end > model.len() {
                        continue;
                    }
                    // Pages before the first that breaks the rule have been programmed.
                    let mut at = at;
                    while at < end {
                        let stop = ((at / 256 + 1) * 256).min(end);
                        let page = &bytes[at - addr as usize..stop - addr as usize];
                        if page.iter().zip(&model[at..]).any(|(new, old)| new & !old != 0) {
                            break;
                        }
                        model[at..stop].copy_from_slice(page);
                        at = stop;
                    }
                }
                _ => {
                    let mut read = vec![0; bytes.len()];
                    let inside = end <= model.len();
                    prop_assert_eq!(flash.read(addr, &mut read).is_ok(), inside);
                    if inside {
                        prop_assert_eq!(&read[..], &model[at..end]);
                    }
                }
            }
        }
        let (all, weak) = cells(flash.state(), 0, SIZE as usize);
        prop_assert!(all == model && weak.iter().all(|bits| *bits == 0));
        // And the trace, written to a file and read back, makes the same contents again.
        let trace: sim_flash::Trace = flash.trace().to_string().parse().unwrap();
        prop_assert!(trace == *flash.trace());
        let mut replayed = Profile::w25q64jv().with_size(SIZE).erased();
        trace.replay(&mut replayed).unwrap();
        prop_assert!(replayed == *flash.state());
    }

    #[test]
    fn ids_round_trip_and_windows_lie_within_the_operation(op in operation(), pick in any::<prop::sample::Index>()) {
        let tear = a_tear_of(&op, pick);
        prop_assert_eq!(tear.to_string().parse(), Ok(tear));
        let window = tear.window(&op);
        prop_assert!(window.start() <= window.end(), "{}", tear);
        prop_assert!(window.contains(&tear.at(&op)));
    }

    #[test]
    fn nonsense_is_no_id(text in "[PE][0-9](\\.[a-z0-9]{0,6}){0,3}") {
        if let Ok(tear) = text.parse::<Tear>() {
            prop_assert_eq!(tear.to_string(), text);
        }
    }

    #[test]
    fn a_live_cut_is_the_derived_state(state in contents(), op in operation(), pick in any::<prop::sample::Index>()) {
        let tear = a_tear_of(&op, pick);
        let mut flash = Flash::with_state(Profile::w25q64jv(), state.clone());
        flash.set_strict(false);
        flash.arm(Cut { op: 0, tear });
        let _ = match &op {
            Op::Program { addr, data } => flash.write(*addr, data),
            Op::Erase { addr, len } => flash.erase(*addr, addr + len),
        };
        prop_assert!(flash.fired());
        let mut derived = state;
        derived.tear(&op, tear);
        prop_assert!(*flash.state() == derived);
    }
}
