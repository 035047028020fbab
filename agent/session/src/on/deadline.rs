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

#[cfg(test)]
mod tests {
    use muster_common::time::{Now, Wall};

    use super::*;
    use crate::{Config, Identity, Input};

    #[test]
    fn a_lost_stream_is_opened_again_after_its_pause_and_not_before() {
        let mut session = Session::new(Config::default(), Identity::plain());
        let mut step = |millis, input| {
            let now = Now { monotonic: Monotonic::from_millis(millis), wall: Wall::default() };
            session.step(now, input).contains(&Effect::Connect)
        };
        assert!(step(0, Input::Deadline));
        assert!(!step(1, Input::LinkLost) && !step(2, Input::Deadline));
        let pause_max = u64::try_from((2 * Config::default().backoff_min).as_millis()).expect("it is short");
        assert!(step(1 + pause_max, Input::Deadline));
    }
}
