//! Ids, digests, outcomes and reasons.

use muster_common::digest::Digest;
use muster_common::error_code::{Reason, ReasonCode};
use muster_common::id::{Epoch, JobId, JobIndex, RunId, Token};
use muster_common::outcome::{AttemptOutcome, Outcome, TestVerdict, TryOutcome};
use muster_proto::v1;

use super::{WireError, required, unknown_enum};

/// A digest for the wire.
#[must_use]
pub fn digest_to_proto(digest: &Digest) -> v1::BlobDigest {
    v1::BlobDigest { hash: digest.hash_hex(), size_bytes: i64::try_from(digest.size_bytes).unwrap_or(i64::MAX) }
}

/// A digest from the wire.
///
/// # Errors
/// If the hash is not 64 lower-case hexadecimal digits or the size is negative.
pub fn digest(message: &v1::BlobDigest, field: &'static str) -> Result<Digest, WireError> {
    let invalid = |why: String| WireError::Invalid { field, why };
    let size_bytes = u64::try_from(message.size_bytes).map_err(|_| invalid("a negative size".to_owned()))?;
    Digest::from_parts(&message.hash, size_bytes).map_err(|error| invalid(error.to_string()))
}

/// A token for the wire.
#[must_use]
pub fn token_to_proto(token: Token) -> v1::FencingToken {
    v1::FencingToken { epoch: token.epoch.0, counter: token.counter }
}

/// A token from the wire.
///
/// # Errors
/// If it is not there.
pub fn token(message: Option<v1::FencingToken>, field: &'static str) -> Result<Token, WireError> {
    let message = required(message, field)?;
    Ok(Token { epoch: Epoch(message.epoch), counter: message.counter })
}

/// A job's id for the wire.
#[must_use]
pub fn job_to_proto(job: JobId) -> v1::JobRef {
    v1::JobRef { run: job.run.0, job: job.job.0 }
}

/// A job's id from the wire.
///
/// # Errors
/// If it is not there.
pub fn job(message: Option<v1::JobRef>, field: &'static str) -> Result<JobId, WireError> {
    let message = required(message, field)?;
    Ok(JobId { run: RunId(message.run), job: JobIndex(message.job) })
}

/// A reason for the wire.
#[must_use]
pub fn reason_to_proto(reason: &Reason) -> v1::Reason {
    v1::Reason { code: reason.code.word().to_owned(), message: reason.message.clone() }
}

/// A reason from the wire. A code of a newer version reads as `internal`, with its text kept.
#[must_use]
pub fn reason(message: v1::Reason) -> Reason {
    Reason { code: ReasonCode::from_word(&message.code), message: message.message }
}

/// An outcome for the wire.
#[must_use]
pub const fn outcome_to_proto(outcome: Outcome) -> v1::Outcome {
    match outcome {
        Outcome::Passed => v1::Outcome::Passed,
        Outcome::Skipped => v1::Outcome::Skipped,
        Outcome::Failed => v1::Outcome::Failed,
        Outcome::TimedOut => v1::Outcome::TimedOut,
        Outcome::Cancelled => v1::Outcome::Cancelled,
        Outcome::Errored => v1::Outcome::Errored,
    }
}

/// An outcome from the wire; none if it is unspecified or unknown.
#[must_use]
pub fn outcome(value: i32) -> Option<Outcome> {
    match v1::Outcome::try_from(value).ok()? {
        v1::Outcome::Unspecified => None,
        v1::Outcome::Passed => Some(Outcome::Passed),
        v1::Outcome::Skipped => Some(Outcome::Skipped),
        v1::Outcome::Failed => Some(Outcome::Failed),
        v1::Outcome::TimedOut => Some(Outcome::TimedOut),
        v1::Outcome::Cancelled => Some(Outcome::Cancelled),
        v1::Outcome::Errored => Some(Outcome::Errored),
    }
}

/// A try's outcome for the wire.
#[must_use]
pub const fn try_outcome_to_proto(outcome: TryOutcome) -> v1::TryOutcome {
    match outcome {
        TryOutcome::Passed => v1::TryOutcome::Passed,
        TryOutcome::Failed => v1::TryOutcome::Failed,
        TryOutcome::Skipped => v1::TryOutcome::Skipped,
        TryOutcome::Errored => v1::TryOutcome::Errored,
    }
}

/// A try's outcome from the wire; none if it is unspecified or unknown.
#[must_use]
pub fn try_outcome(value: i32) -> Option<TryOutcome> {
    match v1::TryOutcome::try_from(value).ok()? {
        v1::TryOutcome::Unspecified => None,
        v1::TryOutcome::Passed => Some(TryOutcome::Passed),
        v1::TryOutcome::Failed => Some(TryOutcome::Failed),
        v1::TryOutcome::Skipped => Some(TryOutcome::Skipped),
        v1::TryOutcome::Errored => Some(TryOutcome::Errored),
    }
}

/// A test's verdict for the wire.
#[must_use]
pub const fn verdict_to_proto(verdict: TestVerdict) -> v1::TestVerdict {
    match verdict {
        TestVerdict::Passed => v1::TestVerdict::Passed,
        TestVerdict::Failed => v1::TestVerdict::Failed,
        TestVerdict::Flaky => v1::TestVerdict::Flaky,
        TestVerdict::Skipped => v1::TestVerdict::Skipped,
        TestVerdict::Errored => v1::TestVerdict::Errored,
    }
}

/// A test's verdict from the wire; none if it is unspecified or unknown.
#[must_use]
pub fn verdict(value: i32) -> Option<TestVerdict> {
    match v1::TestVerdict::try_from(value).ok()? {
        v1::TestVerdict::Unspecified => None,
        v1::TestVerdict::Passed => Some(TestVerdict::Passed),
        v1::TestVerdict::Failed => Some(TestVerdict::Failed),
        v1::TestVerdict::Flaky => Some(TestVerdict::Flaky),
        v1::TestVerdict::Skipped => Some(TestVerdict::Skipped),
        v1::TestVerdict::Errored => Some(TestVerdict::Errored),
    }
}

/// An attempt's outcome for the wire.
#[must_use]
pub fn attempt_outcome_to_proto(outcome: &AttemptOutcome) -> v1::AttemptOutcome {
    use v1::attempt_outcome::Kind;
    let (kind, reason) = match outcome {
        AttemptOutcome::Passed => (Kind::Passed, None),
        AttemptOutcome::Failed { reason } => (Kind::Failed, Some(reason_to_proto(reason))),
        AttemptOutcome::Errored { reason } => (Kind::Errored, Some(reason_to_proto(reason))),
        AttemptOutcome::TimedOut => (Kind::TimedOut, None),
        AttemptOutcome::Cancelled => (Kind::Cancelled, None),
    };
    v1::AttemptOutcome { kind: kind.into(), reason }
}

/// An attempt's outcome from the wire.
///
/// # Errors
/// If its kind is unknown, or a reason that must be there is not.
pub fn attempt_outcome(message: Option<v1::AttemptOutcome>) -> Result<AttemptOutcome, WireError> {
    use v1::attempt_outcome::Kind;
    let message = required(message, "outcome")?;
    let kind = message.kind();
    let reason = |message: v1::AttemptOutcome| required(message.reason, "outcome.reason").map(self::reason);
    match kind {
        Kind::Unspecified => unknown_enum("outcome.kind"),
        Kind::Passed => Ok(AttemptOutcome::Passed),
        Kind::Failed => Ok(AttemptOutcome::Failed { reason: reason(message)? }),
        Kind::Errored => Ok(AttemptOutcome::Errored { reason: reason(message)? }),
        Kind::TimedOut => Ok(AttemptOutcome::TimedOut),
        Kind::Cancelled => Ok(AttemptOutcome::Cancelled),
    }
}
