//! From the bytes of a file to its lines, as Python reads them: byte-order marks, line ends,
//! white space, environment variables.

use super::error::CsvError;

/// Decodes a text file. A byte-order mark decides the encoding; without one it is UTF-8.
///
/// The marks are tried in the tool's order, UTF-8, UTF-16 and then UTF-32. The little-endian mark of
/// UTF-32 begins with that of UTF-16, so such a file is read as UTF-16: it is refused for its NULs,
/// by the tool as well as here.
pub(super) fn decode(bytes: &[u8]) -> Result<String, CsvError> {
    if let Some(rest) = bytes.strip_prefix(b"\xEF\xBB\xBF") {
        return utf8(rest, 3);
    }
    if let Some(rest) = bytes.strip_prefix(b"\xFF\xFE") {
        return utf16(rest, u16::from_le_bytes);
    }
    if let Some(rest) = bytes.strip_prefix(b"\xFE\xFF") {
        return utf16(rest, u16::from_be_bytes);
    }
    if let Some(rest) = bytes.strip_prefix(b"\x00\x00\xFE\xFF") {
        return utf32_be(rest);
    }
    utf8(bytes, 0)
}

fn utf8(bytes: &[u8], mark: usize) -> Result<String, CsvError> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(text.to_owned()),
        Err(error) => Err(CsvError::NotText {
            encoding: "UTF-8",
            offset: mark + error.valid_up_to(),
        }),
    }
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Result<String, CsvError> {
    let not_text = |offset| CsvError::NotText {
        encoding: "UTF-16",
        offset,
    };
    let (pairs, rest) = bytes.as_chunks::<2>();
    if !rest.is_empty() {
        return Err(not_text(2 + 2 * pairs.len()));
    }
    let mut offset = 2;
    let mut text = String::new();
    for decoded in char::decode_utf16(pairs.iter().map(|pair| unit(*pair))) {
        let character = decoded.map_err(|_| not_text(offset))?;
        offset += 2 * character.len_utf16();
        text.push(character);
    }
    Ok(text)
}

fn utf32_be(bytes: &[u8]) -> Result<String, CsvError> {
    let not_text = |offset| CsvError::NotText {
        encoding: "UTF-32",
        offset,
    };
    let (words, rest) = bytes.as_chunks::<4>();
    if !rest.is_empty() {
        return Err(not_text(4 + 4 * words.len()));
    }
    words
        .iter()
        .enumerate()
        .map(|(index, word)| {
            char::from_u32(u32::from_be_bytes(*word)).ok_or_else(|| not_text(4 + 4 * index))
        })
        .collect()
}

/// Python's `str.splitlines()`: many more line ends than `\n`, and none after the last one.
pub(super) fn lines(text: &str) -> Vec<&str> {
    let mut lines = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find(ends_line) {
        let (line, tail) = rest.split_at(at);
        lines.push(line);
        let end = tail.chars().next().map_or(0, char::len_utf8);
        rest = tail.strip_prefix("\r\n").unwrap_or(&tail[end..]);
    }
    if !rest.is_empty() {
        lines.push(rest);
    }
    lines
}

const fn ends_line(character: char) -> bool {
    matches!(
        character,
        '\n'..='\r' | '\x1C'..='\x1E' | '\u{85}' | '\u{2028}' | '\u{2029}'
    )
}

/// Python's `str.strip()`. Python also counts four ASCII separators as white space.
pub(super) fn strip(text: &str) -> &str {
    text.trim_matches(|character: char| {
        character.is_whitespace() || matches!(character, '\x1C'..='\x1F')
    })
}

/// Python's `os.path.expandvars()` on a POSIX system: `$NAME` and `${NAME}` where the variable
/// exists, anything else unchanged. What a variable holds is not expanded again.
pub(super) fn expand_variables(line: &str, variable: &dyn Fn(&str) -> Option<String>) -> String {
    let mut expanded = String::new();
    let mut rest = line;
    while let Some(at) = rest.find('$') {
        let (before, from_dollar) = rest.split_at(at);
        expanded.push_str(before);
        let after = &from_dollar[1..];
        let (name, length) = variable_name(after);
        match variable(name).filter(|_| length > 0) {
            Some(value) => expanded.push_str(&value),
            None => expanded.push_str(&from_dollar[..=length]),
        }
        rest = &after[length..];
    }
    expanded.push_str(rest);
    expanded
}

/// The name that follows a `$`, and how many bytes it takes with its braces; 0 if there is none.
fn variable_name(after: &str) -> (&str, usize) {
    if let Some(braced) = after.strip_prefix('{') {
        return braced
            .find('}')
            .map_or(("", 0), |end| (&braced[..end], end + 2));
    }
    let end = after
        .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .unwrap_or(after.len());
    (&after[..end], end)
}

/// The name of a variable that is left at the very start of a line.
pub(super) fn unknown_variable(line: &str) -> Option<&str> {
    let name = line.strip_prefix('$')?;
    let end = name
        .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .unwrap_or(name.len());
    let name = &name[..end];
    (!name.is_empty() && !name.starts_with(|c: char| c.is_ascii_digit())).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(name: &str) -> Option<String> {
        match name {
            "SIZE" => Some("1M".into()),
            "NESTED" => Some("$SIZE".into()),
            "with space" => Some("spaced".into()),
            _ => None,
        }
    }

    #[test]
    fn variables_expand_once_and_unknown_ones_stay() {
        for (line, expected) in [
            ("a,$SIZE,${SIZE}b", "a,1M,1Mb"),
            ("$SIZE1 $NONE ${NONE}", "$SIZE1 $NONE ${NONE}"),
            ("$NESTED", "$SIZE"),
            ("$$SIZE", "$1M"),
            ("${with space}", "spaced"),
            ("${SIZE", "${SIZE"),
            ("cost: 5$", "cost: 5$"),
            ("${}", "${}"),
            ("$é$SIZE", "$é1M"),
        ] {
            assert_eq!(expand_variables(line, &environment), expected, "{line}");
        }
    }

    #[test]
    fn a_variable_counts_as_unknown_only_at_the_start_of_the_line() {
        assert_eq!(unknown_variable("$FOO,app"), Some("FOO"));
        assert_eq!(unknown_variable("$1,app"), None);
        assert_eq!(unknown_variable("${FOO},app"), None);
        assert_eq!(unknown_variable(" $FOO"), None);
    }

    #[test]
    fn lines_end_where_python_ends_them() {
        assert_eq!(lines("a\nb\r\nc\rd\n\n"), ["a", "b", "c", "d", ""]);
        assert_eq!(lines("a\u{2028}b\x0Bc\x1Cd"), ["a", "b", "c", "d"]);
        assert_eq!(lines(""), Vec::<&str>::new());
    }

    #[test]
    fn the_mark_decides_the_encoding() {
        let text = "é😀\n";
        let with_mark = |mark: &[u8], body: Vec<u8>| [mark, &body].concat();
        let utf16: Vec<u16> = text.encode_utf16().collect();
        let little = utf16.iter().flat_map(|unit| unit.to_le_bytes()).collect();
        let big = utf16.iter().flat_map(|unit| unit.to_be_bytes()).collect();
        let wide = text
            .chars()
            .flat_map(|c| u32::from(c).to_be_bytes())
            .collect();
        for bytes in [
            text.as_bytes().to_vec(),
            with_mark(b"\xEF\xBB\xBF", text.as_bytes().to_vec()),
            with_mark(b"\xFF\xFE", little),
            with_mark(b"\xFE\xFF", big),
            with_mark(b"\x00\x00\xFE\xFF", wide),
        ] {
            assert_eq!(decode(&bytes).unwrap(), text, "{bytes:02x?}");
        }
        for (bytes, offset) in [
            (&b"ab\xFF"[..], 2),
            (b"\xEF\xBB\xBFa\x80", 4),
            (b"\xFF\xFEa\x00b", 4),
            (b"\xFF\xFEa\x00\x00\xDC", 4),
            (b"\x00\x00\xFE\xFF\x00\x11\x00\x00", 4),
        ] {
            match decode(bytes) {
                Err(CsvError::NotText { offset: at, .. }) => assert_eq!(at, offset, "{bytes:02x?}"),
                other => panic!("{bytes:02x?}: {other:?}"),
            }
        }
    }
}
