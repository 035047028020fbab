//! Attempts whose end their agents have not told yet: their logs may still grow.
//!
//! A test job ends with its last verdict, and a cancelled one at once, while the logs of its attempts are still on their
//! way. Who reads such a log waits here, for a bounded time, so that it is not taken for complete before it is.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use muster_common::id::{JobId, SessionId, Token};
use tokio::sync::watch;

/// The attempts, with the sessions on which their ends are expected.
#[derive(Debug)]
pub(crate) struct Unended {
    wait_max: Duration,
    attempts: Mutex<HashMap<Token, Expected>>,
    changed: watch::Sender<()>,
}

#[derive(Clone, Copy, Debug)]
struct Expected {
    session: SessionId,
    /// None: it was granted before this process began.
    job: Option<JobId>,
}

impl Unended {
    /// None yet. Nobody waits longer than `wait_max` for logs of what has ended; for as long an agent without a stream is
    /// expected to come back with the ends of its attempts.
    pub(crate) fn new(wait_max: Duration) -> Self {
        Self { wait_max, attempts: Mutex::new(HashMap::new()), changed: watch::Sender::new(()) }
    }

    /// A lease is sent to its agent.
    pub(crate) fn granted(&self, session: SessionId, token: Token, job: JobId) {
        self.attempts().insert(token, Expected { session, job: Some(job) });
    }

    /// An agent that comes back says that it holds this lease.
    pub(crate) fn held(&self, session: SessionId, token: Token) {
        let mut attempts = self.attempts();
        let job = attempts.get(&token).and_then(|expected| expected.job);
        attempts.insert(token, Expected { session, job });
    }

    /// Its agent has said that it has ended, or will say nothing more of it.
    pub(crate) fn ended(&self, token: Token) {
        if self.attempts().remove(&token).is_some() {
            self.changed.send_replace(());
        }
    }

    /// A session has ended. Its agent has a while to come back with what it held. A lease that was on its way meanwhile may
    /// be noted even now.
    pub(crate) fn left(self: &Arc<Self>, session: SessionId) {
        let this = Arc::clone(self);
        tokio::spawn(async move {
            tokio::time::sleep(this.wait_max).await;
            this.forget(session);
        });
    }

    fn forget(&self, session: SessionId) {
        self.attempts().retain(|_, expected| expected.session != session);
        self.changed.send_replace(());
    }

    /// Returns once no attempt that is wanted is expected to end, or after the longest time. Of attempts that were granted
    /// before this process began the job is not known.
    pub(crate) async fn wait(&self, is_wanted: impl Fn(Token, Option<JobId>) -> bool) {
        let mut changed = self.changed.subscribe();
        let none_is_left = async {
            loop {
                changed.borrow_and_update();
                if !self.attempts().iter().any(|(token, expected)| is_wanted(*token, expected.job)) {
                    return;
                }
                if changed.changed().await.is_err() {
                    return;
                }
            }
        };
        // Too late is told by nobody: what is there is read, and what comes later is there for the next reader.
        let _ = tokio::time::timeout(self.wait_max, none_is_left).await;
    }

    fn attempts(&self) -> MutexGuard<'_, HashMap<Token, Expected>> {
        self.attempts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use muster_common::id::{Epoch, JobIndex, RunId};

    use super::*;

    const JOB: JobId = JobId { run: RunId(1), job: JobIndex(0) };
    const OTHER: JobId = JobId { run: RunId(2), job: JobIndex(0) };
    const HANG_GUARD: Duration = Duration::from_secs(60);

    fn token(counter: u64) -> Token {
        Token { epoch: Epoch(1), counter }
    }

    #[tokio::test]
    async fn a_reader_waits_for_the_attempts_that_it_wants() {
        let unended = Unended::new(Duration::MAX);
        unended.granted(SessionId(1), token(1), JOB);
        unended.granted(SessionId(1), token(2), OTHER);
        let mut waiting = pin!(unended.wait(|_, job| job == Some(JOB)));
        assert!(futures::poll!(&mut waiting).is_pending(), "its attempt has not ended");
        unended.ended(token(2));
        assert!(futures::poll!(&mut waiting).is_pending(), "that was another job's");
        unended.ended(token(1));
        assert!(futures::poll!(&mut waiting).is_ready());
    }

    #[tokio::test]
    async fn an_end_that_never_comes_is_not_waited_for_for_ever() {
        let unended = Unended::new(Duration::from_millis(10));
        unended.granted(SessionId(1), token(1), JOB);
        unended.wait(|_, _| true).await;
        assert_eq!(unended.attempts().len(), 1);
    }

    #[tokio::test]
    async fn a_lease_that_is_noted_after_its_session_has_ended_is_forgotten_too() {
        let unended = Arc::new(Unended::new(Duration::from_millis(10)));
        let mut changed = unended.changed.subscribe();
        unended.left(SessionId(1));
        unended.granted(SessionId(1), token(1), JOB);
        let forgotten = tokio::time::timeout(HANG_GUARD, changed.changed()).await;
        assert!(matches!(forgotten, Ok(Ok(()))) && unended.attempts().is_empty());
    }

    #[tokio::test]
    async fn an_agent_that_comes_back_keeps_its_jobs_and_one_that_does_not_is_forgotten() {
        let unended = Unended::new(Duration::MAX);
        unended.granted(SessionId(1), token(1), JOB);
        unended.granted(SessionId(1), token(2), JOB);
        unended.held(SessionId(2), token(1));
        unended.forget(SessionId(1));
        let left: Vec<_> = unended.attempts().iter().map(|(token, expected)| (*token, expected.job)).collect();
        assert_eq!(left, [(token(1), Some(JOB))]);
    }
}
