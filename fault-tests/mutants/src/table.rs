//! Scores in files, and their tables in the README.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use crate::Score;
use crate::judge::{JUDGES, Says};
use crate::mutant::Mutant;

const BEGIN: &str = "<!-- scores -->";
const END: &str = "<!-- end of scores -->";

/// The names of the scores, in the order of the tables.
const KEPT: [&str; 2] = ["first", "last"];

/// Writes a score to its file, added to the score `onto`, and the tables of all scores to the README.
pub fn keep(
    here: &Path,
    file: &str,
    onto: Option<&str>,
    mutants: &[Mutant],
    score: &Score,
) -> Result<(), String> {
    let mut all = match onto {
        Some(onto) => kept(here, onto)?.unwrap_or_default(),
        None => Score::new(),
    };
    all.extend(score.clone());
    let score = &all;
    let kept = here.join("scores").join(file).with_extension("tsv");
    let mut lines = String::new();
    for ((mutant, judge), (says, seconds)) in score {
        let _ = writeln!(lines, "{mutant}\t{judge}\t{}\t{seconds:.1}", says.show());
    }
    let made = kept.parent().map_or(Ok(()), fs::create_dir_all);
    made.and_then(|()| fs::write(&kept, lines))
        .map_err(|error| format!("{}: {error}", kept.display()))?;
    let readme = here.join("README.md");
    let text =
        fs::read_to_string(&readme).map_err(|error| format!("{}: {error}", readme.display()))?;
    let (head, rest) = text
        .split_once(BEGIN)
        .ok_or("README.md: no place for the scores")?;
    let (_, tail) = rest
        .split_once(END)
        .ok_or("README.md: no end of the scores")?;
    let tables = tables(here, mutants)?;
    let text = format!("{head}{BEGIN}\n{tables}{END}{tail}");
    fs::write(&readme, text).map_err(|error| format!("{}: {error}", readme.display()))
}

fn kept(here: &Path, file: &str) -> Result<Option<Score>, String> {
    let path = here.join("scores").join(file).with_extension("tsv");
    let Ok(text) = fs::read_to_string(&path) else {
        return Ok(None);
    };
    let mut score = Score::new();
    for line in text.lines() {
        let [mutant, judge, says, seconds] = line.split('\t').collect::<Vec<_>>()[..] else {
            return Err(format!(
                "{}: \"{line}\", expected four columns",
                path.display()
            ));
        };
        let seconds = seconds
            .parse()
            .map_err(|_| format!("{}: {seconds}, no number", path.display()))?;
        let key = (mutant.to_owned(), judge.to_owned());
        score.insert(key, (Says::parse(says), seconds));
    }
    Ok(Some(score))
}

/// Whether a judge whose findings count has found the mutant.
fn is_found(mutant: &str, score: &Score) -> bool {
    let mut judges = JUDGES.iter().filter(|judge| judge.counts);
    judges.any(|judge| {
        let said = score.get(&(mutant.to_owned(), judge.name.to_owned()));
        said.is_some_and(|(says, _)| says.found())
    })
}

fn tables(here: &Path, mutants: &[Mutant]) -> Result<String, String> {
    let mut scores = BTreeMap::new();
    for name in KEPT {
        scores.extend(kept(here, name)?.map(|score| (name, score)));
    }
    let mut out = String::new();
    let _ = writeln!(
        out,
        "| score | of `ota-core` | of the tools |\n|---|---|---|"
    );
    for (name, score) in &scores {
        let counted = |core: bool| {
            let of = mutants.iter().filter(|m| (m.krate() == "ota-core") == core);
            let asked = of.filter(|m| score.keys().any(|(mutant, _)| *mutant == m.name));
            let asked: Vec<_> = asked.collect();
            let found = asked.iter().filter(|m| is_found(&m.name, score)).count();
            format!("{found} of {}", asked.len())
        };
        let _ = writeln!(out, "| {name} | {} | {} |", counted(true), counted(false));
    }
    for (name, score) in &scores {
        let judges: Vec<_> = { JUDGES.iter() }
            .filter(|judge| score.keys().any(|(_, asked)| asked == judge.name))
            .collect();
        let _ = writeln!(out, "\n### The {name} score\n");
        let titles: Vec<_> = judges.iter().map(|judge| judge.name).collect();
        let _ = writeln!(out, "| mutant | mistake | {} | CPU s |", titles.join(" | "));
        let _ = writeln!(out, "|---|---|{}---|", "---|".repeat(titles.len()));
        for mutant in mutants {
            let said = |judge: &str| score.get(&(mutant.name.clone(), judge.to_owned()));
            let cells: Vec<_> = { judges.iter() }
                .map(|judge| said(judge.name).map_or(String::new(), |(says, _)| says.show()))
                .collect();
            if cells.iter().all(String::is_empty) {
                continue;
            }
            let seconds: f64 = { judges.iter() }
                .filter_map(|judge| said(judge.name))
                .map(|(_, s)| s)
                .sum();
            let lost = if is_found(&mutant.name, score) {
                ""
            } else {
                "**"
            };
            let (name, mistake) = (&mutant.name, &mutant.mistake);
            let _ = writeln!(
                out,
                "| {lost}{name}{lost} | {mistake} | {} | {seconds:.0} |",
                cells.join(" | ")
            );
        }
    }
    Ok(out)
}

/// Prints the mutants that were not found. Returns whether the last score has one of them as found.
pub fn say(here: &Path, chosen: &[(usize, &Mutant)], score: &Score) -> Result<bool, String> {
    let last = kept(here, "last")?.unwrap_or_default();
    let (mut found, mut lost) = (0, false);
    for (_, mutant) in chosen {
        if is_found(&mutant.name, score) {
            found += 1;
            continue;
        }
        let before = is_found(&mutant.name, &last);
        lost |= before;
        let before = if before { ", and it was before" } else { "" };
        println!(
            "not found{before}: {} ({}: {}; {})",
            mutant.name, mutant.place, mutant.mistake, mutant.field
        );
    }
    println!("{found} of {} found", chosen.len());
    Ok(lost)
}
