//! The judges: the programs that look for a mutant, and their answers.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::mutant::Mutant;
use crate::plant::SWITCH;

/// A way to look for mistakes.
pub struct Judge {
    pub name: &'static str,
    /// The command line, in words between spaces; the first word is `brownout`, or the name of a test binary.
    runs: &'static str,
    /// Selects the mutants for this judge.
    of: fn(&Mutant) -> bool,
    /// Asked only with `--deep`: without a finding this judge takes minutes.
    pub deep: bool,
    /// Findings count for the score; findings of unit tests do not.
    pub counts: bool,
}

fn stock(mutant: &Mutant) -> bool {
    let places = ["src/boot/", "src/boot.rs", "src/update/", "src/otadata/"];
    mutant.krate() == "ota-core" && places.iter().any(|p| mutant.place.contains(p))
}

fn core(mutant: &Mutant) -> bool {
    mutant.krate() == "ota-core"
}

fn tools(mutant: &Mutant) -> bool {
    !core(mutant)
}

/// Every judge, the fastest first.
pub const JUDGES: &[Judge] = &[
    judge(
        "adversary",
        "brownout adversary --first --power-ons 200000",
        core,
    ),
    judge(
        "sequences",
        "brownout adversary --first --sequences 2",
        core,
    ),
    judge(
        "updates",
        "brownout sweep --first --scenario updates --cuts 1",
        core,
    ),
    judge(
        "calls L0",
        "brownout sweep --first --scenario calls --level L0 --cuts 1",
        core,
    ),
    Judge {
        deep: true,
        ..judge(
            "calls L2",
            "brownout sweep --first --scenario calls --level L2 --cuts 1",
            core,
        )
    },
    judge(
        "stock",
        "brownout sweep --first --policy stock --level L1 --cuts 1",
        stock,
    ),
    judge("zoo", "brownout zoo", tools),
    judge(
        "audit",
        "brownout sweep --first --scenario smallest --level L3 --cuts 1 --audit all",
        tools,
    ),
    judge("differential", "fault_tests differential", tools),
    Judge {
        counts: false,
        ..judge("unit tests", "ota_core", core)
    },
];

const fn judge(name: &'static str, runs: &'static str, of: fn(&Mutant) -> bool) -> Judge {
    Judge {
        name,
        runs,
        of,
        deep: false,
        counts: true,
    }
}

impl Judge {
    pub fn is_asked(&self, mutant: &Mutant) -> bool {
        (self.of)(mutant)
    }

    /// `brownout`, or the name of a test binary.
    pub fn program(&self) -> &'static str {
        self.runs.split(' ').next().unwrap_or_default()
    }

    /// The arguments of the program. Each judge runs on one thread, or as quietly as a test binary can.
    fn arguments(&self) -> Vec<&'static str> {
        let mut words: Vec<_> = self.runs.split(' ').skip(1).collect();
        match (self.program(), words.first()) {
            ("brownout", Some(&("sweep" | "adversary"))) => words.extend(["--jobs", "1"]),
            ("brownout", _) => {}
            _ => words.push("-q"),
        }
        words
    }
}

/// The answer of a judge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Says {
    /// Nothing is violated.
    Nothing,
    /// A property is violated, or a test fails: its name.
    Found(String),
    /// The code under test does not repeat itself, and no property is violated.
    Contradiction,
    /// The judge ran out of time, or ended inconclusive.
    NoEnd,
}

impl Says {
    pub fn found(&self) -> bool {
        matches!(self, Self::Found(_))
    }

    pub fn show(&self) -> String {
        match self {
            Self::Nothing => "-".into(),
            Self::Found(what) => what.clone(),
            Self::Contradiction => "exit 5".into(),
            Self::NoEnd => "no end".into(),
        }
    }

    pub fn parse(text: &str) -> Self {
        match text {
            "-" => Self::Nothing,
            "exit 5" => Self::Contradiction,
            "no end" => Self::NoEnd,
            what => Self::Found(what.into()),
        }
    }
}

/// Asks a judge about the mutant with this number, 0 for the code without a mutant. Returns the answer and the CPU seconds.
pub fn ask(
    judge: &Judge,
    program: &Path,
    number: usize,
    limit: Duration,
    log: &Path,
) -> Result<(Says, f64), String> {
    let wrong = |error: std::io::Error| format!("{}: {error}", program.display());
    let out = fs::File::create(log).map_err(wrong)?;
    let err = out.try_clone().map_err(wrong)?;
    // The shell prints the CPU time of its children.
    let script = "\"$@\"; code=$?; echo; echo times; times; exit $code";
    let mut command = Command::new("sh");
    command.args(["-c", script, "sh"]).arg(program);
    command.args(judge.arguments());
    command.env(SWITCH, number.to_string());
    command.env("RUST_BACKTRACE", "0");
    command.stdout(out).stderr(err).stdin(Stdio::null());
    // In a process group of its own, the children end with the shell.
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    let mut child = command.spawn().map_err(wrong)?;
    let began = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().map_err(wrong)? {
            break Some(status);
        }
        if began.elapsed() > limit {
            let group = format!("-{}", child.id());
            let _ = Command::new("kill").args(["-KILL", "--", &group]).status();
            let _ = child.wait();
            break None;
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    let text = fs::read(log).map_err(wrong)?;
    let text = String::from_utf8_lossy(&text).into_owned();
    let seconds = cpu(&text).unwrap_or(began.elapsed().as_secs_f64());
    let says = match status.and_then(|status| status.code()) {
        Some(0) => Says::Nothing,
        Some(5) => Says::Contradiction,
        Some(6) | None => Says::NoEnd,
        Some(_) => Says::Found(what(&text)),
    };
    Ok((says, seconds))
}

/// The CPU time of the children, from the last lines that `times` printed.
fn cpu(text: &str) -> Option<f64> {
    let (_, times) = text.rsplit_once("\ntimes\n")?;
    let children = times.lines().nth(1)?;
    let seconds = |time: &str| {
        let (minutes, seconds) = time.trim_end_matches('s').split_once('m')?;
        Some(minutes.parse::<f64>().ok()? * 60.0 + seconds.parse::<f64>().ok()?)
    };
    children.split_whitespace().map(seconds).sum()
}

/// The name of the violated property, from the output of a judge.
fn what(text: &str) -> String {
    if let Some((_, rest)) = text.split_once("VIOLATED in ") {
        let property = rest.split_once(": ").map_or("", |(_, rest)| rest);
        return property.split_whitespace().next().unwrap_or("?").to_owned();
    }
    if let Some((_, rest)) = text.split_once(" violates ") {
        let rule = rest.split([':', ',']).next().unwrap_or(rest);
        return rule.lines().next().unwrap_or("?").trim().to_owned();
    }
    if text.contains("never met") {
        return "unmet".into();
    }
    if text.contains("panicked at") && !text.contains("test result: FAILED") {
        return "panic".into();
    }
    "fails".into()
}
