//! Plants every mutant in a scratch copy of the workspace, behind one switch: it compiles once.

use std::fs;
use std::path::{Path, PathBuf};

use crate::mutant::Mutant;

/// The environment variable that switches a mutant on, by its number from 1.
pub const SWITCH: &str = "BROWNOUT_MUTANT";

const MEMBERS: [&str; 5] = ["ota-core", "sim-flash", "fault-tests", "benches", "corpus"];

/// The switch, in each crate that has mutants.
const MODULE: &str = r#"
/// Which mutant is switched on.
#[allow(missing_docs, unreachable_pub, dead_code)]
pub mod planted {
    extern crate std;
    static ON: std::sync::LazyLock<u32> = std::sync::LazyLock::new(|| {
        let number = std::env::var("BROWNOUT_MUTANT").ok();
        number.and_then(|number| number.parse().ok()).unwrap_or(0)
    });
    #[inline]
    pub fn on(number: u32) -> bool {
        *ON == number
    }
}
"#;

/// A replacement in a file: where, by what, and by whom.
struct Hunk<'m> {
    from: usize,
    to: usize,
    is: &'m str,
    number: usize,
    plainly: bool,
}

/// Copies the workspace and plants `mutants`; a file that is there already, and the same, is left alone.
pub fn plant(top: &Path, scratch: &Path, mutants: &[Mutant]) -> Result<(), String> {
    let mut files = vec![PathBuf::from("Cargo.toml"), PathBuf::from("Cargo.lock")];
    files.extend(["README.md", "CHANGELOG.md"].map(PathBuf::from));
    for member in MEMBERS {
        list(top, Path::new(member), &mut files)?;
    }
    for file in files {
        let bytes = read(&top.join(&file))?;
        let place = file.to_string_lossy().replace('\\', "/");
        let here = (1..).zip(mutants).filter(|(_, m)| m.place == place);
        let here: Vec<_> = here.collect();
        let root = MEMBERS
            .iter()
            .any(|member| place == format!("{member}/src/lib.rs"));
        let bytes = if here.is_empty() && !root {
            bytes
        } else {
            let text = String::from_utf8(bytes).map_err(|_| format!("{place}: not UTF-8"))?;
            let mut text = planted(&text, &here)?;
            if root {
                text.push_str(MODULE);
            }
            text.into_bytes()
        };
        write(&scratch.join(&file), &bytes)?;
    }
    let missing = mutants.iter().find(|m| !top.join(&m.place).is_file());
    missing.map_or(Ok(()), |m| {
        Err(format!("{}: there is no file {}", m.name, m.place))
    })
}

/// The files of a member, without what is built and without packages of their own.
fn list(top: &Path, folder: &Path, files: &mut Vec<PathBuf>) -> Result<(), String> {
    let wrong = |error: std::io::Error| format!("{}: {error}", folder.display());
    let mut entries: Vec<_> = fs::read_dir(top.join(folder))
        .map_err(wrong)?
        .flatten()
        .collect();
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let path = folder.join(entry.file_name());
        let is_folder = entry.path().is_dir();
        let depth = path.components().count();
        let apart = is_folder && depth > 1 && entry.path().join("Cargo.toml").is_file();
        if apart || entry.file_name() == "target" {
            continue;
        }
        if is_folder {
            list(top, &path, files)?;
        } else {
            files.push(path);
        }
    }
    Ok(())
}

fn planted(text: &str, mutants: &[(usize, &Mutant)]) -> Result<String, String> {
    let (at, squeezed): (Vec<usize>, String) = { text.char_indices() }
        .filter(|(_, c)| !c.is_whitespace())
        .flat_map(|(at, c)| (0..c.len_utf8()).map(move |n| (at + n, (n == 0).then_some(c))))
        .fold(
            (Vec::new(), String::new()),
            |(mut ats, mut text), (at, c)| {
                ats.push(at);
                text.extend(c);
                (ats, text)
            },
        );
    let mut hunks: Vec<Hunk<'_>> = Vec::new();
    for (number, mutant) in mutants {
        for change in &mutant.changes {
            let needle = format!("{}{}{}", change.before, change.was, change.behind);
            let mut found = squeezed.match_indices(&needle).map(|(at, _)| at);
            let wrong = |what| format!("{}: {what} in {}: {needle}", mutant.name, mutant.place);
            let first = found.next().ok_or_else(|| wrong("not found"))?;
            if found.next().is_some() {
                return Err(wrong("found more than once"));
            }
            let from = first + change.before.len();
            let (from, to) = (at[from], at[from + change.was.len() - 1] + 1);
            let twice = |h: &Hunk<'_>| h.plainly && change.plainly && (h.from, h.to) == (from, to);
            if hunks.iter().any(twice) {
                continue;
            }
            hunks.push(Hunk {
                from,
                to,
                is: &change.is,
                number: *number,
                plainly: change.plainly,
            });
        }
    }
    // The longest first, so that what lies within another one comes behind it.
    hunks.sort_by_key(|hunk| (hunk.from, std::cmp::Reverse(hunk.to), hunk.number));
    render(text, 0, text.len(), &hunks)
}

/// The text between two places with the hunks there planted, those within another one in what that leaves as it was.
fn render(text: &str, from: usize, to: usize, hunks: &[Hunk<'_>]) -> Result<String, String> {
    let (mut out, mut at, mut next) = (String::new(), from, 0);
    while let Some(hunk) = hunks.get(next) {
        if hunk.from < at || hunk.to > to {
            let place = &text[hunk.from..hunk.to];
            return Err(format!("two mutants overlap in part: {place}"));
        }
        let rest = &hunks[next + 1..];
        let within = rest.iter().take_while(|inner| inner.from < hunk.to).count();
        let was = render(text, hunk.from, hunk.to, &rest[..within])?;
        out.push_str(&text[at..hunk.from]);
        let (number, is) = (hunk.number, hunk.is);
        let original = &text[hunk.from..hunk.to];
        let statements = original.ends_with([';', '}']);
        if hunk.plainly {
            out.push_str(is);
        } else if statements {
            out += &format!("if crate::planted::on({number}) {{ {is} }} else {{ {was} }}");
        } else {
            out += &format!("(if crate::planted::on({number}) {{ {is} }} else {{ {was} }})");
        }
        (at, next) = (hunk.to, next + 1 + within);
    }
    out.push_str(&text[at..to]);
    Ok(out)
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    fs::read(path).map_err(|error| format!("{}: {error}", path.display()))
}

/// Writes a file, unless it holds that already.
fn write(path: &Path, bytes: &[u8]) -> Result<(), String> {
    if fs::read(path).is_ok_and(|there| there == bytes) {
        return Ok(());
    }
    let made = path.parent().map_or(Ok(()), fs::create_dir_all);
    made.and_then(|()| fs::write(path, bytes))
        .map_err(|error| format!("{}: {error}", path.display()))
}
