//! The line of an agent is slow for a while.

use super::{Act, Draw};

pub(super) fn draw(draw: &mut Draw<'_>) {
    let (at, agent, span, extra) = (draw.moment(), draw.agent(), draw.span(60_000_000), draw.span(8_000_000));
    draw.act_for(at, span, Act::Slow { agent, extra }, Act::Slow { agent, extra: 0 });
}
