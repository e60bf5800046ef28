//! Makes a life that fails a small one that fails in the same way.

use super::cells::Cells;
use super::life::{Day, Life};
use super::live::live;
use super::reading::{Reading, Way};
use super::verdict::Violation;

/// A life that violates the same rule as `life`, and from which nothing can be left out any more; `None` if it does not
/// fail.
pub(super) fn shrink(life: &Life, cells: &mut Cells) -> Option<(Life, Violation)> {
    smallest(life, |life| live(life, cells, &mut |_| {}).violation)
}

/// The same, where `fails` says in which power-on a life fails, and how.
fn smallest(
    life: &Life,
    mut fails: impl FnMut(&Life) -> Option<(usize, Violation)>,
) -> Option<(Life, Violation)> {
    let mut best = life.clone();
    let (last, mut violation) = fails(life)?;
    best.days.truncate(last + 1);
    let rule = violation.rule;
    // Each round leaves something out, or is the last.
    loop {
        let mut smaller = false;
        let mut attempt = |candidate: Life, best: &mut Life| {
            if candidate == *best {
                return false;
            }
            let Some((last, found)) = fails(&candidate).filter(|(_, found)| found.rule == rule)
            else {
                return false;
            };
            *best = candidate;
            best.days.truncate(last + 1);
            violation = found;
            true
        };
        for n in (0..best.days.len()).rev() {
            if n >= best.days.len() {
                continue;
            }
            let mut without = best.clone();
            without.days.remove(n);
            if attempt(without, &mut best) {
                smaller = true;
                continue;
            }
            for day in simpler(&best.days[n]) {
                let mut candidate = best.clone();
                candidate.days[n] = day;
                if attempt(candidate, &mut best) {
                    smaller = true;
                    break;
                }
            }
        }
        if !smaller {
            break;
        }
    }
    Some((best, violation))
}

/// The same power-on with one thing less.
fn simpler(day: &Day) -> Vec<Day> {
    let mut days = Vec::new();
    if day.cut.is_some() {
        days.push(Day {
            cut: None,
            ..day.clone()
        });
    }
    if day.reset_pin || day.wakes {
        days.push(Day {
            reset_pin: false,
            wakes: false,
            ..day.clone()
        });
    }
    if day.refuses.is_some() {
        days.push(Day {
            refuses: None,
            ..day.clone()
        });
    }
    if day.outside.is_some() {
        days.push(Day {
            outside: None,
            ..day.clone()
        });
    }
    for n in 0..day.calls.len() {
        let mut calls = day.calls.clone();
        calls.remove(n);
        days.push(Day {
            calls,
            ..day.clone()
        });
    }
    let way = Way::ALL.iter().position(|way| *way == day.reading.way);
    for way in &Way::ALL[..way.unwrap_or(0)] {
        let reading = Reading { way: *way, seed: 0 };
        days.push(Day {
            reading,
            ..day.clone()
        });
    }
    if day.reading != Reading::ZERO && day.reading.seed != 0 {
        let reading = Reading {
            seed: 0,
            ..day.reading
        };
        days.push(Day {
            reading,
            ..day.clone()
        });
    }
    days
}

#[cfg(test)]
mod tests {
    use ota_core::hardened::Log;

    use super::super::draw;
    use super::super::life::Call;
    use super::super::verdict::Rule;
    use super::*;

    /// What matters stays, and nothing else does.
    #[test]
    fn a_life_is_made_as_small_as_what_fails_in_it() {
        // Fails where the image is refused in a power-on behind one that was cut.
        let fails = |life: &Life| {
            let cut = life.days.iter().position(|day| day.cut.is_some())?;
            let refuses = |day: &Day| day.calls.contains(&Call::MarkInvalid);
            let at = life.days[cut + 1..].iter().position(refuses)?;
            let violation = Violation::new(Rule::Choice, "this", "that");
            Some((cut + 1 + at, violation))
        };
        let mut lives = (0..).map(|number| draw::life(1, number, &[Log::DEFAULT]));
        let life = lives.find(|life| fails(life).is_some()).unwrap();
        let (small, violation) = smallest(&life, fails).unwrap();
        assert_eq!(violation.rule, Rule::Choice);
        let [first, second] = &small.days[..] else {
            panic!("{small}");
        };
        assert!(first.cut.is_some() && first.calls.is_empty());
        assert_eq!(second.calls, [Call::MarkInvalid]);
        assert!(second.cut.is_none() && second.reading == Reading::ZERO);
    }
}
