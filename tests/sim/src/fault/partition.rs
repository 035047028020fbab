//! Nothing gets from an agent to the coordinator, or back, or both; for one agent or for many at once.

use super::{Act, Draw};

pub(super) fn draw(draw: &mut Draw<'_>) {
    let (at, span) = (draw.moment(), draw.span(120_000_000));
    let (up, down) = [(true, true), (true, false), (false, true)][draw.below(3) as usize];
    let share = if draw.percent(70) { 0 } else { draw.below(101) };
    let chosen = draw.agent();
    for agent in 0..draw.agents {
        if agent == chosen || draw.percent(share) {
            draw.act_for(at, span, Act::Block { agent, up, down }, Act::Block { agent, up: false, down: false });
        }
    }
}
