//! The chips that a sweep can use: every preset of `sim-flash` that is programmed byte by byte.

use std::fmt;

use sim_flash::{
    EccDoubleWords, EncryptedRows16, EncryptedRows32, Geometry, Profile, RomPages, Words,
};

/// The profiles that a sweep can use, the default first.
pub fn usable() -> [Profile; 4] {
    [
        Profile::w25q64jv(),
        Profile::w25q128jv(),
        Profile::mx25r6435f(),
        Profile::gd25q32c(),
    ]
}

/// Presets that a sweep cannot use, with the bytes that they program at least.
fn too_coarse() -> [(String, usize); 5] {
    fn of<G: Geometry>(profile: &Profile<G>) -> (String, usize) {
        (profile.name().to_owned(), G::WRITE)
    }
    [
        of::<RomPages>(&Profile::rp2040()),
        of::<Words>(&Profile::nrf52840()),
        of::<EccDoubleWords>(&Profile::stm32l4()),
        of::<EncryptedRows32>(&Profile::esp32_encrypted()),
        of::<EncryptedRows16>(&Profile::esp32c3_encrypted()),
    ]
}

/// Why there is no profile of this name for a sweep.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoProfile {
    /// The name asked for.
    pub name: String,
    /// The bytes that this chip programs at least, if there is such a chip.
    pub write: Option<usize>,
}

impl fmt::Display for NoProfile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = &self.name;
        match self.write {
            Some(bytes) => write!(
                f,
                "{name} is programmed in units of {bytes} bytes, a sweep needs a chip that is programmed byte by byte"
            )?,
            None => write!(f, "found no chip of the name \"{name}\"")?,
        }
        let usable = usable().map(|profile| profile.name().to_owned());
        write!(f, ", expected one of {}", usable.join(", "))
    }
}

impl std::error::Error for NoProfile {}

/// The profile of this name.
///
/// # Errors
/// There is none, or a sweep cannot use it.
pub fn profile(name: &str) -> Result<Profile, NoProfile> {
    let found = usable().into_iter().find(|profile| profile.name() == name);
    found.ok_or_else(|| NoProfile {
        name: name.to_owned(),
        write: too_coarse()
            .into_iter()
            .find_map(|(known, write)| (known == name).then_some(write)),
    })
}
