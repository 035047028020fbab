//! Rows of open work: runs, jobs, tests, leases, batches.

use muster_common::id::{AgentLife, AgentName, ShardIndex, TestIndex};
use muster_proto::store::v1 as stored;
use muster_proto::store::v1::lease::Part;
use muster_scheduler::{BatchRow, GroupSet, JobRow, LeasePart, LeaseRow, RunRow, TestNamesRow, TestRow};
use muster_service::wire::WireError;
use muster_service::wire::spec;
use muster_service::wire::types::{self, job_to_proto, token_to_proto, verdict_to_proto};

use super::field::{
    artifacts, artifacts_to_proto, end, end_to_proto, job_id, required, run_id, test_try, test_try_to_proto, wall,
};

/// An open run as it is stored, in its row and in its report.
pub(crate) fn run_row_to_proto(row: &RunRow) -> stored::Run {
    stored::Run {
        run: row.run.0,
        request_id: row.request_id.clone(),
        spec: Some(spec::to_proto(&row.spec)),
        submitted_unix_ms: row.submitted.unix_ms,
        started_unix_ms: row.started.map(|at| at.unix_ms),
        is_cancel_requested: row.is_cancel_requested,
        end: row.end.as_ref().map(end_to_proto),
    }
}

/// A run, as [`run_row_to_proto`] wrote it.
pub(crate) fn run_row(message: stored::Run) -> Result<RunRow, WireError> {
    Ok(RunRow {
        run: run_id(message.run),
        request_id: message.request_id,
        spec: spec::from_proto(required(message.spec, "spec")?)?,
        submitted: wall(message.submitted_unix_ms),
        started: message.started_unix_ms.map(wall),
        is_cancel_requested: message.is_cancel_requested,
        end: message.end.map(end).transpose()?,
    })
}

pub(super) fn job_row_to_proto(row: &JobRow) -> stored::Job {
    stored::Job {
        job: Some(job_to_proto(row.job)),
        queued_unix_ms: row.queued.map(|at| at.unix_ms),
        started_unix_ms: row.started.map(|at| at.unix_ms),
        end: row.end.as_ref().map(end_to_proto),
        attempts: row.attempts,
        lost: row.lost,
        shards: row.shards,
        sealed: row.sealed,
        artifacts: artifacts_to_proto(&row.artifacts),
        outputs: row.outputs.clone(),
        alarms: row.alarms.clone(),
    }
}

pub(super) fn job_row(message: stored::Job) -> Result<JobRow, WireError> {
    Ok(JobRow {
        job: job_id(message.job)?,
        queued: message.queued_unix_ms.map(wall),
        started: message.started_unix_ms.map(wall),
        end: message.end.map(end).transpose()?,
        attempts: message.attempts,
        lost: message.lost,
        shards: message.shards,
        sealed: message.sealed,
        artifacts: artifacts(message.artifacts)?,
        outputs: message.outputs,
        alarms: message.alarms,
    })
}

pub(super) fn test_names_to_proto(row: &TestNamesRow) -> stored::TestNames {
    stored::TestNames { job: Some(job_to_proto(row.job)), first: row.first.0, names: row.names.clone() }
}

pub(super) fn test_names(message: stored::TestNames) -> Result<TestNamesRow, WireError> {
    Ok(TestNamesRow { job: job_id(message.job)?, first: TestIndex(message.first), names: message.names })
}

pub(super) fn test_row_to_proto(row: &TestRow) -> stored::Test {
    stored::Test {
        job: Some(job_to_proto(row.job)),
        test: row.test.0,
        tries: row.tries.iter().map(test_try_to_proto).collect(),
        lost: row.lost,
        verdict: row.verdict.map_or(0, |verdict| verdict_to_proto(verdict).into()),
        is_quarantined: row.is_quarantined,
    }
}

pub(super) fn test_row(message: stored::Test) -> Result<TestRow, WireError> {
    Ok(TestRow {
        job: job_id(message.job)?,
        test: TestIndex(message.test),
        tries: message.tries.into_iter().map(test_try).collect::<Result<_, _>>()?,
        lost: message.lost,
        verdict: types::verdict(message.verdict),
        is_quarantined: message.is_quarantined,
    })
}

pub(super) fn lease_row_to_proto(row: &LeaseRow) -> stored::Lease {
    stored::Lease {
        token: Some(token_to_proto(row.token)),
        job: Some(job_to_proto(row.job)),
        part: Some(match row.part {
            LeasePart::Work => Part::Work(stored::Work {}),
            LeasePart::Discovery => Part::Discovery(stored::Discovery {}),
            LeasePart::Shard(shard) => Part::Shard(shard.0),
        }),
        attempt: row.attempt,
        agent: row.agent.0.clone(),
        life: row.life.0,
        is_started: row.is_started,
        is_over: row.is_over,
        places: row.places.0,
    }
}

pub(super) fn lease_row(message: stored::Lease) -> Result<LeaseRow, WireError> {
    Ok(LeaseRow {
        token: types::token(message.token, "token")?,
        job: job_id(message.job)?,
        part: match required(message.part, "part")? {
            Part::Work(stored::Work {}) => LeasePart::Work,
            Part::Discovery(stored::Discovery {}) => LeasePart::Discovery,
            Part::Shard(shard) => LeasePart::Shard(ShardIndex(shard)),
        },
        attempt: message.attempt,
        agent: AgentName(message.agent),
        life: AgentLife(message.life),
        is_started: message.is_started,
        is_over: message.is_over,
        places: GroupSet(message.places),
    })
}

pub(super) fn batch_row_to_proto(row: &BatchRow) -> stored::Batch {
    let tests = row.tests.iter().map(|(test, attempt)| stored::BatchTest { test: test.0, attempt: *attempt });
    stored::Batch {
        token: Some(token_to_proto(row.token)),
        job: Some(job_to_proto(row.job)),
        shard: Some(token_to_proto(row.shard)),
        tests: tests.collect(),
        is_over: row.is_over,
    }
}

pub(super) fn batch_row(message: stored::Batch) -> Result<BatchRow, WireError> {
    Ok(BatchRow {
        token: types::token(message.token, "token")?,
        job: job_id(message.job)?,
        shard: types::token(message.shard, "shard")?,
        tests: message.tests.into_iter().map(|test| (TestIndex(test.test), test.attempt)).collect(),
        is_over: message.is_over,
    })
}
