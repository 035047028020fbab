//! The store has no room for a while, or one commit fails: with nothing written, or with everything.

use super::{Act, Draw};
use crate::disk::DiskFault;

pub(super) fn draw(draw: &mut Draw<'_>) {
    let at = draw.moment();
    match draw.below(3) {
        0 => {
            let span = draw.span(20_000_000);
            draw.act_for(at, span, Act::Store(DiskFault::Full), Act::Store(DiskFault::None));
        }
        1 => draw.act(at, Act::Store(DiskFault::FailsNext)),
        _ => draw.act(at, Act::Store(DiskFault::LiesNext)),
    }
}
