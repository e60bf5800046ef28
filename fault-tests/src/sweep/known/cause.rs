//! Causes: the few weaknesses of ESP-IDF's algorithm that all its known windows come from.
//!
//! Each says in words what happens, what an application can do about it, and which setting or policy closes it. In which
//! calls it was met, for how long it is open and by which case it is shown simplest, a sweep adds.

use std::fmt;

/// One weakness that many windows come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Cause {
    /// A change of state erases the entry that counts.
    StateInPlace,
    /// The only try is spent before the image runs.
    OneTry,
    /// The other sector holds the entry that is needed.
    NeededEntry,
    /// A switch to where otadata points already.
    SameSlot,
    /// The two sectors of otadata are erased one after the other.
    OneByOne,
    /// The image goes first, the entry that names it later or never.
    EntryOutlivesImage,
    /// A sector without an entry, cut in its erase, is one.
    BlankIsEntry,
    /// The CRC says nothing of the state.
    StateUncovered,
    /// The CRC is right for a number that was never written.
    NumberForged,
    /// The minimum version is raised to what was not verified.
    RaisedUnverified,
    /// Bits that a cut left half done read as they like.
    WeakBits,
}

/// What there is to say of a cause.
struct About {
    name: &'static str,
    title: &'static str,
    happens: &'static str,
    application: &'static str,
    closed_by: &'static str,
}

impl Cause {
    /// Every cause.
    pub const ALL: [Self; 11] = [
        Self::StateInPlace,
        Self::OneTry,
        Self::NeededEntry,
        Self::SameSlot,
        Self::OneByOne,
        Self::EntryOutlivesImage,
        Self::BlankIsEntry,
        Self::StateUncovered,
        Self::NumberForged,
        Self::RaisedUnverified,
        Self::WeakBits,
    ];

    const fn about(self) -> &'static About {
        match self {
            Self::StateInPlace => &STATE_IN_PLACE,
            Self::OneTry => &ONE_TRY,
            Self::NeededEntry => &NEEDED_ENTRY,
            Self::SameSlot => &SAME_SLOT,
            Self::OneByOne => &ONE_BY_ONE,
            Self::EntryOutlivesImage => &ENTRY_OUTLIVES_IMAGE,
            Self::BlankIsEntry => &BLANK_IS_ENTRY,
            Self::StateUncovered => &STATE_UNCOVERED,
            Self::NumberForged => &NUMBER_FORGED,
            Self::RaisedUnverified => &RAISED_UNVERIFIED,
            Self::WeakBits => &WEAK_BITS,
        }
    }

    /// Its name in JSON: `state-in-place`.
    pub const fn name(self) -> &'static str {
        self.about().name
    }

    /// The weakness in a line.
    pub const fn title(self) -> &'static str {
        self.about().title
    }

    /// How a cut there does harm.
    pub const fn happens(self) -> &'static str {
        self.about().happens
    }

    /// What an application can do about it.
    pub const fn application(self) -> &'static str {
        self.about().application
    }

    /// Which setting of ESP-IDF or which policy closes it.
    pub const fn closed_by(self) -> &'static str {
        self.about().closed_by
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.title())
    }
}

const STATE_IN_PLACE: About = About {
    name: "state-in-place",
    title: "a change of state erases the entry that counts",
    happens: "The state of an entry (NEW, PENDING_VERIFY, VALID) is changed by erasing its sector and writing the entry \
              anew. Between the two no entry names the image, and the next boot takes the other entry, or factory, or \
              ota_0: an update that was reported as done is undone, a confirmation forgotten.",
    application: "After a restart, compare the running version with the one that was installed, and install it again \
                  if it is not there; ask the server for updates on every start, not once.",
    closed_by: "the hardened policy. Without CONFIG_BOOTLOADER_APP_ROLLBACK_ENABLE the bootloader changes no state, and \
                the window in boot is gone; so is the trial of new images.",
};

const ONE_TRY: About = About {
    name: "one-try",
    title: "the only try is spent before the image runs",
    happens: "The bootloader marks a new image PENDING_VERIFY before it jumps to it, and the next boot takes that mark \
              for a failure. Power that fails between the mark and the confirmation undoes an update that had nothing \
              wrong with it.",
    application: "Confirm as early as the self-test allows, and install again what was rolled back once: a rollback \
                  does not prove that the image is bad.",
    closed_by: "the hardened policy, which grants a trial several starts; or no CONFIG_BOOTLOADER_APP_ROLLBACK_ENABLE, \
                and so no trial.",
};

const NEEDED_ENTRY: About = About {
    name: "needed-entry",
    title: "the sector that is rewritten holds the entry that is needed",
    happens: "A switch writes into the sector of the entry that is not active, without asking who needs it. After a \
              fallback, or while an image is on trial, the next boot or a rollback goes by that very entry.",
    application: "Switch only while the running image is VALID and is the one that otadata selects \
                  (esp_ota_get_state_partition, esp_ota_get_boot_partition); confirm or refuse it first.",
    closed_by: "the hardened policy",
};

const SAME_SLOT: About = About {
    name: "same-slot",
    title: "a switch to the slot that is selected already",
    happens: "esp_ota_set_boot_partition to the slot that otadata selects already erases the active entry and writes it \
              anew in the same sector. Cut in between, the other entry boots, or factory, or ota_0.",
    application: "Call esp_ota_set_boot_partition only if esp_ota_get_boot_partition returns another partition.",
    closed_by: "the hardened policy",
};

const ONE_BY_ONE: About = About {
    name: "one-by-one",
    title: "the two sectors of otadata are erased one after the other",
    happens: "Nothing but blank otadata selects factory, and its two sectors are erased in turn. Once the newer entry is \
              gone and the older is not, the older image boots, which nobody chose.",
    application: "Let both slots hold images that may run before a factory reset or a switch to factory; look at the \
                  running partition afterwards, and ask again.",
    closed_by: "the hardened policy in bootloader and application",
};

const ENTRY_OUTLIVES_IMAGE: About = About {
    name: "entry-outlives-image",
    title: "an entry still names a slot that is being overwritten",
    happens: "The slot is erased first, and the entry that names it later, or never. Cut in between, otadata points at an \
              image that does not verify; the bootloader passes it by and boots another slot.",
    application: "Nothing is lost: the running image boots, and the download can begin again. Do not take what otadata \
                  selects for what runs.",
    closed_by: "the hardened policy. With CONFIG_BOOTLOADER_APP_ROLLBACK_ENABLE, esp_ota_begin clears the entry, which \
                leaves the time between the two erases.",
};

const BLANK_IS_ENTRY: About = About {
    name: "blank-is-entry",
    title: "a sector without an entry, cut in its erase, becomes one",
    happens: "An entry with sequence number 0 and an erased CRC field passes for valid, and points at the last slot or \
              the first. A cut erase of a blank or torn sector can leave exactly that, and the image in that slot boots \
              although nobody switched to it.",
    application: "Ship devices with both sectors of otadata written, so that no blank one is erased; never leave a whole \
                  image in a slot that must not boot.",
    closed_by: "the hardened policy in bootloader and application",
};

const STATE_UNCOVERED: About = About {
    name: "state-uncovered",
    title: "the CRC of an entry says nothing of its state",
    happens: "The CRC covers the sequence number alone. A cut when number and CRC are written and some bits of the state \
              are not leaves a valid entry in a state that nobody meant: neither on trial nor refused, so an image \
              that was not confirmed, or that refused itself, goes on running.",
    application: "On each start read the state (esp_ota_get_state_partition); if it is none of ESP-IDF's, take the image \
                  for unconfirmed and run the self-test.",
    closed_by: "the hardened policy, whose records have a checksum over all of them",
};

const NUMBER_FORGED: About = About {
    name: "number-forged",
    title: "a torn entry can have the right CRC of a larger number",
    happens: "A CRC is affine: some ways to write a number and its CRC by half are a larger number with its right CRC, \
              which was never written. It is the newest entry then, and may name another slot.",
    application: "Nothing prevents it. Compare the running partition with the expected one after each restart.",
    closed_by: "the hardened policy, whose records count their zero bits besides",
};

const RAISED_UNVERIFIED: About = About {
    name: "raised-unverified",
    title: "the minimum version is raised before the image is verified",
    happens: "The bootloader burns the secure version of the image that a VALID entry names as its header reads, before \
              it verifies that image. Where a cut has left such an entry for a slot that is being written, every image \
              may be locked out for good.",
    application: "Raise the secure version only in images that have long been confirmed everywhere.",
    closed_by: "the hardened policy; or no CONFIG_BOOTLOADER_APP_ANTI_ROLLBACK",
};

const WEAK_BITS: About = About {
    name: "weak-bits",
    title: "what a cut left half done may read otherwise each time",
    happens: "From L3 on, cells that were being erased or programmed are neither 0 nor 1 for sure. An entry of such bits \
              is valid in one boot and not in the next, or is one that nobody wrote; ESP-IDF acts on it as read and \
              never makes it solid.",
    application: "Nothing in software. Hold the supply up until an operation ends (a capacitor for one sector erase), \
                  with the brown-out detector on.",
    closed_by: "the hardened policy",
};
