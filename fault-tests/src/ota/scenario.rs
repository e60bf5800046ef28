//! The scenarios: devices at a point of their life, with an update on offer.

use sim_flash::{Level, Profile};

use super::device::{SelfTest, Writing};
use super::policy::Policy;
use crate::explore::ANY;
use crate::property::Property;

/// A device at a point of its life, and what happens to it next.
#[derive(Clone, Copy, Debug)]
pub struct Scenario {
    /// Its name, as in case ids.
    pub name: &'static str,
    /// What it shows, in a line.
    pub about: &'static str,
    pub(super) table: Table,
    pub(super) begin: Begin,
    /// Bundled images, or [made](super::made) ones, oldest first; the device starts on [`Scenario::running`].
    pub(super) images: &'static [&'static str],
    pub(super) running: u8,
    pub(super) damaged: Option<u8>,
    pub(super) self_test: SelfTest,
    pub(super) writing: Writing,
    /// Whether images below the minimum version in fuses are refused.
    pub(super) anti_rollback: bool,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Table {
    /// A bundled table, by name.
    Bundled(&'static str),
    /// otadata, perhaps a factory partition, and slots of one size.
    Slots {
        /// Whether it has a factory partition.
        factory: bool,
        /// How many OTA slots it has.
        slots: u8,
        /// Bytes of each.
        size: u32,
    },
}

/// What the flash holds when the scenario begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Begin {
    /// The running image is the factory's; otadata is blank.
    Factory,
    /// The running image was flashed into `ota_0`; otadata is blank.
    BlankOtadata,
    /// The running image in `ota_0` was an update itself: its entry and that of
    /// its predecessor, which lies in the last slot, are both there.
    Updated,
    /// The same, with the first image in the factory partition, and somebody about to hold the pin for a factory
    /// reset.
    Reset,
    /// At every point of an ordinary life, with every call as the first thing that the application does.
    Lives {
        /// Whether bootloader and application are built with rollback.
        rollback: bool,
    },
}

/// What most of them have in common.
const UPDATE: Scenario = Scenario {
    name: "",
    about: "",
    table: Table::Bundled("v02_two_ota"),
    begin: Begin::Updated,
    images: &["c3_4k", "c3_256k", "c3_512k"],
    running: 1,
    damaged: None,
    self_test: SelfTest::Passes,
    writing: Writing::KnownSize,
    anti_rollback: false,
};

/// The scenarios, in the order in which they are swept.
pub const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "first-update",
        about: "first update of a device that runs its factory image",
        begin: Begin::Factory,
        images: &["c3_256k", "c3_512k"],
        running: 0,
        ..UPDATE
    },
    Scenario {
        name: "update-confirm",
        about: "update from one slot to the other, confirmed",
        ..UPDATE
    },
    Scenario {
        name: "update-rollback",
        about: "the new image never confirms and is rolled back",
        self_test: SelfTest::Hangs,
        writing: Writing::Sequential,
        ..UPDATE
    },
    Scenario {
        name: "update-damaged",
        about: "the download has a flipped bit and is refused",
        images: &["c3_4k", "c3_16k", "c3_64k"],
        damaged: Some(2),
        ..UPDATE
    },
    Scenario {
        name: "three-updates",
        about: "three updates in a row, each confirmed",
        begin: Begin::Factory,
        images: &["c3_4k", "c3_16k", "c3_4k_v2", "c3_secver3"],
        running: 0,
        ..UPDATE
    },
    Scenario {
        name: "no-factory",
        about: "first update of a device without a factory partition",
        table: Table::Bundled("v03_two_ota_nofactory_auto"),
        begin: Begin::BlankOtadata,
        images: &["c3_256k", "c3_512k"],
        running: 0,
        writing: Writing::UnknownSize,
        ..UPDATE
    },
    Scenario {
        name: "three-slots",
        about: "update of a device with three slots and no factory partition",
        table: Table::Slots {
            factory: false,
            slots: 3,
            size: 0x10_0000,
        },
        ..UPDATE
    },
    Scenario {
        name: "resumed-update",
        about: "a download that is cut goes on where it was",
        images: &["c3_4k", "c3_16k", "c3_64k"],
        writing: Writing::Resumed,
        ..UPDATE
    },
    Scenario {
        name: "anti-rollback",
        about: "an update that raises the minimum version, then one below it, which is refused",
        table: Table::Bundled("v03_two_ota_nofactory_auto"),
        begin: Begin::BlankOtadata,
        images: &["c3_4k", "c3_secver3", "c3_4k_v2"],
        running: 0,
        anti_rollback: true,
        ..UPDATE
    },
    Scenario {
        name: "factory-reset",
        about: "a factory reset of an updated device, which then updates itself again",
        begin: Begin::Reset,
        images: &["c3_4k", "c3_16k", "c3_4k_v2"],
        running: 2,
        ..UPDATE
    },
    calls(
        "calls-2-factory",
        "every call first, at every point of a life: two slots, factory",
        true,
        2,
        true,
    ),
    calls(
        "calls-2",
        "every call first, at every point of a life: two slots",
        false,
        2,
        true,
    ),
    calls(
        "calls-3-factory",
        "every call first, at every point of a life: three slots, factory",
        true,
        3,
        true,
    ),
    calls(
        "calls-3",
        "every call first, at every point of a life: three slots",
        false,
        3,
        true,
    ),
    calls(
        "calls-2-factory-plain",
        "the same without rollback: two slots, factory",
        true,
        2,
        false,
    ),
    calls(
        "calls-2-plain",
        "the same without rollback: two slots",
        false,
        2,
        false,
    ),
];

/// Scenarios that are swept when asked for by name, and not otherwise: they show nothing that the others
/// do not.
pub const ON_DEMAND: &[Scenario] = &[Scenario {
    name: "smallest",
    about: "update to the smallest image, so small that every state can be executed",
    table: Table::Slots {
        factory: false,
        slots: 2,
        size: 0x2000,
    },
    images: &["c3_min", "made_336"],
    running: 0,
    ..UPDATE
}];

const fn calls(
    name: &'static str,
    about: &'static str,
    factory: bool,
    slots: u8,
    rollback: bool,
) -> Scenario {
    Scenario {
        name,
        about,
        table: Table::Slots {
            factory,
            slots,
            size: 0x4_0000,
        },
        begin: Begin::Lives { rollback },
        images: &["c3_4k", "c3_4k_v2", "c3_secver3", "c3_minrev", "c3_64k"],
        running: 0,
        ..UPDATE
    }
}

/// The scenario of this name, or all `updates`, or all `calls`.
pub fn find_all(name: &str) -> Vec<&'static Scenario> {
    match name {
        "updates" => SCENARIOS.iter().filter(|s| !s.makes_calls()).collect(),
        "calls" => SCENARIOS.iter().filter(|s| s.makes_calls()).collect(),
        name => find(name).into_iter().collect(),
    }
}

/// The scenario of this name.
pub fn find(name: &str) -> Option<&'static Scenario> {
    let mut all = SCENARIOS.iter().chain(ON_DEMAND);
    all.find(|scenario| scenario.name == name)
}

impl Scenario {
    /// Whether its application makes one call, first thing after power-on, and does not update itself.
    pub(super) const fn makes_calls(&self) -> bool {
        matches!(self.begin, Begin::Lives { .. })
    }

    /// Whether `property` is judged in it. Of the stock policy it is known of single calls only what follows a boot
    /// without a command.
    pub fn judges(&self, property: Property, policy: Policy) -> bool {
        match property {
            Property::NoBrick
            | Property::AtomicSwitch
            | Property::Durability
            | Property::RecoveryIdempotence
            | Property::Completion
            | Property::BoundedWear
            | Property::Containment
            | Property::PublishOrder
            | Property::Totality => true,
            Property::RollbackConvergence | Property::Stability => {
                self.makes_calls() || policy != Policy::Stock
            }
            Property::Resumability => self.writing == Writing::Resumed,
            Property::AntiRollback => self.anti_rollback,
            Property::TrustRule | Property::ErrorHonesty => false,
        }
    }

    /// How many cuts in a row it is explored to: as asked, or else any number. With weak bits the stock
    /// algorithm has no end, so that is one; and the hardened one, which numbers what it writes, comes to its end
    /// with a small log alone, so it is two, and one where two take hours or are known to be too many; in company
    /// with stock code, and where each call is made first, one.
    pub fn cuts(&self, asked: Option<u32>, policy: Policy, level: Level, profile: &Profile) -> u32 {
        let rules = profile.rules();
        let in_bytes = !(2..=32).contains(&profile.program_unit()) && rules.encryption.is_none();
        let depth = match (policy, level) {
            (Policy::Stock, Level::L0 | Level::L1 | Level::L2) => ANY,
            _ if self.makes_calls() => 1,
            (Policy::Hardened(_), Level::L0 | Level::L1 | Level::L2) => 2,
            (Policy::Hardened(_), Level::L3) if rules.reprogram_heals && in_bytes => 2,
            _ => 1,
        };
        asked.unwrap_or(depth)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ota::find;
    use crate::sweep::profile;

    #[test]
    fn two_cuts_are_the_default_where_they_hold_and_end() {
        let scenario = find("smallest").expect("a scenario");
        let hardened = Policy::default();
        let flash = Profile::w25q64jv();
        let cuts = |policy, level, profile: &Profile| scenario.cuts(None, policy, level, profile);
        assert_eq!(cuts(hardened, Level::L2, &flash), 2);
        assert_eq!(cuts(hardened, Level::L3, &flash), 2);
        assert_eq!(cuts(hardened, Level::L4, &flash), 1);
        let stubborn = flash.clone().with_reprogram_heals(false);
        assert_eq!(cuts(hardened, Level::L3, &stubborn), 1);
        for (chip, weak) in [("rp2040", 2), ("nrf52840", 1), ("esp32c3-encrypted", 1)] {
            let chip = profile(chip).expect("a chip");
            assert_eq!(cuts(hardened, Level::L3, &chip), weak);
            assert_eq!(cuts(hardened, Level::L2, &chip), 2);
        }
        assert_eq!(cuts(Policy::Stock, Level::L2, &flash), ANY);
        assert_eq!(cuts(Policy::Stock, Level::L3, &flash), 1);
        assert_eq!(cuts(Policy::StockBootloader, Level::L2, &flash), 1);
        let asked = scenario.cuts(Some(3), Policy::Stock, Level::L4, &flash);
        assert_eq!(asked, 3);
    }
}
