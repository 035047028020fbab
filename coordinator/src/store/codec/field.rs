//! What several kinds of rows have in common.

use std::collections::BTreeMap;

use muster_common::digest::Digest;
use muster_common::id::{AgentName, JobId, RunId};
use muster_common::time::Wall;
use muster_proto::store::v1 as stored;
use muster_proto::v1;
use muster_scheduler::{End, TestCounts, TryRow};
use muster_service::wire::WireError;
use muster_service::wire::types::{
    self, digest_to_proto, outcome_to_proto, reason_to_proto, token_to_proto, try_outcome_to_proto,
};

pub(super) fn wall(unix_ms: u64) -> Wall {
    Wall { unix_ms }
}

pub(super) fn run_id(run: u64) -> RunId {
    RunId(run)
}

pub(super) fn job_id(message: Option<v1::JobRef>) -> Result<JobId, WireError> {
    types::job(message, "job")
}

pub(super) fn end_to_proto(end: &End) -> stored::End {
    stored::End {
        outcome: outcome_to_proto(end.outcome).into(),
        reason: end.reason.as_ref().map(reason_to_proto),
        at_unix_ms: end.at.unix_ms,
    }
}

pub(super) fn end(message: stored::End) -> Result<End, WireError> {
    let outcome = types::outcome(message.outcome).ok_or(WireError::Missing { field: "end.outcome" })?;
    Ok(End { outcome, reason: message.reason.map(types::reason), at: wall(message.at_unix_ms) })
}

pub(super) fn artifacts_to_proto(artifacts: &BTreeMap<String, Digest>) -> BTreeMap<String, v1::BlobDigest> {
    artifacts.iter().map(|(name, root)| (name.clone(), digest_to_proto(root))).collect()
}

pub(super) fn artifacts(messages: BTreeMap<String, v1::BlobDigest>) -> Result<BTreeMap<String, Digest>, WireError> {
    messages.into_iter().map(|(name, root)| Ok((name, types::digest(&root, "artifacts")?))).collect()
}

/// A test's try as it is stored, in rows and in reports.
pub(crate) fn test_try_to_proto(row: &TryRow) -> stored::Try {
    stored::Try {
        attempt: row.attempt,
        token: Some(token_to_proto(row.token)),
        outcome: try_outcome_to_proto(row.outcome).into(),
        duration_us: row.duration_us,
        message: row.message.clone(),
        output: row.output.as_ref().map(digest_to_proto),
        agent: row.agent.0.clone(),
        at_unix_ms: row.at.unix_ms,
    }
}

/// A test's try, as [`test_try_to_proto`] wrote it.
pub(crate) fn test_try(message: stored::Try) -> Result<TryRow, WireError> {
    Ok(TryRow {
        attempt: message.attempt,
        token: types::token(message.token, "tries.token")?,
        outcome: types::try_outcome(message.outcome).ok_or(WireError::Missing { field: "tries.outcome" })?,
        duration_us: message.duration_us,
        message: message.message,
        output: message.output.as_ref().map(|output| types::digest(output, "tries.output")).transpose()?,
        agent: AgentName(message.agent),
        at: wall(message.at_unix_ms),
    })
}

pub(super) fn counts_to_proto(counts: &TestCounts) -> stored::TestCounts {
    stored::TestCounts {
        discovered: counts.discovered,
        passed: counts.passed,
        failed: counts.failed,
        flaky: counts.flaky,
        skipped: counts.skipped,
        errored: counts.errored,
        quarantined: counts.quarantined,
        running: counts.running,
        is_sealed: counts.is_sealed,
    }
}

pub(super) fn counts(message: Option<stored::TestCounts>) -> TestCounts {
    let message = message.unwrap_or_default();
    TestCounts {
        discovered: message.discovered,
        passed: message.passed,
        failed: message.failed,
        flaky: message.flaky,
        skipped: message.skipped,
        errored: message.errored,
        quarantined: message.quarantined,
        running: message.running,
        is_sealed: message.is_sealed,
    }
}

pub(super) fn required<T>(value: Option<T>, field: &'static str) -> Result<T, WireError> {
    value.ok_or(WireError::Missing { field })
}
