//! Work for one slot.

use muster_common::control::{FromAgent, Lease};
use muster_common::error_code::{Reason, ReasonCode};
use muster_common::limits::CLAIMS_PER_OPEN_MAX;

use crate::{Effect, Notice, Session};

impl Session {
    pub(crate) fn on_lease(&mut self, lease: Box<Lease>, effects: &mut Vec<Effect>) {
        if self.attempts.knows(lease.token) {
            return;
        }
        if let Some(why) = self.refusal() {
            let token = lease.token;
            effects.push(Effect::Notice(Notice::LeaseRefused { token, why }));
            self.attempts.insert_ended(token);
            let reason = Reason::new(ReasonCode::AgentRefused, format!("agent {}: {why}", self.identity.agent));
            return self.say(FromAgent::Refused { token, reason }, effects);
        }
        self.mention(FromAgent::Accepted(lease.token), effects);
        self.attempts.insert(lease);
    }

    fn refusal(&self) -> Option<&'static str> {
        if self.is_draining {
            Some("it takes no new work because it is draining")
        } else if !self.attempts.has_room() {
            Some("all of its slots are taken")
        } else if self.attempts.len() >= CLAIMS_PER_OPEN_MAX {
            Some("too many of its results are not acknowledged")
        } else {
            None
        }
    }
}
