//! No new lease; the rest is finished; then the agent leaves.

use muster_common::control::FromAgent;

use crate::{Effect, Notice, Session};

impl Session {
    pub(crate) fn on_drain(&mut self, effects: &mut Vec<Effect>) {
        if self.is_draining {
            return;
        }
        self.is_draining = true;
        effects.push(Effect::Notice(Notice::Draining));
        self.mention(FromAgent::Draining, effects);
    }
}
