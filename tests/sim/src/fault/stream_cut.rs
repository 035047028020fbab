//! A stream breaks, with what was under way on it; one side may not notice for long.

use super::{Act, Draw};
use crate::network::{Down, Up};
use crate::world::World;

pub(super) fn draw(draw: &mut Draw<'_>) {
    let at = draw.moment();
    let (is_agent_told, is_coordinator_told) = [(true, true), (true, false), (false, true)][draw.below(3) as usize];
    let act = Act::CutStream { agent: draw.agent(), is_agent_told, is_coordinator_told };
    draw.act(at, act);
}

impl World {
    pub(super) fn cut_streams(&mut self, agent: usize, is_agent_told: bool, is_coordinator_told: bool) {
        let cut: Vec<u64> =
            self.net.streams.iter().filter(|(_, stream)| stream.agent == agent).map(|(id, _)| *id).collect();
        for id in cut {
            if let Some(stream) = self.net.streams.get_mut(&id) {
                stream.up.cut();
                stream.down.cut();
                stream.is_cut = true;
            }
            if is_coordinator_told {
                self.net.send_end_up(&mut self.env, id, Up::End);
            }
            if is_agent_told {
                self.net.send_end_down(&mut self.env, id, Down::End);
            }
        }
    }
}
