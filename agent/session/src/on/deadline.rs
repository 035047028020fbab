//! Something may be due.

use muster_common::control::{FromAgent, Heartbeat};
use muster_common::id::Token;
use muster_common::time::Monotonic;

use crate::link::Link;
use crate::{Effect, Notice, Session};

impl Session {
    pub(crate) fn on_deadline(&mut self, at: Monotonic, effects: &mut Vec<Effect>) {
        self.fence_if_due(at, effects);
        match &self.link {
            Link::Down { retry_at } if *retry_at <= at => {
                self.link = Link::Connecting { give_up_at: at + self.config.open_timeout };
                effects.push(Effect::Connect);
            }
            Link::Connecting { give_up_at } | Link::Opening { give_up_at, .. } if *give_up_at <= at => {
                self.hang_up(at, Notice::Silent, effects);
            }
            Link::Open(pulse) if pulse.silent_at(self.pace).is_some_and(|silent_at| silent_at <= at) => {
                self.hang_up(at, Notice::Silent, effects);
            }
            Link::Open(pulse) if pulse.next_at <= at => self.beat(at, effects),
            Link::Down { .. } | Link::Connecting { .. } | Link::Opening { .. } | Link::Open(_) => {}
        }
    }

    fn beat(&mut self, at: Monotonic, effects: &mut Vec<Effect>) {
        self.heartbeats += 1;
        let number = self.heartbeats;
        let next_at = at + self.pace.heartbeat;
        if let Link::Open(pulse) = &mut self.link {
            pulse.next_at = next_at;
            pulse.unanswered.push_back((number, at));
        }
        let alive: Vec<Token> =
            self.attempts.iter().filter(|(_, attempt)| attempt.phase.is_alive()).map(|(token, _)| token).collect();
        self.mention(FromAgent::Heartbeat(Heartbeat { number, alive }), effects);
    }
}
