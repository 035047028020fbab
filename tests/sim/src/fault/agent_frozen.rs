//! An agent's process stands still, often for longer than its leases last, and goes on as if nothing had been.

use super::{Act, Draw};

pub(super) fn draw(draw: &mut Draw<'_>) {
    let (at, agent, span) = (draw.moment(), draw.agent(), draw.span(120_000_000));
    draw.act_for(at, span, Act::FreezeAgent(agent), Act::ThawAgent(agent));
}
