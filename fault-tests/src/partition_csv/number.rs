//! Numbers as the tool reads and prints them: Python's `int(text, 0)` with the suffixes k and m.

use std::fmt;

use super::error::{CsvError, FieldError};
use super::keyword::Keywords;
use super::text::strip;

/// A number of a table before it is packed. Python's integers have no bound; files that need more
/// than this are refused with [`CsvError::NumberTooLarge`].
pub type Number = i128;

/// Beyond any field of the binary format, and small enough that sums cannot overflow.
const LARGEST: Number = 1 << 100;

/// A number in Python's `0x%x`: the sign stands after the prefix.
pub(super) struct Hex(pub(super) Number);

impl fmt::Display for Hex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        write!(f, "0x{sign}{:x}", self.0.unsigned_abs())
    }
}

/// Reads a field: a number, a number with suffixes (`2k`, `1M`, and even `1kk`), or a keyword.
pub(super) fn parse(field: &str, keywords: Keywords) -> Result<Number, CsvError> {
    let lower = field.to_lowercase();
    for (letter, multiplier) in [('k', 0x400), ('m', 0x10_0000)] {
        if lower.ends_with(letter) {
            // The last character may be the Kelvin sign, which is a lower-case k in Python too.
            let end = field.char_indices().next_back().map_or(0, |(at, _)| at);
            return bounded(parse(&field[..end], keywords)? * multiplier, field);
        }
    }
    if let Some(number) = python_int(field) {
        return bounded(number?, field);
    }
    if let Some(value) = keywords.value(&lower) {
        return Ok(value.into());
    }
    let value = field.to_owned();
    Err(CsvError::Field(if keywords.is_empty() {
        FieldError::Invalid { value }
    } else {
        FieldError::Unknown { value, keywords }
    }))
}

fn bounded(number: Number, field: &str) -> Result<Number, CsvError> {
    if number.unsigned_abs() > LARGEST.unsigned_abs() {
        return Err(CsvError::NumberTooLarge {
            value: field.to_owned(),
        });
    }
    Ok(number)
}

/// `int(text, 0)`: `None` where Python raises `ValueError`.
fn python_int(text: &str) -> Option<Result<Number, CsvError>> {
    let text = strip(text);
    let (negative, digits) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let (radix, digits) = match digits.get(..2).map(str::to_ascii_lowercase).as_deref() {
        // One underscore may stand between the prefix and the first digit.
        Some("0x") => (16, after_prefix(digits)),
        Some("0o") => (8, after_prefix(digits)),
        Some("0b") => (2, after_prefix(digits)),
        _ => (10, digits),
    };
    let mut value: Number = 0;
    let mut too_large = false;
    let mut count = 0;
    let mut zeros_only = true;
    let mut after_digit = false;
    for character in digits.chars() {
        if character == '_' {
            if !after_digit {
                return None;
            }
            after_digit = false;
            continue;
        }
        let digit = character.to_digit(radix)?;
        zeros_only &= digit == 0;
        after_digit = true;
        count += 1;
        value = value * Number::from(radix) + Number::from(digit);
        if value > LARGEST {
            too_large = true;
            value = LARGEST;
        }
    }
    // `007` looks octal and is refused; `000` is zero. Python also limits decimals to 4300 digits.
    let looks_octal = radix == 10 && count > 1 && digits.starts_with('0') && !zeros_only;
    if !after_digit || looks_octal || (radix == 10 && count > 4300) {
        return None;
    }
    Some(if too_large {
        Err(CsvError::NumberTooLarge {
            value: text.to_owned(),
        })
    } else if negative {
        Ok(-value)
    } else {
        Ok(value)
    })
}

fn after_prefix(digits: &str) -> &str {
    let digits = &digits[2..];
    digits.strip_prefix('_').unwrap_or(digits)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::partition_csv::keyword::subtypes;

    #[test]
    fn numbers_are_pythons() {
        for (text, expected) in [
            ("0", 0),
            ("000", 0),
            ("0_0", 0),
            ("1_000", 1000),
            ("0x_1F", 0x1F),
            ("0X1f", 0x1F),
            ("0o17", 0o17),
            ("0B101", 5),
            ("-0x10", -16),
            ("+7", 7),
            (" 8 ", 8),
            ("1 k", 1024),
            ("1kk", 1 << 20),
            ("2M", 2 << 20),
            ("-1m", -(1 << 20)),
            ("0x1k", 1024),
            ("1\u{212A}", 1024),
        ] {
            assert_eq!(parse(text, Keywords::NONE).unwrap(), expected, "{text}");
        }
    }

    #[test]
    fn what_python_refuses_is_refused_with_the_tools_words() {
        for text in [
            "007", "0_7", "_1", "1_", "1__0", "0x", "0x__1", "0b2", "- 1", "--1", "1.0", "x",
            "0xg", "-",
        ] {
            let error = parse(text, Keywords::NONE).unwrap_err();
            assert_eq!(error.to_string(), format!("Invalid field value {text}"));
        }
        // The suffix is taken off before the rest is looked at, so the message lacks it.
        let error = parse("fooK", Keywords::NONE).unwrap_err();
        assert_eq!(error.to_string(), "Invalid field value foo");
        let error = parse("k", Keywords::NONE).unwrap_err();
        assert_eq!(error.to_string(), "Invalid field value ");
    }

    #[test]
    fn keywords_are_found_in_any_case_and_with_suffixes() {
        assert_eq!(parse("NVS", subtypes(1)).unwrap(), 2);
        assert_eq!(parse("nvsK", subtypes(1)).unwrap(), 2048);
    }

    #[test]
    fn numbers_beyond_all_bounds_are_said_to_be_so() {
        let huge = "9".repeat(60);
        for text in [
            huge.as_str(),
            "0xffffffffffffffffffffffffffffffffk",
            "1kkkkkkkkkkkk",
        ] {
            assert!(matches!(
                parse(text, Keywords::NONE),
                Err(CsvError::NumberTooLarge { .. })
            ));
        }
        assert!(matches!(
            parse(&"9".repeat(4301), Keywords::NONE),
            Err(CsvError::Field(FieldError::Invalid { .. }))
        ));
    }

    #[test]
    fn the_sign_of_a_hexadecimal_number_stands_after_the_prefix() {
        assert_eq!(Hex(-16).to_string(), "0x-10");
        assert_eq!(Hex(0x9000).to_string(), "0x9000");
    }
}
