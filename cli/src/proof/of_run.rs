//! The report of a run as its coordinator tells of it.

use muster_common::outcome::{Outcome, TryOutcome};
use muster_proto::v1;
use muster_service::wire::types::verdict;

use super::canonical::{digest, hexadecimal};
use super::document::{
    Counts, Discovery, Document, FORMAT, JobRecord, Kind, OutputRecord, ReasonRecord, RunRecord, TestRecord, TryRecord,
};
use crate::report::Report;

impl Document {
    /// Of a run that has ended.
    pub(crate) fn of(report: &Report) -> Self {
        let mut document = Self {
            digest: String::new(),
            format: FORMAT.to_owned(),
            jobs: report.run.jobs.iter().map(job).collect(),
            run: run(report),
            tests: report.tests.iter().map(test).collect(),
        };
        document.seal();
        document
    }

    /// Sets the digest to what it has to be.
    pub(super) fn seal(&mut self) {
        self.digest = digest(self);
    }
}

fn run(report: &Report) -> RunRecord {
    let run = &report.run;
    let mut tests = Counts::default();
    for test in &report.tests {
        tests.add(verdict(test.verdict), test.is_quarantined);
    }
    RunRecord {
        finished_unix_ms: run.finished_unix_ms,
        is_cancel_requested: run.is_cancel_requested,
        name: run.name.clone(),
        outcome: outcome(run.outcome()),
        project: run.project.clone(),
        reason: run.reason.as_ref().map(reason),
        run: run.run,
        started_unix_ms: run.started_unix_ms,
        submitted_unix_ms: run.submitted_unix_ms,
        tests,
    }
}

fn job(job: &v1::Job) -> JobRecord {
    let kind = match job.kind() {
        v1::JobKind::Tests => Kind::Tests,
        v1::JobKind::TestBuild => Kind::TestBuild,
        v1::JobKind::Steps | v1::JobKind::Unspecified => Kind::Steps,
    };
    let counts = job.tests.unwrap_or_default();
    let is_told = kind == Kind::Tests;
    JobRecord {
        discovery: job
            .discovery_sha256
            .as_ref()
            .filter(|_| is_told && counts.is_sealed)
            .map(|sha256| Discovery { sha256: hexadecimal(sha256), tests: counts.discovered }),
        finished_unix_ms: job.finished_unix_ms,
        job: job.job,
        kind,
        lost_attempts: job.lost_attempts,
        may_fail: job.may_fail,
        name: job.name.clone(),
        outcome: outcome(job.outcome()),
        reason: job.reason.as_ref().map(reason),
        selected: job.selected,
        started_unix_ms: job.started_unix_ms,
        tests: is_told.then(|| self::counts(counts)),
    }
}

fn counts(counts: v1::TestCounts) -> Counts {
    let decided = counts.passed + counts.failed + counts.flaky + counts.skipped + counts.errored;
    Counts {
        discovered: counts.discovered,
        errored: counts.errored,
        failed: counts.failed,
        flaky: counts.flaky,
        passed: counts.passed,
        quarantined: counts.quarantined,
        skipped: counts.skipped,
        without_verdict: counts.discovered.saturating_sub(decided),
    }
}

fn test(test: &v1::RunTest) -> TestRecord {
    TestRecord {
        job: test.job,
        name: test.name.clone(),
        quarantined: test.is_quarantined,
        test: test.test,
        tries: test.tries.iter().map(test_try).collect(),
        verdict: verdict(test.verdict),
    }
}

fn test_try(a_try: &v1::TestTry) -> TryRecord {
    TryRecord {
        agent: a_try.agent.clone(),
        attempt: a_try.attempt,
        duration_us: a_try.duration_us,
        finished_unix_ms: a_try.finished_unix_ms,
        message: a_try.message.clone(),
        outcome: match a_try.outcome() {
            v1::TryOutcome::Passed => TryOutcome::Passed,
            v1::TryOutcome::Failed => TryOutcome::Failed,
            v1::TryOutcome::Skipped => TryOutcome::Skipped,
            v1::TryOutcome::Errored | v1::TryOutcome::Unspecified => TryOutcome::Errored,
        },
        output: a_try.output.as_ref().map(|output| OutputRecord {
            sha256: output.hash.clone(),
            size_bytes: u64::try_from(output.size_bytes).unwrap_or_default(),
        }),
    }
}

fn reason(reason: &v1::Reason) -> ReasonRecord {
    ReasonRecord { code: reason.code.clone(), message: reason.message.clone() }
}

fn outcome(outcome: v1::Outcome) -> Option<Outcome> {
    Some(match outcome {
        v1::Outcome::Unspecified => return None,
        v1::Outcome::Passed => Outcome::Passed,
        v1::Outcome::Skipped => Outcome::Skipped,
        v1::Outcome::Failed => Outcome::Failed,
        v1::Outcome::TimedOut => Outcome::TimedOut,
        v1::Outcome::Cancelled => Outcome::Cancelled,
        v1::Outcome::Errored => Outcome::Errored,
    })
}
