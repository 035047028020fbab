//! An agent has sent a message.

use muster_common::control::{FromAgent, ToAgent};
use muster_common::id::SessionId;

use crate::scheduler::Scheduler;
use crate::{CloseReason, Effect};

impl Scheduler {
    /// Every message is a sign of life. One that is numbered is acknowledged with the writes of its own step, so the
    /// acknowledgement leaves after they are durable. Words of a session that has been replaced are not heard.
    pub(crate) fn on_message(&mut self, session: SessionId, sequence: u64, message: FromAgent) {
        let Some(name) = self.agents.sessions.get(&session).cloned() else { return };
        self.trust_agent(&name);
        match message {
            FromAgent::Open(_) => {
                let why = CloseReason::Protocol("a session is opened once".to_owned());
                self.effect(Effect::CloseSession { session, why });
                return self.on_close_session(session);
            }
            FromAgent::Heartbeat(heartbeat) => self.on_heartbeat(session, &name, &heartbeat),
            FromAgent::Accepted(_) => {}
            FromAgent::Refused { token, reason } => self.on_refused(&name, token, reason),
            FromAgent::Started(token) => self.on_started(&name, token),
            FromAgent::Discovered(discovered) => self.on_discovered(&name, discovered),
            FromAgent::TestStarted(started) => self.on_test_started(&name, &started),
            FromAgent::TestResults(results) => self.on_test_results(&name, results),
            FromAgent::WantBatch(want) => self.on_want_batch(&name, &want),
            FromAgent::Withdrawn(withdrawn) => self.on_withdrawn(&name, &withdrawn),
            FromAgent::Finished(finished) => self.on_finished(&name, finished),
            FromAgent::Draining => self.drain(&name),
        }
        if sequence > 0 {
            self.send(session, ToAgent::Ack { up_to: sequence });
        }
    }
}
