//! Work that is not safe to repeat is stopped before its lease can be given to another.
//!
//! The coordinator counts a lease from when it received the newest heartbeat; the agent counts from when it *sent* the
//! newest one that was answered, which is earlier, and stops the work a guard time before the end. Repeatable work runs
//! on: the token decides what its result is worth.

use std::time::Duration;

use muster_common::control::FromAgent;
use muster_common::error_code::{Reason, ReasonCode};
use muster_common::id::Token;
use muster_common::time::Monotonic;

use crate::attempts::Phase;
use crate::{Effect, Notice, Session, StopReason};

impl Session {
    /// When non-repeatable work has to stop; none if there is no such work.
    pub(crate) fn fence_at(&self) -> Option<Monotonic> {
        let is_held = self.attempts.iter().any(|(_, attempt)| needs_fence(attempt.phase, attempt.is_repeatable));
        is_held.then(|| self.renewed_at + self.fence_span())
    }

    /// Stops non-repeatable work whose lease could not be renewed.
    pub(crate) fn fence_if_due(&mut self, at: Monotonic, effects: &mut Vec<Effect>) {
        if self.fence_at().is_none_or(|fence_at| at < fence_at) {
            return;
        }
        let due: Vec<(Token, Phase)> = self
            .attempts
            .iter()
            .filter(|(_, attempt)| needs_fence(attempt.phase, attempt.is_repeatable))
            .map(|(token, attempt)| (token, attempt.phase))
            .collect();
        for (token, phase) in due {
            effects.push(Effect::Notice(Notice::Fenced { token }));
            if phase == Phase::Running {
                self.stop(token, StopReason::Fenced, effects);
            } else {
                self.attempts.remove(token);
                self.attempts.insert_ended(token);
                let reason =
                    Reason::new(ReasonCode::AgentRefused, "the lease could not be renewed before the work began");
                self.say(FromAgent::Refused { token, reason }, effects);
            }
        }
    }

    /// Until when non-repeatable work may run at the very latest. This session stops it earlier, while there is time to do
    /// so gently; this is for whoever ends it when the session cannot.
    #[must_use]
    pub fn unrepeatable_until(&self) -> Monotonic {
        self.renewed_at + (self.pace.lease_unrepeatable - self.fence_guard() / 4)
    }

    fn fence_span(&self) -> Duration {
        self.pace.lease_unrepeatable - self.fence_guard()
    }

    fn fence_guard(&self) -> Duration {
        self.config.fence_guard.min(self.pace.lease_unrepeatable / 2)
    }
}

const fn needs_fence(phase: Phase, is_repeatable: bool) -> bool {
    match phase {
        Phase::Waiting | Phase::Running => !is_repeatable,
        Phase::Stopping | Phase::Forgotten | Phase::Ended => false,
    }
}

#[cfg(test)]
mod tests {
    use muster_common::control::{Opened, Stamp, ToAgent};
    use muster_common::id::{Epoch, SessionId};
    use muster_common::time::{Now, Wall};

    use super::*;
    use crate::{Config, Identity, Input};

    /// A session that was opened by a message which it asked for at second 10.
    fn opened(lease_unrepeatable: Duration, fence_guard: Duration) -> Session {
        let mut session = Session::new(Config { fence_guard, ..Config::default() }, Identity::plain());
        let opened = Opened {
            session: SessionId(1),
            heartbeat_ms: 1_000,
            lease_ms: 5_000,
            lease_unrepeatable_ms: u64::try_from(lease_unrepeatable.as_millis()).expect("a short lease"),
            claims: Vec::new(),
        };
        let stamp = Stamp { store_id: 1, epoch: Epoch(1) };
        for (second, input) in [
            (9, Input::Deadline),
            (10, Input::LinkOpened),
            (11, Input::Message { stamp, message: Box::new(ToAgent::Opened(opened)) }),
        ] {
            let now = Now { monotonic: Monotonic::from_millis(second * 1_000), wall: Wall::default() };
            assert!(!session.step(now, input).is_empty());
        }
        session
    }

    #[test]
    fn a_lease_is_counted_from_the_question_and_ends_a_quarter_of_the_guard_early() {
        let session = opened(Duration::from_secs(60), Duration::from_secs(16));
        assert_eq!(session.unrepeatable_until(), Monotonic::from_millis(10_000 + 60_000 - 4_000));
        assert_eq!(session.fence_at(), None, "nothing is held");
    }

    #[test]
    fn the_guard_is_at_most_half_of_the_lease() {
        let session = opened(Duration::from_secs(20), Duration::from_secs(16));
        assert_eq!(session.unrepeatable_until(), Monotonic::from_millis(10_000 + 20_000 - 2_500));
    }
}
