//! Derived crash states against live ones: ten thousand cuts in each scenario, drawn with a seed.
//!
//! A device is led through its life at random: it comes to rest, or its power is cut, again and again.
//! At each power-on cuts are drawn all over its operations, of any tear that L3 allows. Each is made
//! live, in a power-on of its own, and must leave the bytes, the weak bits and the world that the
//! explorer derives, which executes nothing.

use fault_tests::case::{LiveDevice, LivePowerOn};
use fault_tests::explore::Start;
use fault_tests::ota::{Device, SCENARIOS, World, find};
use fault_tests::subject::Rest;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use sim_flash::{Cut, Density, Level, Profile, State, Tear, tears};

/// Cuts in each scenario.
const CUTS: usize = 10_000;
/// Cuts in each power-on that is met.
const CUTS_PER_POWER_ON: usize = 25;
/// Power-ons after which a device is thrown away.
const LIFE: u32 = 12;

/// Which power-ons were cut, in how many cuts.
#[derive(Debug, Default)]
struct Covered {
    /// The first after a start.
    first: usize,
    /// A later one, with no cut before it.
    later: usize,
    /// One after a cut, or after several.
    after_cuts: usize,
}

/// A device about to be switched on.
struct Station {
    state: State,
    world: World,
    power_ons: u32,
    cuts: u32,
}

struct Draw(ChaCha8Rng);

impl Draw {
    fn below(&mut self, count: usize) -> usize {
        let count = u64::try_from(count).expect("usize is at most 64 bits");
        usize::try_from(self.0.next_u64() % count).expect("less than count")
    }

    fn start(&mut self, starts: &[Start<World>]) -> Station {
        let start = &starts[self.below(starts.len())];
        Station {
            state: start.state.clone(),
            world: start.world,
            power_ons: 0,
            cuts: 0,
        }
    }
}

/// Draws cuts in `healthy`, which began in `before`, makes them live and compares. Returns the states
/// that they leave, but for those with weak bits: what reads those is another test's business.
fn cut_and_compare(
    device: &mut LiveDevice<'_, Device>,
    before: &Station,
    healthy: &LivePowerOn<World>,
    draw: &mut Draw,
) -> Vec<(State, World)> {
    let mut picks: Vec<_> = (0..CUTS_PER_POWER_ON)
        .map(|_| draw.below(healthy.ops.len()))
        .collect();
    picks.sort_unstable();
    let mut derived = before.state.clone();
    let mut done = 0;
    let mut left = Vec::new();
    for op in picks {
        healthy.ops[done..op]
            .iter()
            .for_each(|op| derived.apply(op));
        done = op;
        derived.seal();
        let hit = &healthy.ops[op];
        let all = tears(hit, Density::Full, Level::L3);
        let tear: Tear = all[draw.below(all.len())];
        let mut torn = derived.clone();
        torn.tear(hit, tear);
        let cut = Cut {
            op: op as u64,
            tear,
        };
        let live = device.power_on(before.state.clone(), before.world, Some(cut));
        let place = format!(
            "operation {op} ({hit}), {tear}, power-on {} after {} cuts",
            before.power_ons, before.cuts
        );
        assert!(live.after == torn, "other bytes: {place}");
        assert_eq!(live.torn.as_ref(), Some(hit), "another operation: {place}");
        assert!(live.ops == healthy.ops[..op], "other operations: {place}");
        assert_eq!(live.world(), healthy.world_at(op), "another world: {place}");
        if !torn.has_weak(0..torn.size()) {
            left.push((torn, *live.world()));
        }
    }
    left
}

/// Ten thousand cuts in the scenario of this name.
fn live_cuts_agree(scenario: &str) {
    let profile = Profile::w25q64jv();
    let setup = find(scenario).expect("a scenario").bundled(&profile);
    let mut device = LiveDevice::new(&setup.device, &profile);
    let mut draw = Draw(ChaCha8Rng::seed_from_u64(10_000));
    let (mut covered, mut cuts) = (Covered::default(), 0);
    let mut station = draw.start(&setup.starts);
    // Ends: a life is bounded, and every start writes something within one.
    while cuts < CUTS {
        let healthy = device.power_on(station.state.clone(), station.world, None);
        let mut ways = vec![(healthy.after.clone(), *healthy.world())];
        if !healthy.ops.is_empty() {
            ways.extend(cut_and_compare(&mut device, &station, &healthy, &mut draw));
            cuts += CUTS_PER_POWER_ON;
            *match (station.cuts, station.power_ons) {
                (0, 0) => &mut covered.first,
                (0, _) => &mut covered.later,
                _ => &mut covered.after_cuts,
            } += CUTS_PER_POWER_ON;
        }
        let over = healthy.rest == Some(Rest::Stuck) || station.power_ons == LIFE;
        // Often on, often into one of the cuts, and the sooner back to a start the less happens.
        let way = if draw.below(3) == 0 {
            0
        } else {
            draw.below(ways.len())
        };
        let idle = healthy.ops.is_empty() && draw.below(2) == 0;
        station = if over || idle {
            draw.start(&setup.starts)
        } else {
            let (state, world) = ways.swap_remove(way);
            Station {
                state,
                world,
                power_ons: station.power_ons + 1,
                cuts: station.cuts + u32::from(way > 0),
            }
        };
    }
    println!("{scenario}: {cuts} cuts, {covered:?}");
    let many = CUTS / 100;
    assert!(
        covered.first >= many && covered.later >= many && covered.after_cuts >= many,
        "{covered:?}"
    );
}

macro_rules! live_cuts {
    ($($test:ident $scenario:literal),* $(,)?) => {
        $(
            #[test]
            fn $test() {
                live_cuts_agree($scenario);
            }
        )*

        #[test]
        fn no_scenario_is_left_out() {
            let all: Vec<_> = SCENARIOS.iter().map(|scenario| scenario.name).collect();
            assert_eq!(all, [$($scenario),*]);
        }
    };
}

live_cuts! {
    first_update "first-update",
    update_confirm "update-confirm",
    update_rollback "update-rollback",
    update_damaged "update-damaged",
    three_updates "three-updates",
    no_factory "no-factory",
    three_slots "three-slots",
    resumed_update "resumed-update",
    anti_rollback "anti-rollback",
    factory_reset "factory-reset",
    calls_2_factory "calls-2-factory",
    calls_2 "calls-2",
    calls_3_factory "calls-3-factory",
    calls_3 "calls-3",
    calls_2_factory_plain "calls-2-factory-plain",
    calls_2_plain "calls-2-plain",
}
