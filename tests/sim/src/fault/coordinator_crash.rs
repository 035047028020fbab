//! The coordinator is killed: at once, or at every point between a step, its commit and its effects.

use super::{Act, Draw};
use crate::coordinator::CrashPoint;

pub(super) fn draw(draw: &mut Draw<'_>) {
    let at = draw.moment();
    let act = match draw.below(6) {
        0 => Act::KillCoordinator,
        1 => Act::Crash(CrashPoint::AfterStep),
        2 => Act::Crash(CrashPoint::InCommit),
        3 => Act::Crash(CrashPoint::BeforeEffects),
        _ => Act::Crash(CrashPoint::AmongEffects(draw.below(64))),
    };
    draw.act(at, act);
}
