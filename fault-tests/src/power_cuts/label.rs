//! Operations and values as text: short enough for a line.

use std::collections::BTreeSet;
use std::fmt::{self, Debug};
use std::sync::Mutex;

/// Characters of a value that a line has room for.
const ROOM: usize = 90;

/// A value as its `Debug` shows it, the middle left out if it is long.
pub(super) fn clipped(value: &impl Debug) -> String {
    clip(&format!("{value:?}"))
}

/// Text on one line, the middle left out if it is long.
pub(super) fn clip(text: &str) -> String {
    clip_to(text, ROOM)
}

/// The same for so many characters.
pub(super) fn clip_to(text: &str, room: usize) -> String {
    let line: Vec<&str> = text.split_whitespace().collect();
    let text = line.join(" ");
    let count = text.chars().count();
    if count <= room {
        return text;
    }
    let head: String = text.chars().take(room * 2 / 3).collect();
    let tail: String = text.chars().skip(count - room / 4).collect();
    format!("{head} … {tail}")
}

/// Text in lines of so many characters, broken between words.
pub(super) fn wrapped(text: &str, room: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let last = lines.last().map_or(0, |line| line.chars().count());
        match lines.last_mut() {
            Some(line) if last == 0 || last + 1 + word.chars().count() <= room => {
                if last > 0 {
                    line.push(' ');
                }
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// The first word of an operation, by which causes are told apart: `Set` of `Set(A, 7)`; `apply` if it has none.
pub(super) fn verb(operation: &impl Debug) -> &'static str {
    static VERBS: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());
    let text = format!("{operation:?}");
    let word = text
        .split(|c: char| !c.is_alphanumeric() && c != '_')
        .next();
    let word = word.filter(|word| word.starts_with(char::is_alphabetic));
    let Some(word) = word else {
        return "apply";
    };
    let mut verbs = VERBS
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    if let Some(known) = verbs.get(word) {
        return known;
    }
    // There are as many as variants of an enum.
    let verb: &'static str = Box::leak(word.to_owned().into_boxed_str());
    verbs.insert(verb);
    verb
}

/// Text that shows as it is, without quotes.
pub(super) struct Plain(pub(super) String);

impl Debug for Plain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
