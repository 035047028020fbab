//! The coordinator's process stands still, and goes on as if nothing had been.

use super::{Act, Draw};
use crate::world::World;

pub(super) fn draw(draw: &mut Draw<'_>) {
    let (at, span) = (draw.moment(), draw.span(60_000_000));
    draw.act_for(at, span, Act::FreezeCoordinator, Act::ThawCoordinators);
}

impl World {
    pub(super) fn thaw_coordinators(&mut self) {
        for coordinator in 0..self.coordinators.len() {
            self.thaw_coordinator(coordinator);
        }
    }
}
