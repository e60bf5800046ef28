//! Text from a file, on its way to a terminal.

use ota_core::partition::Label;

/// A label with everything escaped that a terminal could act on: an escape sequence in a label would move the cursor,
/// a line break would forge a line.
pub(crate) fn label(label: &Label) -> String {
    bytes(label.as_bytes())
}

/// Bytes as text. What is not UTF-8, does not print, or turns the direction of writing is escaped.
pub(crate) fn bytes(bytes: &[u8]) -> String {
    let mut shown = String::new();
    for chunk in bytes.utf8_chunks() {
        shown.push_str(&text(chunk.valid()));
        for byte in chunk.invalid() {
            shown.extend(std::ascii::escape_default(*byte).map(char::from));
        }
    }
    shown
}

/// The same for text.
pub(crate) fn text(text: &str) -> String {
    escaped(text, |c| c == '\\' || acts(c))
}

/// Text in which these characters are escaped.
fn escaped(text: &str, these: impl Fn(char) -> bool) -> String {
    let mut shown = String::new();
    for c in text.chars() {
        if these(c) {
            shown.extend(c.escape_default());
        } else {
            shown.push(c);
        }
    }
    shown
}

/// The name of a file in a message.
pub(crate) fn path(path: &std::path::Path) -> String {
    text(&path.display().to_string())
}

/// The name of a file as an argument of a command, for a shell to take. Characters that a terminal acts on are escaped, so
/// such a name has to be typed.
pub(crate) fn argument(path: &std::path::Path) -> String {
    let name = escaped(&path.display().to_string(), acts);
    if name.starts_with('-') {
        format!("'{name}'")
    } else {
        quoted(&name)
    }
}

/// A word as a POSIX shell takes it for one.
pub(crate) fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "_-./+,:=@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

/// Text of several lines in which line breaks are its author's, and the rest may come from a file.
pub(crate) fn lines(text: &str) -> String {
    escaped(text, |c| acts(c) && c != '\n' && c != '\t')
}

/// Whether a terminal does something else with it than to show it: controls, and marks that turn the direction.
fn acts(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{061C}' | '\u{200E}' | '\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{FEFF}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_a_terminal_acts_on_is_left() {
        assert_eq!(
            bytes(b"a\x1b[2Jb\nc\x9b\xff\\"),
            "a\\u{1b}[2Jb\\nc\\x9b\\xff\\\\"
        );
        assert_eq!(bytes("nvs\u{202E}x ü".as_bytes()), "nvs\\u{202e}x ü");
        assert_eq!(
            path(std::path::Path::new("a\n\u{1b}[31m b.bin")),
            "a\\n\\u{1b}[31m b.bin"
        );
        let argument = |name| argument(std::path::Path::new(name));
        assert_eq!(argument("a/dump-1.bin"), "a/dump-1.bin");
        assert_eq!(argument("my dump.bin"), "'my dump.bin'");
        assert_eq!(argument("it's"), r"'it'\''s'");
        assert_eq!(argument(r"a\b"), r"'a\b'");
        assert_eq!(lines("a\nb\u{1b}[0m\tc\r"), "a\nb\\u{1b}[0m\tc\\r");
        for byte in 0..=255 {
            assert!(!bytes(&[byte]).chars().any(acts), "{byte:02x}");
        }
        assert_eq!(label(&Label(*b"nvs\0\x1b\0\0\0\0\0\0\0\0\0\0\0")), "nvs");
    }
}
