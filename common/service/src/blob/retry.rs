//! How long a call is tried again while the coordinator cannot be reached.

use std::error::Error as _;
use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use tokio::time::Instant;
use tonic::{Code, Status};

/// A call to the blob services failed for good.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// It could not be reached until the caller's deadline.
    #[error("the coordinator's blob service cannot be reached; is the coordinator running?")]
    Unreachable(#[source] Status),
    /// There is no room for what was to be stored.
    #[error("the coordinator has no room for more blobs: {}", .0.message())]
    Full(Status),
    /// It refused.
    #[error("the coordinator's blob service refused: {}", .0.message())]
    Refused(Status),
}

impl CallError {
    /// Whether the coordinator cannot be reached, rather than refuses.
    #[must_use]
    pub const fn is_unreachable(&self) -> bool {
        match self {
            Self::Unreachable(_) => true,
            Self::Full(_) | Self::Refused(_) => false,
        }
    }
}

impl From<Status> for CallError {
    fn from(status: Status) -> Self {
        if is_transient(&status) {
            Self::Unreachable(status)
        } else if status.code() == Code::ResourceExhausted {
            Self::Full(status)
        } else {
            Self::Refused(status)
        }
    }
}

/// Until when an operation may be tried again.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Patience {
    /// As long as this from each operation's beginning.
    For(Duration),
    /// Until this moment.
    Until(Instant),
}

impl Patience {
    /// The pauses of an operation that begins now.
    pub(crate) fn begin(self) -> Backoff {
        let deadline = match self {
            Self::For(patience) => Instant::now() + patience,
            Self::Until(deadline) => deadline,
        };
        Backoff { deadline, pause: PAUSE_FIRST }
    }
}

/// The pauses between the tries of one operation.
#[derive(Debug)]
pub(crate) struct Backoff {
    deadline: Instant,
    pause: Duration,
}

impl Backoff {
    /// Waits before the next try.
    ///
    /// # Errors
    /// The status itself, at once if trying again is of no use, or when there is no time left.
    pub(crate) async fn wait(&mut self, status: Status) -> Result<(), Status> {
        let pause = self.pause.mul_f64(jitter());
        if !is_transient(&status) || Instant::now() + pause > self.deadline {
            return Err(status);
        }
        tracing::debug!(%status, ?pause, "blob call failed, trying again");
        tokio::time::sleep(pause).await;
        self.pause = (self.pause * 2).min(PAUSE_MAX);
        Ok(())
    }

    /// Begins again with short pauses: something was achieved since the last failure.
    pub(crate) fn progressed(&mut self) {
        self.pause = PAUSE_FIRST;
    }
}

/// Runs `call` until it succeeds, is refused, or `patience` ends.
pub(crate) async fn retried<T, F>(patience: Patience, mut call: impl FnMut() -> F) -> Result<T, Status>
where
    F: Future<Output = Result<T, Status>>,
{
    let mut backoff = patience.begin();
    loop {
        match answered(call()).await {
            Ok(value) => return Ok(value),
            Err(status) => backoff.wait(status).await?,
        }
    }
}

/// The outcome of `call`, or UNAVAILABLE if the peer is silent for too long.
pub(crate) async fn answered<T>(call: impl Future<Output = Result<T, Status>>) -> Result<T, Status> {
    match tokio::time::timeout(SILENCE_MAX, call).await {
        Ok(outcome) => outcome,
        Err(_) => Err(Status::unavailable(format!("no answer within {} s", SILENCE_MAX.as_secs()))),
    }
}

/// Whether the same call may succeed later. A status that a server sent has no source; one that has a source was made
/// on this side, from a connection that broke.
pub(crate) fn is_transient(status: &Status) -> bool {
    status.code() == Code::Unavailable || status.source().is_some()
}

/// Between 0.5 and 1, so that many clients do not come back in step. The standard library's hash keys are the only
/// randomness that is needed here.
fn jitter() -> f64 {
    let random = RandomState::new().hash_one(0_u8) % 1_000;
    0.5 + f64::from(u32::try_from(random).expect("it is below 1000")) / 2_000.0
}

/// How long an operation is tried again where its caller set no deadline.
pub(crate) const PATIENCE_DEFAULT: Duration = Duration::from_secs(60);
const PAUSE_FIRST: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(3);
const SILENCE_MAX: Duration = Duration::from_secs(60);
