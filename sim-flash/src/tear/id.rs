//! The readable ids of tears: `P1.n17`, `P2.w8.k3`, `P3.b17`, `E4.s5`.

use std::fmt;
use std::str::FromStr;

use super::{Around, BitMask, Bits, Cells, MetadataRow, Mixture, Neighbour, Risen, Rows, Tear};

impl fmt::Display for Bits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Bits::None => f.write_str("none"),
            Bits::All => f.write_str("all"),
            Bits::Quick(slow) => write!(f, "z{slow}"),
            Bits::Mask(mask) => write!(f, "m{mask}"),
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

impl fmt::Display for Risen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Risen::To(n) => write!(f, "n{n}"),
            Risen::From(n) => write!(f, "f{n}"),
            Risen::Row { width, row } => write!(f, "w{width}.k{row}"),
            Risen::AllBut { width, row } => write!(f, "w{width}.x{row}"),
            Risen::Within(MetadataRow(row), bits) => write!(f, "r{row}.{bits}"),
            Risen::Bits(bits) => bits.fmt(f),
        }
    }
}

impl fmt::Display for Mixture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Mixture::Up { risen, zeroed } => write!(f, "n{risen}.{zeroed}"),
            Mixture::Down { risen, zeroed } => write!(f, "f{risen}.{zeroed}"),
            Mixture::Row {
                width,
                row,
                is,
                rest,
            } => write!(f, "w{width}.k{row}.{}{}", is.letter(), rest.letter()),
            Mixture::Seeded(n) => write!(f, "s{n}"),
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
            Tear::P4(bits) => write!(f, "P4.{bits}"),
            Tear::P5(bits) => write!(f, "P5.{bits}"),
            Tear::P6 => f.write_str("P6"),
            Tear::P7(Around::Page, bits) => write!(f, "P7.page.{bits}"),
            Tear::P7(Around::Sector, bits) => write!(f, "P7.sector.{bits}"),
            Tear::E0 => f.write_str("E0"),
            Tear::E1(n) => write!(f, "E1.n{n}"),
            Tear::E2(n) => write!(f, "E2.n{n}"),
            Tear::E3 => f.write_str("E3"),
            Tear::E4(bits) => write!(f, "E4.{bits}"),
            Tear::E5(bits) => write!(f, "E5.{bits}"),
            Tear::E6(bits) => write!(f, "E6.{bits}"),
            Tear::E7 => f.write_str("E7"),
            Tear::E8(Neighbour::Before, bits) => write!(f, "E8.prev.{bits}"),
            Tear::E8(Neighbour::Behind, bits) => write!(f, "E8.next.{bits}"),
            Tear::E9(risen) => write!(f, "E9.{risen}"),
            Tear::E10(mixture) => write!(f, "E10.{mixture}"),
            Tear::E11(risen) => write!(f, "E11.{risen}"),
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
            "\"{}\" is not the id of a tear; P0, P1.n17, P2.w8.k3, P3.b17, E4.s5 and E9.r3.b17 are",
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
        ("P4", Some(rest)) => Tear::P4(bits(rest)?),
        ("P5", Some(rest)) => Tear::P5(bits(rest)?),
        ("P6", None) => Tear::P6,
        ("P7", Some(rest)) => match rest.split_once('.')? {
            ("page", rest) => Tear::P7(Around::Page, bits(rest)?),
            ("sector", rest) => Tear::P7(Around::Sector, bits(rest)?),
            _ => return None,
        },
        ("E0", None) => Tear::E0,
        ("E1", Some(rest)) => Tear::E1(number(rest, 'n')?),
        ("E2", Some(rest)) => Tear::E2(number(rest, 'n')?),
        ("E3", None) => Tear::E3,
        ("E4", Some(rest)) => Tear::E4(bits(rest)?),
        ("E5", Some(rest)) => Tear::E5(bits(rest)?),
        ("E6", Some(rest)) => Tear::E6(bits(rest)?),
        ("E7", None) => Tear::E7,
        ("E8", Some(rest)) => match rest.split_once('.')? {
            ("prev", rest) => Tear::E8(Neighbour::Before, bits(rest)?),
            ("next", rest) => Tear::E8(Neighbour::Behind, bits(rest)?),
            _ => return None,
        },
        ("E9", Some(rest)) => Tear::E9(risen(rest)?),
        ("E10", Some(rest)) => Tear::E10(mixture(rest)?),
        ("E11", Some(rest)) => Tear::E11(risen(rest)?),
        _ => return None,
    })
}

fn risen(text: &str) -> Option<Risen> {
    Some(match text.chars().next()? {
        // A set of bits has a word of its own for none of them.
        'n' if text != "none" => Risen::To(number(text, 'n')?),
        'f' => Risen::From(number(text, 'f')?),
        'w' => match rows(text)? {
            Rows::One { width, row } => Risen::Row { width, row },
            Rows::AllBut { width, row } => Risen::AllBut { width, row },
            Rows::From(_) => return None,
        },
        'r' => {
            let (row, rest) = text.split_once('.')?;
            Risen::Within(MetadataRow(number(row, 'r')?), bits(rest)?)
        }
        _ => Risen::Bits(bits(text)?),
    })
}

fn mixture(text: &str) -> Option<Mixture> {
    let fronts = |letter| {
        let (risen, zeroed) = text.split_once('.')?;
        Some((number(risen, letter)?, plain(zeroed)?))
    };
    Some(match text.chars().next()? {
        'n' => {
            let (risen, zeroed) = fronts('n')?;
            Mixture::Up { risen, zeroed }
        }
        'f' => {
            let (risen, zeroed) = fronts('f')?;
            Mixture::Down { risen, zeroed }
        }
        'w' => {
            let (place, holds) = text.rsplit_once('.')?;
            let Rows::One { width, row } = rows(place)? else {
                return None;
            };
            let mut holds = holds.chars().map(cells);
            let (is, rest) = (holds.next()??, holds.next()??);
            if holds.next().is_some() {
                return None;
            }
            Mixture::Row {
                width,
                row,
                is,
                rest,
            }
        }
        's' => Mixture::Seeded(number(text, 's')?),
        _ => return None,
    })
}

fn cells(letter: char) -> Option<Cells> {
    [Cells::Old, Cells::Zero, Cells::Risen]
        .into_iter()
        .find(|cells| cells.letter() == letter)
}

fn bits(text: &str) -> Option<Bits> {
    match (text, text.chars().next()?) {
        ("none", _) => Some(Bits::None),
        ("all", _) => Some(Bits::All),
        (_, 'b') => number(text, 'b').map(Bits::One),
        (_, 'x') => number(text, 'x').map(Bits::AllBut),
        (_, 's') => number(text, 's').map(Bits::Seeded),
        (_, 'z') => number(text, 'z')
            .and_then(|slow| u8::try_from(slow).ok())
            .map(Bits::Quick),
        (_, 'm') => BitMask::parse(&text[1..]).map(Bits::Mask),
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
    plain(text.strip_prefix(letter)?)
}

/// The same without a letter.
fn plain(digits: &str) -> Option<u32> {
    let plain = digits.bytes().all(|digit| digit.is_ascii_digit())
        && (digits == "0" || !digits.starts_with('0'));
    if plain { digits.parse().ok() } else { None }
}
