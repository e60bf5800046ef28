//! Colour: the words of verdicts, on a terminal whose user has not said `NO_COLOR`.

use std::io::{self, IsTerminal as _};

/// The words, and how they are shown.
const WORDS: [(&str, &str); 7] = [
    ("NONDETERMINISTIC", RED),
    ("INCONCLUSIVE", YELLOW),
    ("VIOLATED", RED),
    ("WINDOWS", YELLOW),
    ("UNMET", RED),
    ("STALE", YELLOW),
    ("PASS", GREEN),
];

const RED: &str = "\x1b[1;31m";
const YELLOW: &str = "\x1b[1;33m";
const GREEN: &str = "\x1b[1;32m";
const RESET: &str = "\x1b[0m";

/// Whether standard output takes colour.
pub(super) fn wanted() -> bool {
    let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
    io::stdout().is_terminal() && !set("NO_COLOR") && !dumb
}

/// `text` with the words of verdicts in colour.
pub(super) fn painted(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    let in_word = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    while let Some(start) = rest.find(in_word) {
        let (before, from) = rest.split_at(start);
        let end = from.find(|c| !in_word(c)).unwrap_or(from.len());
        let (word, after) = from.split_at(end);
        out.push_str(before);
        match WORDS.iter().find(|(known, _)| *known == word) {
            Some((_, colour)) => {
                out.push_str(colour);
                out.push_str(word);
                out.push_str(RESET);
            }
            None => out.push_str(word),
        }
        rest = after;
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_verdicts_alone_are_painted() {
        assert_eq!(
            painted("PASS @ BYPASS, --windows\n"),
            "\x1b[1;32mPASS\x1b[0m @ BYPASS, --windows\n"
        );
        assert_eq!(painted("nothing"), "nothing");
    }
}
