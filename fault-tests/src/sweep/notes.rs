//! The small print of a sweep: what was counted, what was not tried, what is judged elsewhere.

use sim_flash::Level;

use super::report::{SweepReport, Verdict};
use super::{profiles, thousands};
use crate::explore::Counts;
use crate::ota::marks;
use crate::property::Property;

impl SweepReport {
    /// Everything that bounds what the sweep shows, a sentence each.
    pub fn notes(&self) -> Vec<String> {
        let mut notes = self.extent();
        notes.extend(self.counted());
        notes.extend(self.not_tried());
        notes
    }

    /// What was shown of this chip goes for others as well.
    fn extent(&self) -> Vec<String> {
        let mut notes = Vec::new();
        let ended = [Verdict::Pass, Verdict::Windows, Verdict::Unmet];
        if !ended.contains(&self.verdict()) {
            return notes;
        }
        let known = if self.met().is_empty() {
            ""
        } else {
            " outside the known windows"
        };
        notes.push(format!("no property is violated{known}"));
        let profile = self.scenarios.first().map_or("", |first| &first.profile);
        let alike = profiles::cut_like(profile);
        if !alike.is_empty() {
            let alike = alike.join(", ");
            notes.push(format!(
                "the same holds on {alike}, which differ in size and times alone"
            ));
        }
        let mut marks = self.scenarios.iter().flat_map(|s| &s.marks);
        if marks.any(|met| met.mark == marks::STOCK_BOOTS) {
            notes.push(
                "each power-on began with a stock bootloader in place of ours: it booted a \
                 published image too"
                    .into(),
            );
        }
        notes
    }

    fn counted(&self) -> Vec<String> {
        let sum = |count: fn(&Counts) -> u64| {
            thousands(self.scenarios.iter().map(|s| count(&s.counts)).sum::<u64>())
        };
        let mut notes = vec![
            format!(
                "{} crash states: {} judged singly, {} judged by family, {} represented",
                sum(|c| c.crash_states),
                sum(|c| c.by_lookup),
                sum(|c| c.by_family),
                sum(|c| c.represented),
            ),
            format!(
                "{} power-ons executed, {} of them to check what was pruned",
                sum(|c| c.boots + c.audited),
                sum(|c| c.audited),
            ),
        ];
        let closed = self.scenarios.iter().filter(|s| s.closure).count();
        if closed > 0 {
            notes.push(format!(
                "closure in {closed} of {} scenarios: no state is left, so this holds for {}",
                self.scenarios.len(),
                self.any_number()
            ));
        }
        if self.spared() > 0 {
            notes.push(format!(
                "a log was full and in doubt in {} power-ons: judged, followed until the device \
                 rests, and not cut",
                thousands(self.spared())
            ));
        }
        let uncut: u64 = self.scenarios.iter().map(|s| s.counts.uncut).sum();
        if uncut > 0 {
            notes.push(format!(
                "except behind torn records with a right checksum: {} power-ons there were \
                 judged, and not cut again",
                thousands(uncut)
            ));
        }
        notes
    }

    fn not_tried(&self) -> Vec<String> {
        let mut notes = Vec::new();
        let Some(first) = self.scenarios.first() else {
            return notes;
        };
        let closed = self.scenarios.iter().filter(|s| s.closure).count();
        if closed < self.scenarios.len() {
            let elsewhere = if closed > 0 { "elsewhere " } else { "" };
            notes.push(format!(
                "{elsewhere}longer rows of cuts were not tried: inconclusive there"
            ));
        }
        if first.contract.level >= Level::L4 {
            notes.push(
                "weak bits read as 0 in each power-on, but in one place at most, where other ways \
                 were tried"
                    .into(),
            );
        }
        for property in Property::ALL {
            if let Some(test) = property.judged_by_test() {
                notes.push(format!("{property} is not judged here, but by {test}"));
            }
        }
        if !first.risen && first.contract.level >= Level::L1 {
            notes.push(
                "erases that leave old bits beside risen ones were not tried: --risen does, one \
                 cut each"
                    .into(),
            );
        }
        notes.push(
            "tears are a choice: every byte position; bits one by one and in drawn subsets, fewer \
             of them behind a first cut; of records, as a first cut, some of the torn ones with a \
             right checksum, solved for"
                .into(),
        );
        notes
    }
}
