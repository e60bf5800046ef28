//! Plants mistakes in a scratch copy of the workspace, and measures which judge finds each.
//!
//! `README.md` says how it is called.

mod judge;
mod mutant;
mod plant;
mod table;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use judge::{JUDGES, Judge, Says};
use mutant::Mutant;

const USAGE: &str = "usage: mutants [FLAG...]
  --only NAME      this mutant alone, or all whose name begins so; may be given again
  --tenth N        a tenth of them, drawn by N
  --shard I/N      one part of several
  --jobs N         so many judges at a time [default: 1]
  --seconds N      give a judge up after so many seconds [default: 900]
  --judge NAME     this judge alone; may be given again
  --deep           ask the slow judges as well
  --until-found    ask no other judge about a mutant that one has found
  --plant          plant and build them, and no more
  --as-built       ask about what was planted and built last, whatever has changed since
  --table NAME     keep the score under this name, first or last, and write the tables into README.md
  --onto NAME      what was kept under this name stays, where nothing was asked now
  --scratch DIR    where the copy and what is built are [default: target/mutants]
A run that was ended goes on where it was. Exit code 1: a judge objects to the code without a mutant, or one of the
mutants asked about was found before and is not any more.";

#[derive(Default)]
struct Options {
    only: Vec<String>,
    judges: Vec<String>,
    tenth: Option<u64>,
    shard: Option<(usize, usize)>,
    jobs: usize,
    seconds: u64,
    deep: bool,
    until_found: bool,
    plant: bool,
    as_built: bool,
    table: Option<String>,
    onto: Option<String>,
    scratch: Option<String>,
}

fn main() -> ExitCode {
    match options().and_then(|options| run(&options)) {
        Ok(code) => code,
        Err(why) => {
            eprintln!("mutants: {why}");
            ExitCode::from(2)
        }
    }
}

fn options() -> Result<Options, String> {
    let mut options = Options {
        jobs: 1,
        seconds: 900,
        ..Options::default()
    };
    let mut args = std::env::args().skip(1);
    while let Some(flag) = args.next() {
        let mut value = || args.next().ok_or(format!("{flag} needs a value\n{USAGE}"));
        let number = |text: String| {
            text.parse()
                .map_err(|_| format!("{flag} {text}: no number"))
        };
        match flag.as_str() {
            "--only" => options.only.push(value()?),
            "--judge" => options.judges.push(value()?),
            "--tenth" => options.tenth = Some(number(value()?)?),
            "--jobs" => options.jobs = usize::try_from(number(value()?)?).unwrap_or(1),
            "--seconds" => options.seconds = number(value()?)?,
            "--table" => options.table = Some(value()?),
            "--onto" => options.onto = Some(value()?),
            "--scratch" => options.scratch = Some(value()?),
            "--deep" => options.deep = true,
            "--until-found" => options.until_found = true,
            "--plant" => options.plant = true,
            "--as-built" => options.as_built = true,
            "--shard" => {
                let text = value()?;
                let parts = text.split_once('/');
                let parts = parts.and_then(|(i, n)| Some((i.parse().ok()?, n.parse().ok()?)));
                options.shard = parts.filter(|(i, n)| 0 < *i && i <= n);
                if options.shard.is_none() {
                    return Err(format!("--shard {text}: expected I/N, I from 1 to N"));
                }
            }
            _ => return Err(format!("{flag}: no such flag\n{USAGE}")),
        }
    }
    Ok(options)
}

/// What is known of each mutant: what each judge said, and in how many seconds.
type Score = BTreeMap<(String, String), (Says, f64)>;

fn run(options: &Options) -> Result<ExitCode, String> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let top = here.ancestors().nth(2).ok_or("no workspace above")?;
    let mutants = mutant::all(&here.join("list"))?;
    let scratch = match &options.scratch {
        Some(folder) => PathBuf::from(folder),
        None => top.join("target/mutants"),
    };
    let programs = if options.as_built {
        built(&scratch)?
    } else {
        plant::plant(top, &scratch.join("tree"), &mutants)?;
        build(&scratch)?
    };
    if options.plant {
        return Ok(ExitCode::SUCCESS);
    }
    let results = scratch.join("results");
    fs::create_dir_all(&results).map_err(|error| format!("{}: {error}", results.display()))?;
    let chosen = chosen(options, &mutants);
    let asked: Vec<&Judge> = JUDGES
        .iter()
        .filter(|judge| is_wanted(options, judge))
        .collect();
    let healthy = [(0, None)].into_iter();
    let all: Vec<_> = healthy
        .chain(chosen.iter().map(|(n, m)| (*n, Some(*m))))
        .collect();
    let (next, bad) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..options.jobs.max(1) {
            scope.spawn(|| {
                while let Some((number, mutant)) = all.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let asked = asked
                        .iter()
                        .filter(|judge| mutant.is_none_or(|m| judge.is_asked(m)));
                    if let Err(why) = of_one(
                        options,
                        &programs,
                        &results,
                        *number,
                        *mutant,
                        asked.copied(),
                    ) && let Ok(mut bad) = bad.lock()
                    {
                        bad.push(why);
                    }
                }
            });
        }
    });
    let bad = bad.into_inner().unwrap_or_default();
    if !bad.is_empty() {
        return Err(bad.join("\nmutants: "));
    }
    let score = read_all(&results, &mutants)?;
    if let Some(file) = &options.table {
        table::keep(here, file, options.onto.as_deref(), &mutants, &score)?;
    }
    let lost = table::say(here, &chosen, &score)?;
    Ok(ExitCode::from(u8::from(lost)))
}

fn is_wanted(options: &Options, judge: &Judge) -> bool {
    let named = options.judges.iter().any(|name| name == judge.name);
    named || options.judges.is_empty() && (options.deep || !judge.deep)
}

/// The mutants that are asked about, with their numbers.
fn chosen<'m>(options: &Options, mutants: &'m [Mutant]) -> Vec<(usize, &'m Mutant)> {
    let all = (1..).zip(mutants).filter(|(number, mutant)| {
        let named = options
            .only
            .iter()
            .any(|name| mutant.name.starts_with(name.as_str()));
        let mut draw = (*number as u64)
            ^ options
                .tenth
                .unwrap_or(0)
                .wrapping_mul(0x9E37_79B9_7F4A_7C15);
        draw = (draw ^ draw >> 29).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let drawn = (draw ^ draw >> 32).is_multiple_of(10);
        let mine = options.shard.is_none_or(|(i, n)| number % n == i - 1);
        (options.only.is_empty() || named) && (options.tenth.is_none() || drawn) && mine
    });
    all.collect()
}

/// Builds what the judges run, once for all mutants; each by its name.
fn build(scratch: &Path) -> Result<BTreeMap<String, PathBuf>, String> {
    let mut programs = BTreeMap::new();
    let target = scratch.join("build");
    let cargo = |args: &[&str]| {
        let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or("cargo".into()));
        cargo.args(args).current_dir(scratch.join("tree"));
        cargo.env("CARGO_TARGET_DIR", &target);
        let output = cargo.output().map_err(|error| format!("cargo: {error}"))?;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        output.status.success().then_some(said.clone()).ok_or(said)
    };
    cargo(&[
        "build",
        "--locked",
        "-p",
        "fault-tests",
        "--bin",
        "brownout",
    ])?;
    programs.insert("brownout".to_owned(), target.join("debug/brownout"));
    for (name, krate) in [("fault_tests", "fault-tests"), ("ota_core", "ota-core")] {
        let said = cargo(&["test", "--locked", "--no-run", "-p", krate, "--lib"])?;
        let path = { said.lines() }.find_map(|line| {
            let (_, path) = line.trim().strip_prefix("Executable ")?.rsplit_once('(')?;
            Some(path.trim_end_matches(')').to_owned())
        });
        let path =
            path.ok_or_else(|| format!("cargo does not say where the test {name} is: {said}"))?;
        programs.insert(name.to_owned(), scratch.join("tree").join(path));
    }
    let list: Vec<_> = { programs.iter() }
        .map(|(name, path)| format!("{name}\t{}\n", path.display()))
        .collect();
    let file = scratch.join("programs");
    fs::write(&file, list.concat()).map_err(|error| format!("{}: {error}", file.display()))?;
    // What was found out with other programs counts for nothing.
    let mut all = Vec::new();
    for path in programs.values() {
        all.extend(fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?);
    }
    let hash = all.chunks(8).fold(0u64, |hash, chunk| {
        let word = chunk
            .iter()
            .fold(0, |word, byte| word << 8 | u64::from(*byte));
        (hash.rotate_left(5) ^ word).wrapping_mul(0x9E37_79B9_7F4A_7C15)
    });
    let (stamp, hash) = (scratch.join("results/stamp"), format!("{hash:016x}\n"));
    if fs::read_to_string(&stamp).ok().as_deref() != Some(&hash) {
        let _ = fs::remove_dir_all(scratch.join("results"));
        let made = fs::create_dir_all(scratch.join("results"));
        made.and_then(|()| fs::write(&stamp, hash))
            .map_err(|error| format!("{}: {error}", stamp.display()))?;
    }
    Ok(programs)
}

/// What was built last.
fn built(scratch: &Path) -> Result<BTreeMap<String, PathBuf>, String> {
    let file = scratch.join("programs");
    let text = fs::read_to_string(&file).map_err(|error| format!("{}: {error}", file.display()))?;
    let programs = text.lines().filter_map(|line| line.split_once('\t'));
    Ok(programs
        .map(|(name, path)| (name.to_owned(), path.into()))
        .collect())
}

/// Asks the judges about one mutant, but for what is known already.
fn of_one<'j>(
    options: &Options,
    programs: &BTreeMap<String, PathBuf>,
    results: &Path,
    number: usize,
    mutant: Option<&Mutant>,
    judges: impl Iterator<Item = &'j Judge>,
) -> Result<(), String> {
    let name = mutant.map_or("none", |mutant| &mutant.name);
    let mut found = false;
    for judge in judges {
        if options.until_found && found && mutant.is_some() && judge.counts {
            continue;
        }
        let file = results.join(format!("{name}.{}", judge.name.replace(' ', "-")));
        let known = fs::read_to_string(&file).ok();
        let known = known.and_then(|line| line.split_once('\t').map(|(says, _)| Says::parse(says)));
        if let Some(known) = known {
            found |= known.found();
            continue;
        }
        let Some(program) = programs.get(judge.program()) else {
            continue;
        };
        let log = file.with_extension(format!("{}.log", judge.name.replace(' ', "-")));
        let limit = Duration::from_secs(options.seconds);
        let (says, seconds) = judge::ask(judge, program, number, limit, &log)?;
        if mutant.is_none() && says != Says::Nothing {
            let (judge, says, log) = (judge.name, says.show(), log.display());
            return Err(format!(
                "{judge} says {says} of the code without a mutant: see {log}"
            ));
        }
        found |= says.found();
        eprintln!(
            "{name}: {} says {} in {seconds:.1} s",
            judge.name,
            says.show()
        );
        let line = format!("{}\t{seconds:.1}\n", says.show());
        fs::write(&file, line).map_err(|error| format!("{}: {error}", file.display()))?;
    }
    Ok(())
}

fn read_all(results: &Path, mutants: &[Mutant]) -> Result<Score, String> {
    let mut score = Score::new();
    for mutant in mutants {
        for judge in JUDGES {
            let file = results.join(format!("{}.{}", mutant.name, judge.name.replace(' ', "-")));
            let Ok(line) = fs::read_to_string(&file) else {
                continue;
            };
            let (says, seconds) = line.trim_end().split_once('\t').unwrap_or((&line, "0"));
            let seconds = seconds
                .parse()
                .map_err(|_| format!("{}: damaged", file.display()))?;
            let key = (mutant.name.clone(), judge.name.to_owned());
            score.insert(key, (Says::parse(says), seconds));
        }
    }
    Ok(score)
}
