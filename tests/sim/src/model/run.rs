//! What a run may end with, given how its jobs ended.

use muster_common::outcome::{Outcome, TestVerdict};
use muster_scheduler::{JobSummary, Report};

/// A run is green only if every job that counts is; the worst that a job said is said.
pub(super) fn judge(report: &Report) -> Result<(), String> {
    let Some(end) = &report.run.end else { return Err("its report is stored and it has not ended".to_owned()) };
    let open = report.summary.jobs.iter().find(|job| job.end.is_none());
    if let Some(open) = open {
        return Err(format!("it has ended and its job {} has not", open.job));
    }
    let expected = expected(&report.summary.jobs, report.run.is_cancel_requested);
    if end.outcome != expected {
        return Err(format!("it ended {:?} and should have ended {expected:?}", end.outcome));
    }
    let bad = report.tests.iter().find(|test| {
        let job = report.summary.jobs.iter().find(|job| job.job == test.job);
        let is_passed = job.and_then(|job| job.end.as_ref()).is_some_and(|end| end.outcome == Outcome::Passed);
        is_passed && !test.verdict.is_some_and(TestVerdict::is_good)
    });
    bad.map_or(Ok(()), |test| {
        Err(format!("job {} passed and its test `{}` is {:?}", test.job, test.name, test.verdict))
    })
}

fn expected(jobs: &[JobSummary], is_cancel_requested: bool) -> Outcome {
    let outcome = |job: &JobSummary| job.end.as_ref().map(|end| end.outcome);
    let is_any = |wanted: Outcome| jobs.iter().any(|job| outcome(job) == Some(wanted) && !job.may_fail);
    if is_cancel_requested && jobs.iter().any(|job| outcome(job) == Some(Outcome::Cancelled)) {
        return Outcome::Cancelled;
    }
    let worst = [Outcome::Failed, Outcome::TimedOut, Outcome::Errored].into_iter().find(|wanted| is_any(*wanted));
    match worst {
        Some(worst) => worst,
        None if jobs.iter().any(|job| outcome(job) == Some(Outcome::Cancelled)) => Outcome::Cancelled,
        None if jobs.iter().all(|job| outcome(job) == Some(Outcome::Skipped)) => Outcome::Skipped,
        None => Outcome::Passed,
    }
}
