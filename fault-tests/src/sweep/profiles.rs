//! The chips that a sweep can use: every preset of `sim-flash`.
//!
//! Whatever a chip is sold with, here it has room for every scenario: its size changes nothing that a
//! cut does.

use std::fmt;

use sim_flash::Profile;

/// Bytes that every scenario fits in.
const ROOM: u32 = 4 << 20;

/// The profiles that a sweep can use, the default first.
pub fn usable() -> Vec<Profile> {
    let mut usable = vec![
        Profile::w25q64jv(),
        Profile::w25q128jv(),
        Profile::mx25r6435f(),
        Profile::gd25q32c(),
    ];
    // Behind a driver that fills pages up, as the ROM takes nothing less.
    usable.extend(Profile::rp2040().padded());
    usable.extend([
        Profile::nrf52840().untyped(),
        Profile::stm32l4().untyped(),
        Profile::esp32c3_encrypted().untyped(),
        Profile::esp32_encrypted().untyped(),
    ]);
    for profile in &mut usable {
        if profile.size() < ROOM {
            *profile = profile.clone().with_size(ROOM);
        }
    }
    usable
}

/// The other chips in which a cut leaves what it leaves in this one.
pub(super) fn cut_like(name: &str) -> Vec<String> {
    let Ok(own) = profile(name) else {
        return Vec::new();
    };
    let mut others = usable();
    others.retain(|other| other.name() != name && own.is_cut_like(other));
    others.iter().map(|other| other.name().to_owned()).collect()
}

/// The chip for a flash that is used up to `end`: the one asked for, or the first of today's NOR flashes that is large
/// enough; where none is, the largest, grown. Its size changes nothing that a cut does.
pub fn fitting(asked: Option<Profile>, end: u64) -> Profile {
    let profile = asked.unwrap_or_else(|| {
        if end <= u64::from(Profile::w25q64jv().size()) {
            Profile::w25q64jv()
        } else {
            Profile::w25q128jv()
        }
    });
    match u32::try_from(end)
        .ok()
        .and_then(u32::checked_next_power_of_two)
    {
        Some(size) if size > profile.size() => profile.with_size(size),
        _ => profile,
    }
}

/// Why there is no profile of this name for a sweep.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoProfile {
    /// The name asked for.
    pub name: String,
}

impl fmt::Display for NoProfile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = &self.name;
        write!(f, "found no chip of the name \"{name}\"")?;
        let usable: Vec<_> = { usable().into_iter() }
            .map(|profile| profile.name().to_owned())
            .collect();
        write!(f, ", expected one of {}", usable.join(", "))
    }
}

impl std::error::Error for NoProfile {}

/// The profile of this name.
///
/// # Errors
/// There is none.
pub fn profile(name: &str) -> Result<Profile, NoProfile> {
    let found = usable().into_iter().find(|profile| profile.name() == name);
    found.ok_or_else(|| NoProfile {
        name: name.to_owned(),
    })
}
