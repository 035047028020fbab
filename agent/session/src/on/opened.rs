//! The session stands: claims are settled, and what is not acknowledged is sent again.

use muster_common::control::{Claim, Opened, Stamp};
use muster_common::time::Monotonic;

use crate::link::{Link, Pace, Pulse};
use crate::{Effect, Notice, Session, StopReason};

impl Session {
    pub(crate) fn on_opened(&mut self, at: Monotonic, stamp: Stamp, opened: Opened, effects: &mut Vec<Effect>) {
        let Link::Opening { sent_at, .. } = self.link else {
            return self.hang_up(at, Notice::Protocol("the session was opened twice"), effects);
        };
        self.pace = Pace::new(opened.heartbeat_ms, opened.lease_ms, opened.lease_unrepeatable_ms);
        self.renewed_at = sent_at;
        self.link = Link::Open(Pulse { next_at: at + self.pace.heartbeat, unanswered: [].into() });
        if self.spool_owner != Some(stamp.store_id) {
            self.spool_owner = Some(stamp.store_id);
            effects.push(Effect::SpoolOwner { store_id: stamp.store_id });
        }
        effects.push(Effect::Notice(Notice::Opened { stamp, resent: self.spool.len() }));
        for answer in opened.claims {
            match answer.claim {
                Claim::Keep => {}
                Claim::Stop => self.forget(answer.token, StopReason::Superseded, effects),
            }
        }
    }
}
