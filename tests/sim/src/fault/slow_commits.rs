//! Commits take long for a while, up to much longer than a lease.

use super::{Act, Draw};

pub(super) fn draw(draw: &mut Draw<'_>) {
    let (at, span, most) = (draw.moment(), draw.span(30_000_000), draw.span(15_000_000));
    draw.act_for(at, span, Act::Commits(most / 4, most.max(1)), Act::Commits(0, 0));
}
