//! How a sweep gets on: a line for each scenario under way on a terminal, a line now and then elsewhere.

use std::collections::HashMap;
use std::io::IsTerminal as _;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::stderr::errln;
use crate::explore::Counts;
use crate::sweep::{ScenarioReport, thousands};

/// How often a line is written where there is no terminal.
const EVERY: Duration = Duration::from_secs(30);

/// Shows on standard error how a sweep gets on, until it is dropped.
pub(super) struct Progress {
    since: Instant,
    way: Way,
}

enum Way {
    Terminal {
        all: MultiProgress,
        bars: Vec<(&'static str, ProgressBar)>,
    },
    Lines {
        tally: Arc<Mutex<Tally>>,
        /// Ends the thread when it is dropped.
        end: Option<Sender<()>>,
        thread: Option<JoinHandle<()>>,
    },
}

/// What is known of the scenarios.
#[derive(Default)]
struct Tally {
    scenarios: usize,
    finished: usize,
    under_way: HashMap<&'static str, Counts>,
}

impl Progress {
    pub(super) fn new(names: impl IntoIterator<Item = &'static str>) -> Self {
        let since = Instant::now();
        let names: Vec<_> = names.into_iter().collect();
        let way = if std::io::stderr().is_terminal() {
            terminal(names)
        } else {
            lines(names.len(), since)
        };
        Self { since, way }
    }

    /// How far the exploration of a scenario is.
    pub(super) fn show(&self, name: &'static str, counts: &Counts) {
        match &self.way {
            Way::Terminal { bars, .. } => {
                if let Some((_, bar)) = bars.iter().find(|(known, _)| *known == name) {
                    bar.set_message(words(counts));
                }
            }
            Way::Lines { tally, .. } => {
                locked(tally).under_way.insert(name, *counts);
            }
        }
    }

    /// A scenario is finished.
    pub(super) fn finished(&self, report: &ScenarioReport) {
        match &self.way {
            Way::Terminal { all, bars } => {
                let seconds = self.since.elapsed().as_secs();
                let row = report.row();
                // What cannot be shown is no reason to end.
                let _ = all.println(format!("[{seconds:>4}s] {}", row.trim_end()));
                if let Some((_, bar)) = bars.iter().find(|(name, _)| *name == report.scenario) {
                    bar.finish_and_clear();
                }
            }
            Way::Lines { tally, .. } => {
                let mut tally = locked(tally);
                tally.finished += 1;
                tally.under_way.remove(report.scenario);
            }
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        match &mut self.way {
            Way::Terminal { bars, .. } => {
                for (_, bar) in bars {
                    bar.finish_and_clear();
                }
            }
            Way::Lines { end, thread, .. } => {
                drop(end.take());
                if let Some(thread) = thread.take() {
                    let _ = thread.join();
                }
            }
        }
    }
}

fn locked(tally: &Mutex<Tally>) -> MutexGuard<'_, Tally> {
    tally.lock().unwrap_or_else(PoisonError::into_inner)
}

fn terminal(names: Vec<&'static str>) -> Way {
    let all = MultiProgress::new();
    let style = ProgressStyle::with_template("{spinner} {prefix:<21} {wide_msg}")
        .unwrap_or_else(|_| ProgressStyle::default_spinner());
    let bar = |name| {
        let bar = all.add(
            ProgressBar::new_spinner()
                .with_style(style.clone())
                .with_prefix(name),
        );
        bar.set_message("waiting");
        bar.enable_steady_tick(Duration::from_millis(200));
        (name, bar)
    };
    let bars = names.into_iter().map(bar).collect();
    Way::Terminal { all, bars }
}

fn lines(scenarios: usize, since: Instant) -> Way {
    let tally = Arc::new(Mutex::new(Tally {
        scenarios,
        ..Tally::default()
    }));
    let (end, ended) = mpsc::channel();
    let told = Arc::clone(&tally);
    let thread = std::thread::spawn(move || {
        while ended.recv_timeout(EVERY) == Err(RecvTimeoutError::Timeout) {
            errln!("{}", line(&locked(&told), since.elapsed()));
        }
    });
    Way::Lines {
        tally,
        end: Some(end),
        thread: Some(thread),
    }
}

/// `[30s] 3 of 10 scenarios finished, 2 under way: 1,234 crash states judged, 12 states to go`.
fn line(tally: &Tally, elapsed: Duration) -> String {
    let sum = |count: fn(&Counts) -> u64| thousands(tally.under_way.values().map(count).sum());
    format!(
        "[{}s] {} of {} scenarios finished, {} under way: {} crash states judged, {} states to go",
        elapsed.as_secs(),
        tally.finished,
        tally.scenarios,
        tally.under_way.len(),
        sum(|c| c.crash_states),
        sum(|c| c.waiting),
    )
}

fn words(counts: &Counts) -> String {
    let found = match counts.violations {
        0 => String::new(),
        1 => ", 1 violation".into(),
        violations => format!(", {} violations", thousands(violations)),
    };
    format!(
        "pass {}: {} judged, {} states to go{found}",
        counts.passes,
        thousands(counts.crash_states),
        thousands(counts.waiting)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_how_far_the_sweep_is() {
        let counts = Counts {
            crash_states: 1234,
            waiting: 12,
            ..Counts::default()
        };
        let tally = Tally {
            scenarios: 10,
            finished: 3,
            under_way: HashMap::from([("first-update", counts)]),
        };
        assert_eq!(
            line(&tally, Duration::from_secs(30)),
            "[30s] 3 of 10 scenarios finished, 1 under way: 1,234 crash states judged, 12 states to go"
        );
    }
}
