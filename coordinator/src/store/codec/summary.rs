//! Summaries of runs and jobs: what history keeps, and the head of a report.

use muster_proto::store::v1 as stored;
use muster_scheduler::{JobKind, JobState, JobSummary, RunSummary};
use muster_service::wire::WireError;
use muster_service::wire::types::job_to_proto;

use super::field::{artifacts, artifacts_to_proto, counts, counts_to_proto, end, end_to_proto, job_id, run_id, wall};

/// A run's summary as it is stored.
pub(crate) fn run_summary_to_proto(summary: &RunSummary) -> stored::RunSummary {
    stored::RunSummary {
        run: summary.run.0,
        project: summary.project.clone(),
        name: summary.name.clone(),
        submitted_unix_ms: summary.submitted.unix_ms,
        started_unix_ms: summary.started.map(|at| at.unix_ms),
        is_cancel_requested: summary.is_cancel_requested,
        end: summary.end.as_ref().map(end_to_proto),
        tests: Some(counts_to_proto(&summary.tests)),
        jobs: summary.jobs.iter().map(job_summary_to_proto).collect(),
    }
}

/// A run's summary, as [`run_summary_to_proto`] wrote it.
pub(crate) fn run_summary(message: stored::RunSummary) -> Result<RunSummary, WireError> {
    Ok(RunSummary {
        run: run_id(message.run),
        project: message.project,
        name: message.name,
        submitted: wall(message.submitted_unix_ms),
        started: message.started_unix_ms.map(wall),
        is_cancel_requested: message.is_cancel_requested,
        end: message.end.map(end).transpose()?,
        tests: counts(message.tests),
        jobs: message.jobs.into_iter().map(job_summary).collect::<Result<_, _>>()?,
    })
}

fn job_summary_to_proto(summary: &JobSummary) -> stored::JobSummary {
    let kind = match summary.kind {
        JobKind::Steps => stored::JobKind::Steps,
        JobKind::TestBuild => stored::JobKind::TestBuild,
        JobKind::Tests => stored::JobKind::Tests,
    };
    let state = match summary.state {
        JobState::Waiting => stored::JobState::Waiting,
        JobState::Queued => stored::JobState::Queued,
        JobState::Running => stored::JobState::Running,
        JobState::Finished => stored::JobState::Finished,
    };
    stored::JobSummary {
        job: Some(job_to_proto(summary.job)),
        name: summary.name.clone(),
        kind: kind.into(),
        state: state.into(),
        started_unix_ms: summary.started.map(|at| at.unix_ms),
        end: summary.end.as_ref().map(end_to_proto),
        tests: Some(counts_to_proto(&summary.tests)),
        waiting_for: summary.waiting_for.clone(),
        may_fail: summary.may_fail,
        artifacts: artifacts_to_proto(&summary.artifacts),
        outputs: summary.outputs.clone(),
        lost: summary.lost,
        names_sha256: summary.names_sha256.map(|digest| digest.to_vec().into()),
        selected: summary.selected,
        alarms: summary.alarms.clone(),
    }
}

fn job_summary(message: stored::JobSummary) -> Result<JobSummary, WireError> {
    let kind = match message.kind() {
        stored::JobKind::Steps => JobKind::Steps,
        stored::JobKind::TestBuild => JobKind::TestBuild,
        stored::JobKind::Tests => JobKind::Tests,
        stored::JobKind::Unspecified => return Err(WireError::Missing { field: "jobs.kind" }),
    };
    let state = match message.state() {
        stored::JobState::Waiting => JobState::Waiting,
        stored::JobState::Queued => JobState::Queued,
        stored::JobState::Running => JobState::Running,
        stored::JobState::Finished => JobState::Finished,
        stored::JobState::Unspecified => return Err(WireError::Missing { field: "jobs.state" }),
    };
    Ok(JobSummary {
        job: job_id(message.job)?,
        name: message.name,
        kind,
        state,
        started: message.started_unix_ms.map(wall),
        end: message.end.map(end).transpose()?,
        tests: counts(message.tests),
        waiting_for: message.waiting_for,
        may_fail: message.may_fail,
        artifacts: artifacts(message.artifacts)?,
        outputs: message.outputs,
        lost: message.lost,
        names_sha256: message.names_sha256.map(sha256).transpose()?,
        selected: message.selected,
        alarms: message.alarms,
    })
}

fn sha256(bytes: impl AsRef<[u8]>) -> Result<[u8; 32], WireError> {
    bytes.as_ref().try_into().map_err(|_| WireError::Missing { field: "jobs.names_sha256" })
}
