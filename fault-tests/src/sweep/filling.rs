//! How far cuts may fill the logs of the hardened policy.

use ota_core::hardened::Room;
use serde::{Deserialize, Serialize};

/// How far cuts may fill a log.
///
/// A cut in a log costs groups, and each cut in the leaving of a full one costs rows of the next one, so there are
/// many ways to go on from there; and where logs are long, many ways to come there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Filling {
    /// As far as they do.
    #[default]
    Any,
    /// Until one is full: power-ons that leave a full log in doubt are judged, and spared cuts.
    UntilFull,
    /// As long as there is room: the groups that are left of those that are kept back
    /// [do not count](Room::Ample), so that no log is ever full. What is shown is shown for each log with as many
    /// ordinary groups, however many it keeps back, until it is full.
    WhileRoom,
}

impl Filling {
    /// Whether power-ons that leave a full log in doubt are spared cuts.
    pub(super) const fn spares(self) -> bool {
        matches!(self, Self::UntilFull)
    }

    /// What the room that is left in a log counts for.
    pub(super) const fn room(self) -> Room {
        match self {
            Self::Any | Self::UntilFull => Room::Counted,
            Self::WhileRoom => Room::Ample,
        }
    }
}
