//! An inspection as text for people.

use std::fmt;

use super::{
    BootView, ChipSource, ESP_IDF, EntryView, ImageView, Inspection, Intended, Likeness,
    OtadataView, PartitionView, SlotView, TableView,
};
use crate::partition_csv::size_text;

impl fmt::Display for Inspection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.head(f)?;
        write!(f, "\n{}", self.table)?;
        if let Some(otadata) = &self.otadata {
            write!(f, "\n{otadata}")?;
        }
        if !self.slots.is_empty() {
            writeln!(f, "\nslots")?;
            for slot in &self.slots {
                writeln!(f, "{slot}")?;
            }
        }
        if !self.remarks.is_empty() {
            writeln!(f, "\nnote")?;
            for remark in &self.remarks {
                writeln!(f, "  {remark}")?;
            }
        }
        writeln!(f, "\nwhat boots, by the rules of ESP-IDF {ESP_IDF}")?;
        match self.boots.as_slice() {
            [with, without] if with.same_as(without) => {
                write!(f, "  with and without rollback: {with}")?;
            }
            boots => {
                for (index, boot) in boots.iter().enumerate() {
                    let newline = if index == 0 { "" } else { "\n" };
                    let setting = if boot.rollback { "with" } else { "without" };
                    write!(f, "{newline}  {setting} rollback: {boot}")?;
                }
            }
        }
        match &self.advice {
            Some(advice) => write!(f, "\n\nadvice: {advice}"),
            None => Ok(()),
        }
    }
}

impl Inspection {
    /// The file, the flash, the chip, the bootloader.
    fn head(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "flash dump of {} bytes", self.length)?;
        if self.from != 0 {
            write!(f, " from address {:#x} on (--from)", self.from)?;
        }
        let flash = self.flash_size;
        if self.from == 0 && u64::from(flash) == self.length {
            writeln!(f)?;
        } else {
            let from = match self.bootloader.flash_size {
                Some(_) => "its bootloader says",
                None => "assumed",
            };
            writeln!(f, ", of a flash of {} ({from})", size_text(flash))?;
        }
        match (self.chip, self.chip_source) {
            (Some(chip), ChipSource::Option) => writeln!(f, "chip: {chip}, as told")?,
            (Some(chip), ChipSource::Bootloader) => {
                writeln!(f, "chip: {chip}, by the header of the bootloader")?;
            }
            (Some(chip), _) => writeln!(f, "chip: {chip}, by the header of an image")?,
            (None, _) => writeln!(f, "chip: unknown, nothing in the file says which (--chip)")?,
        }
        writeln!(f, "{}", self.bootloader)
    }
}

impl fmt::Display for TableView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(found) = self.found {
            return writeln!(f, "no partition table at {:#x}: {found}", self.offset);
        }
        writeln!(f, "partition table at {:#x}", self.offset)?;
        if self.elsewhere {
            writeln!(
                f,
                "  there is none at 0x8000: this is the first sector that holds one"
            )?;
        }
        partitions(f, &self.partitions, true)?;
        if let Some(reason) = &self.bootloader_refuses {
            writeln!(f, "  the bootloader refuses it: {reason}")?;
        }
        if let Some(reason) = &self.application_refuses {
            writeln!(f, "  an application sees no partitions: {reason}")?;
        }
        Ok(())
    }
}

/// The rows of a table; in a dump those are marked that the file does not hold.
pub(super) fn partitions(
    f: &mut fmt::Formatter<'_>,
    rows: &[PartitionView],
    in_dump: bool,
) -> fmt::Result {
    let width = |text: fn(&PartitionView) -> &str, least: usize| {
        let widest = rows.iter().map(|row| text(row).chars().count()).max();
        widest.unwrap_or(0).max(least)
    };
    let (name, kind, subtype) = (
        width(|row| &row.name, 4),
        width(|row| &row.kind, 4),
        width(|row| &row.subtype, 7),
    );
    writeln!(
        f,
        "  {:<name$}  {:<kind$}  {:<subtype$}  {:>10}  {:>10}",
        "name", "type", "subtype", "offset", "size"
    )?;
    for row in rows {
        write!(
            f,
            "  {:<name$}  {:<kind$}  {:<subtype$}  {:>#10x}  {:>10}",
            row.name,
            row.kind,
            row.subtype,
            row.offset,
            size_text(row.size)
        )?;
        if !row.flags.is_empty() {
            write!(f, "  {}", row.flags)?;
        }
        if in_dump && row.beyond_dump {
            f.write_str("  not all in the file")?;
        }
        writeln!(f)?;
    }
    Ok(())
}

impl fmt::Display for OtadataView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "otadata at {:#x}", self.offset)?;
        if let Some(why) = &self.cannot_tell {
            return writeln!(f, "  what its entries are cannot be told: it {why}");
        }
        if self.entries.is_empty() {
            return writeln!(
                f,
                "  it has {:#x} bytes, two sectors (0x2000 bytes) are needed",
                self.size
            );
        }
        for (index, entry) in self.entries.iter().enumerate() {
            writeln!(f, "  entry {index} at {entry}")?;
            match self.beyond.get(index) {
                Some(count) if *count > 0 => writeln!(
                    f,
                    "    {count} bytes of its sector after the entry are not erased"
                )?,
                _ => {}
            }
        }
        match self.active {
            Some(index) => writeln!(f, "  entry {index} is active")?,
            None => writeln!(f, "  no entry is active")?,
        }
        if self.boot_slots != self.app_slots {
            writeln!(
                f,
                "  the bootloader counts {} OTA slots, the application {}: they disagree on what a seq names",
                self.boot_slots, self.app_slots
            )?;
        }
        Ok(())
    }
}

impl fmt::Display for EntryView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}: ", self.address)?;
        if self.erased {
            return f.write_str("erased");
        }
        write!(
            f,
            "seq {} ({:#x}), state {}",
            self.seq, self.seq, self.state
        )?;
        match &self.slot {
            Some(slot) if self.valid => write!(f, ", selects {slot}")?,
            Some(slot) => write!(f, ", would name {slot}")?,
            None => {}
        }
        let is = |holds: bool, what: &str| {
            if holds {
                what.to_owned()
            } else {
                format!("not {what}")
            }
        };
        write!(
            f,
            "\n    {}, {}, {}; crc {:08x} {}",
            is(self.valid, "valid"),
            is(self.invalid, "invalid"),
            is(self.blankish, "blankish"),
            self.crc,
            if self.crc_matches {
                "matches".into()
            } else {
                format!("should be {:08x}", self.right_crc)
            }
        )?;
        if !self.remarks.is_empty() || self.intended.is_some() {
            write!(f, "\n    bytes {}", self.bytes)?;
        }
        for remark in &self.remarks {
            write!(f, "\n    {remark}")?;
        }
        match &self.intended {
            Some(intended) => write!(f, "\n    {intended}"),
            None if !self.crc_matches => {
                f.write_str("\n    it resembles nothing that an update writes")
            }
            None => Ok(()),
        }
    }
}

impl fmt::Display for Intended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seq = self.seq;
        let state = self.state.as_deref().unwrap_or("in some state");
        match self.likeness {
            Likeness::Prefix { bytes, up_to } => {
                write!(f, "looks like the first {bytes} ")?;
                if up_to > bytes {
                    write!(f, "to {up_to} ")?;
                }
                write!(f, "bytes of seq {seq} {state}: a program cut short")?;
            }
            Likeness::Suffix { from } => write!(
                f,
                "looks like bytes {from}..32 of seq {seq} {state}: a program cut short"
            )?,
            Likeness::MissingBits { bits } => write!(
                f,
                "looks like seq {seq} {state} with {} still 1: a program, or an erase, cut short",
                count(bits)
            )?,
            Likeness::OtherBits { bits } => write!(
                f,
                "nearest to seq {seq} {state}, apart from {}",
                count(bits)
            )?,
        }
        for wrong in &self.wrong {
            write!(
                f,
                "\n      bytes {}..{} ({}): {}, ",
                wrong.from, wrong.to, wrong.field, wrong.found
            )?;
            match &wrong.would_be {
                Some(bytes) => write!(f, "would be {bytes}")?,
                None => f.write_str("what was meant cannot be told")?,
            }
        }
        Ok(())
    }
}

fn count(bits: u32) -> String {
    if bits == 1 {
        "1 bit".into()
    } else {
        format!("{bits} bits")
    }
}

impl fmt::Display for SlotView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "  {:<7} at {:#x}: ", self.slot, self.offset)?;
        if let Some(why) = &self.cannot_tell {
            write!(f, "cannot be told: {why}")?;
            return match &self.version {
                Some(version) => write!(f, " (it says it is {version})"),
                None => Ok(()),
            };
        }
        match &self.image {
            Ok(image) => {
                let version = self.version.as_deref().unwrap_or("no descriptor");
                write!(
                    f,
                    "verifies: {version}, {} bytes, {} segments",
                    image.length, image.segments
                )?;
                image.facts(f)?;
            }
            Err(_) if self.erased => f.write_str("erased")?,
            Err(reason) => {
                write!(f, "does not verify: {reason}")?;
                if let Some(version) = &self.version {
                    write!(f, " (it says it is {version})")?;
                }
            }
        }
        if self.beyond_dump {
            f.write_str("; the file ends before the slot does")?;
        }
        Ok(())
    }
}

impl ImageView {
    fn facts(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(version) = &self.idf_version {
            write!(f, ", ESP-IDF {version}")?;
        }
        match self.secure_version {
            Some(0) | None => {}
            Some(version) => write!(f, ", secure version {version}")?,
        }
        if let Some(scheme) = self.signature {
            write!(f, ", signed ({scheme}, not checked)")?;
        }
        for needs in &self.needs {
            write!(f, ", needs {needs}")?;
        }
        if !self.hashed {
            f.write_str(", without a SHA-256")?;
        }
        Ok(())
    }
}

impl BootView {
    fn same_as(&self, other: &Self) -> bool {
        let setting = |view: &Self| Self {
            rollback: false,
            ..view.clone()
        };
        setting(self) == setting(other)
    }
}

impl fmt::Display for BootView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(why) = &self.no_bootloader {
            write!(f, "nothing, and the device resets for ever: {why}")?;
            return match (&self.boots, &self.cannot_tell) {
                (Some(slot), None) => write!(
                    f,
                    "\n    with a bootloader {slot} would boot, because {}",
                    self.reason
                ),
                _ => Ok(()),
            };
        }
        if let Some(why) = &self.cannot_tell {
            return write!(f, "that cannot be told: {why}");
        }
        match (&self.boots, &self.first) {
            (Some(slot), _) => {
                write!(f, "{slot}")?;
                if let Some(version) = &self.version {
                    write!(f, " ({version})")?;
                }
                write!(f, ", because {}", self.reason)?;
                match &self.first {
                    Some(first) if first != slot => write!(f, " and {first} comes first")?,
                    _ => {}
                }
                for provided in &self.provided {
                    write!(f, "\n    provided that {provided}")?;
                }
            }
            (None, Some(first)) => write!(
                f,
                "nothing, and the device resets for ever: {} and {first} comes first",
                self.reason
            )?,
            (None, None) => write!(
                f,
                "nothing, and the device resets for ever: {}",
                self.reason
            )?,
        }
        for refused in &self.refused {
            write!(f, "\n    {} is refused: {}", refused.slot, refused.reason)?;
        }
        for change in &self.changes {
            write!(f, "\n    writes {change}")?;
        }
        Ok(())
    }
}
