//! Another coordinator begins on the store while the old one still runs, or stands still and goes on later: two lives, of
//! which the older still writes.

use super::{Act, Draw};
use crate::world::World;

pub(super) fn draw(draw: &mut Draw<'_>) {
    let (at, span) = (draw.moment(), draw.span(30_000_000));
    let is_old_frozen = draw.percent(60);
    draw.act_for(at, span, Act::TakeOver { is_old_frozen }, Act::ThawCoordinators);
}

impl World {
    pub(super) fn take_over(&mut self, is_old_frozen: bool) {
        let Some(old) = self.active_coordinator() else { return };
        if is_old_frozen {
            self.freeze_coordinator(old);
        }
        self.on_coordinator_boot();
    }
}
