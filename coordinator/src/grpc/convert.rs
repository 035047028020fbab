//! The scheduler's view of runs, jobs, tests and agents as messages.

use muster_proto::v1;
use muster_proto::v1::watch_run_response::Event as Message;
use muster_scheduler::{
    AgentState, AgentSummary, Event, JobKind, JobState, JobSummary, KnownTest, Quarantine, RecentOutcome,
    RememberedOutcome, RunSummary, Standing, TestCounts, TestReport, TryRow,
};
use muster_service::wire::types::{
    digest_to_proto, outcome_to_proto, reason_to_proto, try_outcome_to_proto, verdict_to_proto,
};

/// A run, with the jobs that its summary has.
pub(super) fn run(summary: &RunSummary) -> v1::Run {
    let state = match (&summary.end, summary.started) {
        (Some(_), _) => v1::RunState::Finished,
        (None, Some(_)) => v1::RunState::Running,
        (None, None) => v1::RunState::Queued,
    };
    let end = summary.end.as_ref();
    v1::Run {
        run: summary.run.0,
        project: summary.project.clone(),
        name: summary.name.clone(),
        state: state.into(),
        outcome: end.map_or(v1::Outcome::Unspecified, |end| outcome_to_proto(end.outcome)).into(),
        reason: end.and_then(|end| end.reason.as_ref()).map(reason_to_proto),
        submitted_unix_ms: summary.submitted.unix_ms,
        started_unix_ms: summary.started.map(|at| at.unix_ms),
        finished_unix_ms: end.map(|end| end.at.unix_ms),
        tests: Some(counts(&summary.tests)),
        jobs: summary.jobs.iter().map(job).collect(),
        is_cancel_requested: summary.is_cancel_requested,
        restored_unix_ms: None,
    }
}

/// What watchers of a run see.
pub(super) fn event(event: &Event) -> v1::WatchRunResponse {
    let message = match event {
        Event::RunChanged(summary) => Message::RunChanged(run(summary)),
        Event::JobChanged(summary) => Message::JobChanged(v1::JobChanged { job: Some(job(summary)) }),
        Event::TestFinished { job, test, name, test_try, verdict, is_quarantined } => {
            Message::TestFinished(v1::TestFinished {
                job: job.job.0,
                test: test.0,
                name: name.clone(),
                r#try: Some(self::test_try(test_try)),
                verdict: verdict.map(|verdict| verdict_to_proto(verdict).into()),
                is_quarantined: *is_quarantined,
            })
        }
        Event::ShardsChanged { job, shards, running_tests } => Message::ShardsChanged(v1::ShardsChanged {
            job: job.job.0,
            shards: *shards,
            running_tests: running_tests.clone(),
        }),
        Event::RunFinished(summary) => Message::RunFinished(run(summary)),
    };
    watched(message)
}

/// A message to a watcher.
pub(super) fn watched(message: Message) -> v1::WatchRunResponse {
    v1::WatchRunResponse { event: Some(message) }
}

/// What a watcher who comes late is told of a test that has a verdict: its last try, where it has one.
pub(super) fn verdict_so_far(test: &TestReport) -> Option<v1::WatchRunResponse> {
    let verdict = test.verdict?;
    Some(watched(Message::TestFinished(v1::TestFinished {
        job: test.job.job.0,
        test: test.test.0,
        name: test.name.clone(),
        r#try: test.tries.last().map(test_try),
        verdict: Some(verdict_to_proto(verdict).into()),
        is_quarantined: test.is_quarantined,
    })))
}

/// A test with all its tries.
pub(super) fn run_test(test: &TestReport) -> v1::RunTest {
    v1::RunTest {
        job: test.job.job.0,
        test: test.test.0,
        name: test.name.clone(),
        verdict: test.verdict.map_or(v1::TestVerdict::Unspecified, verdict_to_proto).into(),
        tries: test.tries.iter().map(test_try).collect(),
        is_quarantined: test.is_quarantined,
        waits_for: test.waits_for.clone(),
    }
}

/// What is remembered of a test.
pub(super) fn known_test(known: KnownTest) -> v1::RememberedTest {
    let KnownTest { job, test, rate, standing } = known;
    let outcome = |outcome: &RecentOutcome| v1::RememberedOutcome {
        run: u64::from(outcome.run),
        verdict: match outcome.outcome {
            RememberedOutcome::Passed => v1::TestVerdict::Passed,
            RememberedOutcome::Failed | RememberedOutcome::FailedInCompany => v1::TestVerdict::Failed,
            RememberedOutcome::Flaky => v1::TestVerdict::Flaky,
        }
        .into(),
        content: outcome.content,
        agent: outcome.agent,
        in_company: outcome.outcome == RememberedOutcome::FailedInCompany,
    };
    let standing = match standing {
        Standing::Healthy => v1::TestStanding::Healthy,
        Standing::Flaky => v1::TestStanding::Flaky,
        Standing::Broken => v1::TestStanding::Broken,
    };
    v1::RememberedTest {
        job,
        name: test.name,
        mean_us: test.mean_us,
        high_us: test.high_us,
        passed: test.passed,
        failed: test.failed,
        flaky: test.flaky,
        first_seen_unix_ms: test.first_seen.unix_ms,
        last_seen_unix_ms: test.last_seen.unix_ms,
        last_run: test.last_run.0,
        recent: test.recent.iter().map(outcome).collect(),
        flakes: rate.flakes,
        flake_runs: rate.runs,
        flake_rate_low: rate.low,
        flake_rate_high: rate.high,
        standing: standing.into(),
        alarm_run: test.alarm_run.into(),
        quarantine: test.quarantine.as_deref().map(quarantine),
    }
}

fn quarantine(quarantine: &Quarantine) -> v1::Quarantine {
    v1::Quarantine {
        owner: quarantine.owner.clone(),
        reason: quarantine.reason.clone(),
        since_unix_ms: quarantine.since.unix_ms,
        until_unix_ms: quarantine.until.unix_ms,
        is_automatic: quarantine.is_automatic,
    }
}

/// An agent.
pub(super) fn agent(summary: &AgentSummary) -> v1::Agent {
    let state = match summary.state {
        AgentState::Connected => v1::AgentState::Connected,
        AgentState::Suspect => v1::AgentState::Suspect,
        AgentState::Draining => v1::AgentState::Draining,
        AgentState::Fenced => v1::AgentState::Fenced,
    };
    v1::Agent {
        name: summary.agent.0.clone(),
        labels: summary.labels.clone(),
        slots: summary.slots,
        busy_slots: summary.busy,
        state: state.into(),
        version: summary.version.clone(),
        connected_unix_ms: summary.connected.unix_ms,
        fence_reason: summary.fence.clone(),
    }
}

fn job(summary: &JobSummary) -> v1::Job {
    let kind = match summary.kind {
        JobKind::Steps => v1::JobKind::Steps,
        JobKind::TestBuild => v1::JobKind::TestBuild,
        JobKind::Tests => v1::JobKind::Tests,
    };
    let state = match summary.state {
        JobState::Waiting => v1::JobState::Waiting,
        JobState::Queued => v1::JobState::Queued,
        JobState::Running => v1::JobState::Running,
        JobState::Finished => v1::JobState::Finished,
    };
    let end = summary.end.as_ref();
    v1::Job {
        job: summary.job.job.0,
        name: summary.name.clone(),
        kind: kind.into(),
        state: state.into(),
        outcome: end.map_or(v1::Outcome::Unspecified, |end| outcome_to_proto(end.outcome)).into(),
        reason: end.and_then(|end| end.reason.as_ref()).map(reason_to_proto),
        started_unix_ms: summary.started.map(|at| at.unix_ms),
        finished_unix_ms: end.map(|end| end.at.unix_ms),
        tests: Some(counts(&summary.tests)),
        waiting_for: summary.waiting_for.clone(),
        may_fail: summary.may_fail,
        artifacts: summary.artifacts.iter().map(|(name, root)| (name.clone(), digest_to_proto(root))).collect(),
        outputs: summary.outputs.clone(),
        lost_attempts: summary.lost,
        discovery_sha256: summary.names_sha256.map(|digest| digest.to_vec().into()),
        selected: summary.selected,
        alarms: summary.alarms.clone(),
    }
}

fn counts(counts: &TestCounts) -> v1::TestCounts {
    v1::TestCounts {
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

fn test_try(row: &TryRow) -> v1::TestTry {
    v1::TestTry {
        attempt: row.attempt,
        outcome: try_outcome_to_proto(row.outcome).into(),
        duration_us: row.duration_us,
        message: row.message.clone(),
        output: row.output.as_ref().map(digest_to_proto),
        agent: row.agent.0.clone(),
        finished_unix_ms: row.at.unix_ms,
    }
}
