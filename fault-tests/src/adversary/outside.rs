//! What happens to a device while it is off, and what lies beside otadata and the slots: fuses, and data.

use ota_core::hardened::{Decision, Reason};
use ota_core::partition::Slot;

use super::cells::{Content, SECTOR};
use super::device::{Born, DATA, Device, KEYS, NVS, OTADATA, SLOT_SIZE};
use super::image::IMAGES;
use super::life::{Day, Outside, Refuses};
use super::live::{Living, born};
use super::model::Around;
use super::powered::Powered;
use super::verdict::{Rule, Violation, list};

/// Where a slot rots: behind the descriptor of the smallest image.
const ROTTEN: u32 = 300;

impl Living<'_> {
    /// Lets something happen.
    pub(super) fn outside(&mut self, outside: Outside, told: &mut dyn FnMut(String)) {
        match outside {
            Outside::Rot(slot) if self.is_there(slot) => {
                let at = Device::partition(slot).offset + ROTTEN;
                self.cells.program(at, &[0; 8]);
                told(format!("  {slot} rots"));
            }
            Outside::Cable { to, image } if self.is_there(to) => {
                let at = Device::partition(to).offset;
                for sector in (at..at + SLOT_SIZE).step_by(SECTOR as usize) {
                    self.cells.erase(sector);
                }
                self.cells.program(at, &IMAGES[image].bytes);
                told(format!("  image {image} is flashed into {to}"));
            }
            Outside::EraseOtadata => {
                for sector in [OTADATA, OTADATA + SECTOR] {
                    self.cells.erase(sector);
                }
                self.states = vec![born(Device {
                    born: Born::Blank,
                    ..self.device
                })];
                self.download = None;
                self.cuts_since_switch = 0;
                told("  otadata is erased".into());
            }
            Outside::Rot(_) | Outside::Cable { .. } => {}
        }
    }

    /// What is noted of a download there is true no more, and nobody can know.
    fn is_there(&mut self, slot: Slot) -> bool {
        if let Some(download) = &mut self.download
            && download.to == slot
        {
            (download.foreign, download.noted) = (true, 0);
        }
        self.device.all_slots().any(|there| there == slot)
    }

    /// The secure version is one of these.
    pub(super) fn judge_fuses(&self, before: u32, allowed: &[u32]) -> Result<(), Violation> {
        let got = self.minimum.get();
        if allowed.contains(&got) {
            return Ok(());
        }
        let mut allowed: Vec<_> = allowed.iter().map(ToString::to_string).collect();
        allowed.dedup();
        let allowed = format!("a secure version of {}, after {before}", list(&allowed));
        Err(Violation::new(Rule::AntiRollback, allowed, got.to_string()))
    }

    /// A boot raises the secure version to that of an image that is confirmed, and to none else.
    pub(super) fn judge_raised(
        &self,
        before: u32,
        around: &Around,
        decision: &Decision,
    ) -> Result<(), Violation> {
        let confirmed = around.anti_rollback && decision.reason == Reason::Confirmed;
        let version = match around.content(decision.slot) {
            Content::Image(image) | Content::Perhaps(image) => IMAGES[image].version,
            Content::Nothing => 0,
        };
        let raised = if confirmed && version <= around.fuses {
            before.max(version)
        } else {
            before
        };
        self.judge_fuses(before, &[raised])
    }
}

/// A reset that is done has wiped the data that it names, and no other.
pub(super) fn judge_data(day: &Day, flash: &mut Powered<'_>) -> Result<(), Violation> {
    let len = u32::try_from(DATA.len()).unwrap_or(0);
    let holds = |at: u32, wanted: u8| {
        (at..at + len).all(|at| {
            let byte = flash.cells().byte(at);
            (byte.value, byte.weak) == (wanted, 0)
        })
    };
    if !holds(KEYS, DATA[0]) {
        return Err(Violation::new(
            Rule::Reset,
            "data that it does not name stay",
            "they do not",
        ));
    }
    if !day.resets() {
        return Ok(());
    }
    if day.refuses == Some(Refuses::Data) {
        return Ok(());
    }
    if !holds(NVS, 0xFF) {
        return Err(Violation::new(
            Rule::Reset,
            "the data that it names are wiped",
            "they are not",
        ));
    }
    // The application writes its settings anew.
    flash.settle(NVS, &DATA);
    Ok(())
}
