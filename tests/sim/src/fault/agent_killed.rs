//! An agent's process is killed, or its machine is lost, with its spool or without it.

use super::{Act, Draw};
use crate::event::Event;
use crate::world::World;

pub(super) fn draw(draw: &mut Draw<'_>) {
    let at = draw.moment();
    let is_machine_lost = draw.percent(30);
    let act = Act::KillAgent {
        agent: draw.agent(),
        is_machine_lost,
        loses_spool: draw.percent(25),
        down: draw.span(40_000_000),
    };
    draw.act(at, act);
}

impl World {
    pub(super) fn kill_and_restart(&mut self, agent: usize, is_machine_lost: bool, loses_spool: bool, down: u64) {
        if self.agents[agent].session().is_some() {
            self.kill_agent(agent, is_machine_lost, loses_spool);
            self.env.after(down, Event::AgentBoot(agent));
        }
    }
}
