//! Rows of what is remembered of tests.

use muster_common::id::RunId;
use muster_proto::store::v1 as stored;
use muster_scheduler::{MemorySuiteRow, MemoryTestRow, RecentOutcome, RememberedOutcome};
use muster_service::wire::WireError;

use super::field::wall;

pub(super) fn memory_suite_to_proto(row: &MemorySuiteRow) -> stored::MemorySuite {
    stored::MemorySuite {
        suite: row.suite,
        project: row.project.clone(),
        job: row.job.clone(),
        last_seen_unix_ms: row.last_seen.unix_ms,
    }
}

pub(super) fn memory_suite(message: stored::MemorySuite) -> MemorySuiteRow {
    MemorySuiteRow {
        suite: message.suite,
        project: message.project,
        job: message.job,
        last_seen: wall(message.last_seen_unix_ms),
    }
}

pub(super) fn memory_test_to_proto(row: &MemoryTestRow) -> stored::MemoryTest {
    stored::MemoryTest {
        suite: row.suite,
        place: row.place,
        name: row.name.clone(),
        mean_us: row.mean_us,
        high_us: row.high_us,
        passed: row.passed,
        failed: row.failed,
        flaky: row.flaky,
        first_seen_unix_ms: row.first_seen.unix_ms,
        last_seen_unix_ms: row.last_seen.unix_ms,
        last_run: row.last_run.0,
        recent: row.recent.iter().map(recent_to_proto).collect(),
    }
}

pub(super) fn memory_test(message: stored::MemoryTest) -> Result<MemoryTestRow, WireError> {
    Ok(MemoryTestRow {
        suite: message.suite,
        place: message.place,
        name: message.name,
        mean_us: message.mean_us,
        high_us: message.high_us,
        passed: message.passed,
        failed: message.failed,
        flaky: message.flaky,
        first_seen: wall(message.first_seen_unix_ms),
        last_seen: wall(message.last_seen_unix_ms),
        last_run: RunId(message.last_run),
        recent: message.recent.into_iter().map(recent).collect::<Result<_, _>>()?,
    })
}

fn recent_to_proto(recent: &RecentOutcome) -> stored::RecentOutcome {
    let outcome = match recent.outcome {
        RememberedOutcome::Passed => stored::RememberedOutcome::Passed,
        RememberedOutcome::Failed => stored::RememberedOutcome::Failed,
        RememberedOutcome::Flaky => stored::RememberedOutcome::Flaky,
    };
    stored::RecentOutcome { run: recent.run, agent: recent.agent, content: recent.content, outcome: outcome.into() }
}

fn recent(message: stored::RecentOutcome) -> Result<RecentOutcome, WireError> {
    let outcome = match message.outcome() {
        stored::RememberedOutcome::Passed => RememberedOutcome::Passed,
        stored::RememberedOutcome::Failed => RememberedOutcome::Failed,
        stored::RememberedOutcome::Flaky => RememberedOutcome::Flaky,
        stored::RememberedOutcome::Unspecified => return Err(WireError::Missing { field: "recent.outcome" }),
    };
    Ok(RecentOutcome { run: message.run, agent: message.agent, content: message.content, outcome })
}
