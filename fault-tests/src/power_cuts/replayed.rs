//! Cases by their ids: the one that the environment asks for, and those that were kept.

use std::fmt::Debug;

use sim_flash::Geometry;

use super::check::{Bench, REPLAY};
use super::checked::Checked;
use super::drawn::DrawnBy;
use super::kept::Archive;
use super::story::{Kept, Story};
use crate::case::{CaseFile, CaseId, Expected, Replay, replay};
use crate::property::Finding;

impl<G, M, O, V> Bench<'_, G, M, O, V>
where
    G: Geometry,
    O: Clone + Debug + Send + Sync,
    V: Clone + PartialEq + Debug + Send + Sync,
{
    /// Tells the one case that is asked for.
    pub(super) fn tell(&self, asked: &str) -> Result<Checked, Box<Story>> {
        let id: CaseId = match asked.parse() {
            Ok(id) => id,
            Err(error) => panic!("{REPLAY}: {error}"),
        };
        let nothing = |remark: String| Checked {
            name: self.name.clone(),
            tried: Vec::new(),
            left: Vec::new(),
            remarks: vec![remark],
        };
        if id.scenario != self.name {
            let other = &id.scenario;
            return Ok(nothing(format!("{REPLAY} asks for a case of {other}")));
        }
        match self.replayed(&id) {
            Ok(replay) => match replay.finding().cloned() {
                Some(finding) => {
                    let facts = self.facts(&id, &finding, Kept::Asked, false);
                    Err(Box::new(Story::of(&replay, &facts)))
                }
                None => Ok(nothing(format!("{id} shows nothing any more"))),
            },
            Err(why) => panic!("{REPLAY}: {id}: {why}"),
        }
    }

    /// The case of this id, live.
    fn replayed(&self, id: &CaseId) -> Result<Replay, String> {
        if id.profile != self.profile.name() {
            let (found, own) = (&id.profile, self.profile.name());
            return Err(format!("found the chip {found}, expected {own}"));
        }
        let gone = || format!("there is no start {} any more", id.start);
        let (start, by) = match id.start.rsplit_once("_x") {
            Some((start, by)) => (start, Some(format!("x{by}"))),
            None => (&*id.start, None),
        };
        let drawn = match (by, &self.test.draw) {
            (None, None) => None,
            (Some(by), Some(draw)) => {
                let by: DrawnBy = by.parse().map_err(|()| gone())?;
                Some(self.drawn(&**draw, &by))
            }
            _ => return Err(gone()),
        };
        let workshop = self.workshop(drawn.as_ref().unwrap_or(&self.test.operations));
        let ready = workshop.ready(&mut Vec::new());
        let way = workshop.way(&ready, start).ok_or_else(gone)?;
        let (device, starts) = workshop.device(&ready, &[way]);
        let replay = replay(&device, &self.profile, &starts[0], &id.path, true);
        replay.map_err(|unreached| unreached.to_string())
    }

    pub(super) fn replay_kept(
        &self,
        case: &CaseFile,
        archive: &Archive,
        remarks: &mut Vec<String>,
    ) -> Result<(), Box<Story>> {
        let id = &case.id;
        let replay = match self.replayed(id) {
            Ok(replayed) => replayed,
            Err(why) => {
                remarks.push(format!("the kept case {id} is stale: {why}"));
                return Ok(());
            }
        };
        let counts = |finding: &&Finding| !self.test.tolerated.contains(&finding.property);
        let shown = match &case.expected {
            Expected::Shown(finding) if replay.shows(finding) => Some(finding),
            _ => replay.finding(),
        };
        let Some(finding) = shown.filter(counts) else {
            remarks.push(format!("the kept case holds now: {id}"));
            return Ok(());
        };
        let id = CaseId {
            trace: replay.trace,
            ..id.clone()
        };
        let kept = Kept::Before(archive.shown());
        let facts = self.facts(&id, finding, kept, true);
        Err(Box::new(Story::of(&replay, &facts)))
    }
}
