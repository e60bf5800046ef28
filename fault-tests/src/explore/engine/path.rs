//! The way back from a state to its start.

use super::super::tally::Shown;
use super::super::window::Window;
use super::super::{CutAt, Decided, Disagreement, Path};
use super::{Edge, Engine, Stop};
use crate::subject::World;

impl<W: World> Engine<'_, W> {
    pub(super) fn window_of(&self, node: u32) -> Option<Window> {
        let window = self.pass.nodes.get(node as usize)?.window?;
        self.windows.get(window).cloned()
    }

    pub(super) fn disagrees(&self, at: Shown, what: &'static str) -> Stop {
        let (start, path) = self.path(at);
        Stop::Disagreement(Disagreement { what, start, path })
    }

    /// The start of a node that no cut leads to, and how many power-ons came before it.
    pub(super) fn power_on_of(&self, mut node: u32) -> (usize, u32) {
        let mut boot = 0;
        // Ends: a parent is always older than its child, and the start has edge Start.
        while let Some(at) = self.pass.nodes.get(node as usize) {
            if let Edge::Start(index) = at.edge {
                return (index as usize, boot);
            }
            boot += 1;
            node = at.parent;
        }
        (0, boot)
    }

    /// The start, and the way from there to what shows at a node.
    pub(super) fn path(&self, at: Shown) -> (usize, Path) {
        let mut start = 0;
        // Nodes, each with the power-on that was taken there, last to first.
        let mut way = Vec::new();
        let (mut node, mut branch) = (at.node, at.branch);
        // Ends: a parent is always older than its child, and the start has edge Start.
        while let Some(here) = self.pass.nodes.get(node as usize) {
            way.push((here, branch));
            if let Edge::Start(index) = here.edge {
                start = index as usize;
                break;
            }
            (node, branch) = (here.parent, here.branch);
        }
        let mut path = Path::default();
        let mut boot = 0;
        for (here, branch) in way.into_iter().rev() {
            match here.edge {
                Edge::Start(_) => {}
                Edge::Cycle => boot += 1,
                Edge::Asked => {
                    path.asked = true;
                    boot += 1;
                }
                Edge::Cut { op, tear } => {
                    path.cuts.push(CutAt { boot, op, tear });
                    boot = 1;
                }
            }
            let branches = self.leaves.get(here.leaf.0 as usize);
            let branch = branches.and_then(|leaf| leaf.branches.get(branch as usize));
            let tape = branch.map_or(&[][..], |branch| &*branch.tape);
            let len = tape
                .iter()
                .rposition(|n| *n != 0)
                .map_or(0, |last| last + 1);
            if len > 0 {
                path.weak.push(Decided {
                    cuts: u32::try_from(path.cuts.len()).unwrap_or(u32::MAX),
                    boot,
                    taken: tape[..len].to_vec(),
                });
            }
        }
        (start, path)
    }
}
