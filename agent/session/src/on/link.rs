//! The stream takes messages, or has ended.

use muster_common::control::FromAgent;
use muster_common::time::Monotonic;

use crate::attempts::Want;
use crate::link::Link;
use crate::{Effect, Session};

impl Session {
    pub(crate) fn on_link_opened(&mut self, at: Monotonic, effects: &mut Vec<Effect>) {
        let Link::Connecting { give_up_at } = self.link else { return };
        self.link = Link::Opening { sent_at: at, give_up_at };
        let open = FromAgent::Open(self.open_message());
        effects.push(Effect::Send { sequence: 0, message: Box::new(open) });
        // The claims say which shards want a batch.
        for (_, attempt) in self.attempts.iter_mut() {
            if attempt.shard.want == Want::Untold {
                attempt.shard.want = Want::Told;
            }
        }
    }

    pub(crate) fn on_link_lost(&mut self, at: Monotonic, effects: &mut Vec<Effect>) {
        match self.link {
            Link::Down { .. } => {}
            Link::Connecting { .. } | Link::Opening { .. } | Link::Open(_) => self.retry_later(at, effects),
        }
    }
}
