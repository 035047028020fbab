//! Messages are durably stored.

use muster_common::control::FromAgent;
use muster_common::time::Monotonic;

use crate::attempts::Phase;
use crate::{Effect, Notice, Session};

impl Session {
    pub(crate) fn on_ack(&mut self, at: Monotonic, up_to: u64, effects: &mut Vec<Effect>) {
        let Ok(messages) = self.spool.acknowledge(up_to) else {
            return self.hang_up(at, Notice::Protocol("a message was acknowledged that was not sent"), effects);
        };
        if messages.is_empty() {
            return;
        }
        for message in messages {
            self.settle_message(message);
        }
        effects.push(Effect::SpoolTrim { up_to });
    }

    fn settle_message(&mut self, message: FromAgent) {
        match message {
            FromAgent::TestResults(results) => {
                self.attempts.settle_tests(results.batch, results.results.iter().map(|result| result.test));
            }
            FromAgent::Withdrawn(withdrawn) => {
                self.attempts.settle_tests(withdrawn.batch, withdrawn.given_up.into_iter());
            }
            FromAgent::Finished(finished) => self.remove_ended(finished.token),
            FromAgent::Refused { token, .. } => self.remove_ended(token),
            FromAgent::Open(_)
            | FromAgent::Heartbeat(_)
            | FromAgent::Accepted(_)
            | FromAgent::Started(_)
            | FromAgent::Discovered(_)
            | FromAgent::TestStarted(_)
            | FromAgent::WantBatch(_)
            | FromAgent::Draining => {}
        }
    }

    fn remove_ended(&mut self, token: muster_common::id::Token) {
        if self.attempts.get(token).is_some_and(|attempt| attempt.phase == Phase::Ended) {
            self.attempts.remove(token);
        }
    }
}
