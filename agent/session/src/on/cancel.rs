//! An attempt is to be stopped.

use std::collections::BTreeMap;

use muster_common::control::{CancelReason, Finished, FromAgent};
use muster_common::id::Token;
use muster_common::outcome::AttemptOutcome;

use crate::attempts::Phase;
use crate::{Effect, Session, StopReason};

impl Session {
    pub(crate) fn on_cancel(&mut self, token: Token, reason: CancelReason, effects: &mut Vec<Effect>) {
        let Some(attempt) = self.attempts.get(token) else { return };
        match attempt.phase {
            Phase::Waiting => self.finish_unstarted(token, reason, effects),
            Phase::Running => self.stop(token, reason.into(), effects),
            Phase::Stopping | Phase::Forgotten | Phase::Ended => {}
        }
    }

    /// Has a running attempt stopped; its end will be said.
    pub(crate) fn stop(&mut self, token: Token, reason: StopReason, effects: &mut Vec<Effect>) {
        let Some(attempt) = self.attempts.get_mut(token) else { return };
        attempt.phase = Phase::Stopping;
        attempt.shard.want = crate::attempts::Want::None;
        effects.push(Effect::StopAttempt { token, reason });
    }

    /// Forgets a lease; what runs of it is stopped, and its end will not be said.
    pub(crate) fn forget(&mut self, token: Token, reason: StopReason, effects: &mut Vec<Effect>) {
        let Some(phase) = self.attempts.get(token).map(|attempt| attempt.phase) else { return };
        match phase {
            Phase::Waiting | Phase::Ended => self.attempts.remove(token),
            Phase::Running | Phase::Stopping => {
                self.stop(token, reason, effects);
                if let Some(attempt) = self.attempts.get_mut(token) {
                    attempt.phase = Phase::Forgotten;
                }
            }
            Phase::Forgotten => {}
        }
    }

    fn finish_unstarted(&mut self, token: Token, reason: CancelReason, effects: &mut Vec<Effect>) {
        self.attempts.remove(token);
        self.attempts.insert_ended(token);
        let outcome = match reason {
            CancelReason::Cancelled | CancelReason::Superseded => AttemptOutcome::Cancelled,
            CancelReason::Timeout => AttemptOutcome::TimedOut,
        };
        let finished = Finished {
            token,
            outcome,
            log_bytes: 0,
            is_log_complete: true,
            artifacts: Vec::new(),
            outputs: BTreeMap::new(),
            seal: None,
        };
        self.say(FromAgent::Finished(finished), effects);
    }
}
