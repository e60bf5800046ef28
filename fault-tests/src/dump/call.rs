//! What the device is asked to do while the power fails.

use std::fmt;

/// The one call in which, and after which, the power is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Call {
    /// Nothing but boots.
    Boot,
    /// Download an image into the next slot and switch to it.
    Update,
    /// `mark_app_valid_cancel_rollback`.
    Confirm,
    /// `mark_app_invalid_rollback`.
    Reject,
    /// `set_boot_partition`.
    Select,
    /// The bootloader's factory reset, which erases otadata.
    FactoryReset,
    /// `erase_last_boot_app_partition`.
    EraseLast,
}

impl Call {
    /// Every call.
    pub const ALL: [Self; 7] = [
        Self::Boot,
        Self::Update,
        Self::Confirm,
        Self::Reject,
        Self::Select,
        Self::FactoryReset,
        Self::EraseLast,
    ];

    /// The name of its scenario in case ids: `dump-` and its name.
    pub const fn scenario(self) -> &'static str {
        match self {
            Self::Boot => "dump-boot",
            Self::Update => "dump-update",
            Self::Confirm => "dump-confirm",
            Self::Reject => "dump-reject",
            Self::Select => "dump-select",
            Self::FactoryReset => "dump-factory-reset",
            Self::EraseLast => "dump-erase-last",
        }
    }

    /// Its name: `confirm`.
    pub fn name(self) -> &'static str {
        self.scenario().trim_start_matches("dump-")
    }

    /// The call whose scenario has this name.
    pub fn of_scenario(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|call| call.scenario() == name)
    }

    /// What its scenario shows.
    pub const fn about(self) -> &'static str {
        match self {
            Self::Boot => "boots of a dump",
            Self::Update => "an update of a dump, and the boots after it",
            Self::Confirm => "the running image of a dump confirms itself",
            Self::Reject => "the running image of a dump refuses itself",
            Self::Select => "another slot of a dump is selected",
            Self::FactoryReset => "a dump's bootloader is asked for a factory reset",
            Self::EraseLast => "the image that a dump ran before is erased",
        }
    }

    /// What the device calls: the function's name in `ota-core`, or what the bootloader does.
    pub const fn function(self) -> &'static str {
        match self {
            Self::Boot => "boot",
            Self::Update => "update",
            Self::Confirm => "mark_app_valid_cancel_rollback",
            Self::Reject => "mark_app_invalid_rollback",
            Self::Select => "set_boot_partition",
            Self::FactoryReset => "factory_reset",
            Self::EraseLast => "erase_last_boot_app_partition",
        }
    }

    /// Whether an application makes the call, after a boot; otherwise the bootloader does it itself.
    pub const fn by_application(self) -> bool {
        !matches!(self, Self::Boot | Self::FactoryReset)
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
