//! The readable ids of tears: `P1.n17`, `P2.w8.k3`, `P3.b17`, `E4.s5`.

use std::fmt;
use std::str::FromStr;

use super::{Bits, Rows, Tear};

impl fmt::Display for Bits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Bits::One(n) => write!(f, "b{n}"),
            Bits::AllBut(n) => write!(f, "x{n}"),
            Bits::Seeded(n) => write!(f, "s{n}"),
        }
    }
}

impl fmt::Display for Rows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Rows::From(n) => write!(f, "n{n}"),
            Rows::One { width, row } => write!(f, "w{width}.k{row}"),
            Rows::AllBut { width, row } => write!(f, "w{width}.x{row}"),
        }
    }
}

impl fmt::Display for Tear {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Tear::P0 => f.write_str("P0"),
            Tear::P1(n) => write!(f, "P1.n{n}"),
            Tear::P2(rows) => write!(f, "P2.{rows}"),
            Tear::P3(bits) => write!(f, "P3.{bits}"),
            Tear::P6 => f.write_str("P6"),
            Tear::E0 => f.write_str("E0"),
            Tear::E1(n) => write!(f, "E1.n{n}"),
            Tear::E2(n) => write!(f, "E2.n{n}"),
            Tear::E3 => f.write_str("E3"),
            Tear::E4(bits) => write!(f, "E4.{bits}"),
            Tear::E7 => f.write_str("E7"),
        }
    }
}

/// A text that is not the id of a tear.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ParseTearError {
    id: String,
}

impl fmt::Display for ParseTearError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "\"{}\" is not the id of a tear; P0, P1.n17, P2.w8.k3, P3.b17 and E4.s5 are",
            self.id
        )
    }
}

impl std::error::Error for ParseTearError {}

impl FromStr for Tear {
    type Err = ParseTearError;

    fn from_str(id: &str) -> Result<Self, Self::Err> {
        parse(id).ok_or_else(|| ParseTearError { id: id.to_owned() })
    }
}

fn parse(id: &str) -> Option<Tear> {
    let (family, rest) = match id.split_once('.') {
        Some((family, rest)) => (family, Some(rest)),
        None => (id, None),
    };
    Some(match (family, rest) {
        ("P0", None) => Tear::P0,
        ("P1", Some(rest)) => Tear::P1(number(rest, 'n')?),
        ("P2", Some(rest)) => Tear::P2(rows(rest)?),
        ("P3", Some(rest)) => Tear::P3(bits(rest)?),
        ("P6", None) => Tear::P6,
        ("E0", None) => Tear::E0,
        ("E1", Some(rest)) => Tear::E1(number(rest, 'n')?),
        ("E2", Some(rest)) => Tear::E2(number(rest, 'n')?),
        ("E3", None) => Tear::E3,
        ("E4", Some(rest)) => Tear::E4(bits(rest)?),
        ("E7", None) => Tear::E7,
        _ => return None,
    })
}

fn bits(text: &str) -> Option<Bits> {
    match text.chars().next()? {
        'b' => number(text, 'b').map(Bits::One),
        'x' => number(text, 'x').map(Bits::AllBut),
        's' => number(text, 's').map(Bits::Seeded),
        _ => None,
    }
}

fn rows(text: &str) -> Option<Rows> {
    let Some((width, row)) = text.split_once('.') else {
        return number(text, 'n').map(Rows::From);
    };
    let width = u8::try_from(number(width, 'w')?).ok()?;
    match row.chars().next()? {
        'k' => Some(Rows::One {
            width,
            row: number(row, 'k')?,
        }),
        'x' => Some(Rows::AllBut {
            width,
            row: number(row, 'x')?,
        }),
        _ => None,
    }
}

/// A letter and a decimal number without sign or leading zeros, so that every id has one spelling.
fn number(text: &str, letter: char) -> Option<u32> {
    let digits = text.strip_prefix(letter)?;
    let plain = digits.bytes().all(|digit| digit.is_ascii_digit())
        && (digits == "0" || !digits.starts_with('0'));
    if plain { digits.parse().ok() } else { None }
}
