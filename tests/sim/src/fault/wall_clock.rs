//! Somebody sets a wall clock, by seconds or by years, forwards or back. Nothing is to be decided by it.

use super::{Act, Draw};
use crate::world::World;

pub(super) fn draw(draw: &mut Draw<'_>) {
    let at = draw.moment();
    let agent = if draw.percent(50) { Some(draw.agent()) } else { None };
    let size: i64 = [2_000, 3_600_000, 86_400_000 * 365][draw.below(3) as usize];
    let by_ms = if draw.percent(50) { size } else { -size };
    draw.act(at, Act::SetWall { agent, by_ms });
}

impl World {
    pub(super) fn set_wall(&mut self, agent: Option<usize>, by_ms: i64) {
        match agent {
            Some(agent) => self.agents[agent].clock.set_wall(by_ms),
            None => {
                if let Some(coordinator) = self.active_coordinator() {
                    self.coordinators[coordinator].clock.set_wall(by_ms);
                }
            }
        }
    }
}
