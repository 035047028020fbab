//! Lines are blocked one after another, and freed one after another in another order: the fleet is never whole and never
//! gone, and everyone comes back into another world than the one that they left.

use rand::RngExt as _;

use super::{Act, Draw};

pub(super) fn draw(draw: &mut Draw<'_>) {
    let (at, span, back) = (draw.moment(), draw.span(20_000_000), draw.span(20_000_000));
    for agent in 0..draw.agents {
        if draw.percent(60) {
            let blocked_at = at + draw.rng.random_range(0..=span);
            let freed_at = at + span + draw.rng.random_range(0..=back);
            let blocked = Act::Block { agent, up: draw.percent(80), down: draw.percent(80) };
            draw.act(blocked_at, blocked);
            draw.act(freed_at, Act::Block { agent, up: false, down: false });
        }
    }
}
