//! `brownout sweep --list`: what can be named on its command line.

use std::fmt::Write as _;

use clap::ValueEnum as _;

use super::args::Deny;
use crate::ota::{ON_DEMAND, SCENARIOS};
use crate::sweep;

/// Every level with what it stands for.
pub(super) const LEVELS: [(&str, &str); 6] = [
    ("L0", "whole operations"),
    ("L1", "byte prefixes"),
    ("L2", "any bits"),
    ("L3", "weak bits"),
    ("L3-noheal", "weak bits that only an erase makes solid"),
    ("L4", "weak bits in the rest of the sector as well"),
];

const POLICIES: [(&str, &str); 5] = [
    ("stock", "ESP-IDF's algorithm"),
    ("hardened", "ota-core's own"),
    (
        "hardened-G-R",
        "the same, a log of G groups, R of them kept back",
    ),
    (
        "stock-bootloader",
        "ESP-IDF's bootloader, a hardened application",
    ),
    (
        "stock-application",
        "an application of ESP-IDF, a hardened bootloader",
    ),
];

/// The list, for people.
pub(super) fn text() -> String {
    let mut out = String::new();
    let mut part = |title: &str, rows: &mut dyn Iterator<Item = (String, String)>| {
        let _ = writeln!(out, "{title}");
        for (name, about) in rows {
            let _ = writeln!(out, "  {name:<22} {about}");
        }
        out.push('\n');
    };
    let owned = |(name, about): &(&str, &str)| ((*name).to_owned(), (*about).to_owned());
    let scenarios = SCENARIOS.iter().chain(ON_DEMAND);
    let groups = [
        ("updates", "every one that updates the device"),
        ("calls", "every one that makes single calls"),
    ];
    part(
        "scenarios (--scenario)",
        &mut scenarios
            .map(|s| (s.name.to_owned(), s.about.to_owned()))
            .chain(groups.iter().map(owned)),
    );
    let chips = sweep::usable().into_iter().map(|profile| {
        let size = profile.size() >> 20;
        let unit = match profile.program_unit() {
            1 => String::new(),
            unit => format!(", programs {unit} bytes at a time"),
        };
        let encrypts = if profile.rules().encryption.is_some() {
            ", encrypts"
        } else {
            ""
        };
        (
            profile.name().to_owned(),
            format!("{size} MiB{unit}{encrypts}"),
        )
    });
    part("flash chips (--profile)", &mut chips.into_iter());
    part("policies (--policy)", &mut POLICIES.iter().map(owned));
    part("levels (--level)", &mut LEVELS.iter().map(owned));
    let consequences = Deny::value_variants().iter().map(|deny| {
        let Deny(consequence) = deny;
        (
            consequence.name().to_owned(),
            consequence.happens().to_owned(),
        )
    });
    part(
        "consequences (--deny), the worst first",
        &mut consequences.into_iter(),
    );
    out.truncate(out.trim_end().len());
    out
}
