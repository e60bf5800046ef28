//! The rows of the vector files. A field that is not listed here is an error, and every check takes
//! its row apart field by field: nothing a vector says can go unchecked.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{self, Deserializer, Visitor};
use serde::{Deserialize, Serialize};

/// `table.jsonl`: the bootloader's check of a partition table.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TableVector {
    pub(super) id: u64,
    /// File name of a binary table.
    pub(super) base: String,
    #[serde(default, deserialize_with = "null_as_default")]
    pub(super) patch: Vec<Patch>,
    pub(super) flash_size: u32,
    pub(super) rc: String,
    pub(super) count: Option<usize>,
    /// For people.
    #[serde(default, rename = "note")]
    pub(super) _note: de::IgnoredAny,
}

/// `image.jsonl`: the verification of an image by an application.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ImageVector {
    pub(super) id: u64,
    /// The chip, as ESP-IDF names the target; an ESP32-C3 if none is named.
    pub(super) chip: Option<String>,
    /// File name of an image.
    pub(super) base: String,
    #[serde(default, deserialize_with = "null_as_default")]
    pub(super) patch: Vec<Patch>,
    /// Length that is left of the patched file.
    pub(super) truncate: Option<usize>,
    pub(super) part_size: u32,
    pub(super) part_offset: u32,
    pub(super) rc: String,
    pub(super) image_len: Option<u32>,
    /// For people.
    #[serde(default, rename = "note")]
    pub(super) _note: de::IgnoredAny,
}

/// Bytes that replace those of the base, from an offset on.
#[derive(Deserialize)]
pub(super) struct Patch(pub(super) usize, pub(super) HexBytes);

/// `otadata.jsonl`: what bootloader and application make of two entries.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OtadataVector {
    pub(super) id: u64,
    pub(super) cfg: Config,
    /// Numbers of the OTA slots, in table order.
    pub(super) ota_slots: Vec<u8>,
    pub(super) factory: bool,
    pub(super) test: bool,
    pub(super) e0: EntryBytes,
    pub(super) e1: EntryBytes,
    /// Of the slots that have an application descriptor; `null` is none, like a slot left out.
    #[serde(default, deserialize_with = "null_as_default")]
    pub(super) secure_version: BTreeMap<String, Option<u32>>,
    #[serde(default)]
    pub(super) efuse_secure_version: Option<u32>,
    pub(super) valid: [bool; 2],
    pub(super) invalid: [bool; 2],
    pub(super) active: i32,
    pub(super) boot_all_good: Boot,
    pub(super) boot_all_bad: Boot,
    pub(super) app_slot_count: u32,
    pub(super) app_boot_partition: Option<String>,
    #[serde(default, deserialize_with = "null_as_default")]
    pub(super) get_state: BTreeMap<String, (Rc, Option<u32>)>,
    #[serde(default, deserialize_with = "null_as_default")]
    pub(super) set_boot_partition: BTreeMap<String, SetBoot>,
    #[serde(default)]
    pub(super) mark_valid: Option<MarkValid>,
    #[serde(default)]
    pub(super) invalidate_inactive: Option<InvalidateInactive>,
}

/// `null` says no more than a field that is not there.
fn null_as_default<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(
    input: D,
) -> Result<T, D::Error> {
    Ok(Option::deserialize(input)?.unwrap_or_default())
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Config {
    Rollback,
    NoRollback,
    AntiRollback,
}

/// One boot. `booted` or `tried`, `rc` and what became of otadata.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Boot {
    pub(super) rc: String,
    #[serde(rename = "boot_index")]
    pub(super) start: i32,
    /// `null` where nothing boots.
    #[serde(default)]
    pub(super) booted: Option<String>,
    #[serde(default)]
    pub(super) tried: Option<Vec<String>>,
    pub(super) otadata_ops: Vec<SectorOp>,
    pub(super) e0: EntryBytes,
    pub(super) e1: EntryBytes,
    #[serde(default)]
    pub(super) efuse_after: Option<u32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SetBoot {
    pub(super) rc: Rc,
    #[serde(default)]
    pub(super) sector: Option<usize>,
    #[serde(default)]
    pub(super) ops: Option<Vec<SectorOp>>,
    #[serde(default)]
    pub(super) entry: Option<EntryBytes>,
    #[serde(default)]
    pub(super) seq: Option<u32>,
    #[serde(default)]
    pub(super) state: Option<u32>,
    #[serde(default)]
    pub(super) crc: Option<u32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct MarkValid {
    pub(super) rc: Rc,
    pub(super) ops: Vec<SectorOp>,
    pub(super) e0: EntryBytes,
    pub(super) e1: EntryBytes,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct InvalidateInactive {
    pub(super) running: String,
    pub(super) rc: Rc,
    pub(super) ops: Vec<SectorOp>,
}

/// An operation on one sector of otadata, `["erase", 0]`. An operation of another form than the
/// reference's has words of its own in place of `erase` and `write`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub(super) struct SectorOp(pub(super) String, pub(super) u32);

/// An `esp_err_t` as the hexadecimal digits of a `u32`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Rc(pub(super) u32);

impl Rc {
    pub(super) const OK: Self = Self(0);
}

impl Serialize for Rc {
    fn serialize<S: serde::Serializer>(&self, output: S) -> Result<S::Ok, S::Error> {
        output.collect_str(&format_args!("{:#x}", self.0))
    }
}

impl<'de> Deserialize<'de> for Rc {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        let text = String::deserialize(input)?;
        text.strip_prefix("0x")
            .and_then(|digits| u32::from_str_radix(digits, 16).ok())
            .map(Self)
            .ok_or_else(|| {
                de::Error::invalid_value(de::Unexpected::Str(&text), &"an rc like 0x105")
            })
    }
}

/// Bytes written as hexadecimal digits.
pub(super) struct HexBytes(pub(super) Vec<u8>);

impl<'de> Deserialize<'de> for HexBytes {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        struct Hex;

        impl Visitor<'_> for Hex {
            type Value = Vec<u8>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an even number of hexadecimal digits")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Vec<u8>, E> {
                let wrong = || E::invalid_value(de::Unexpected::Str(text), &self);
                let (pairs, rest) = text.as_bytes().as_chunks::<2>();
                if !rest.is_empty() {
                    return Err(wrong());
                }
                let digit = |byte: u8| char::from(byte).to_digit(16).ok_or_else(wrong);
                pairs
                    .iter()
                    .map(|[high, low]| Ok((digit(*high)? << 4 | digit(*low)?).to_le_bytes()[0]))
                    .collect()
            }
        }

        input.deserialize_str(Hex).map(Self)
    }
}

/// The 32 bytes of an otadata entry, as hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct EntryBytes(pub(super) [u8; 32]);

impl<'de> Deserialize<'de> for EntryBytes {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        let HexBytes(bytes) = HexBytes::deserialize(input)?;
        match bytes.try_into() {
            Ok(entry) => Ok(Self(entry)),
            Err(bytes) => Err(de::Error::invalid_length(
                bytes.len(),
                &"an entry of 32 bytes",
            )),
        }
    }
}

impl Serialize for EntryBytes {
    fn serialize<S: serde::Serializer>(&self, output: S) -> Result<S::Ok, S::Error> {
        use fmt::Write as _;

        let mut digits = String::with_capacity(64);
        for byte in self.0 {
            let _ = write!(digits, "{byte:02x}");
        }
        output.serialize_str(&digits)
    }
}
