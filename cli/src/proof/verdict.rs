//! The rules by which verdicts follow from each other, written a second time so that a report can be held against them.
//! They are told in `docs/reference/report.md`.

use muster_common::control::RUNNER_CRASHED;
use muster_common::outcome::{Outcome, TestVerdict, TryOutcome};

use super::document::{Counts, JobRecord, TryRecord};

/// What has to be held of a test with these tries.
pub(super) fn of_test(tries: &[TryRecord]) -> TestVerdict {
    let count = |outcome| tries.iter().filter(|a_try| a_try.outcome == outcome).count();
    let has_crashed =
        |a_try: &TryRecord| a_try.outcome == TryOutcome::Errored && a_try.message.contains(RUNNER_CRASHED);
    match tries.last().map(|a_try| a_try.outcome) {
        None => TestVerdict::Errored,
        Some(TryOutcome::Passed) if count(TryOutcome::Passed) == tries.len() => TestVerdict::Passed,
        Some(TryOutcome::Passed) => TestVerdict::Flaky,
        Some(TryOutcome::Failed) => TestVerdict::Failed,
        Some(TryOutcome::Skipped) if count(TryOutcome::Failed) > 0 => TestVerdict::Failed,
        Some(TryOutcome::Skipped) => TestVerdict::Skipped,
        Some(TryOutcome::Errored) if tries.len() > 1 && tries.iter().all(has_crashed) => TestVerdict::Failed,
        Some(TryOutcome::Errored) => TestVerdict::Errored,
    }
}

/// Why a test job with these tests cannot have ended like this; none: it can.
pub(super) fn against_test_job(job: &JobRecord, counts: Counts) -> Option<String> {
    let is_decided = job.discovery.is_some() && counts.discovered > 0 && counts.without_verdict == 0;
    let failed = counts.failed.saturating_sub(counts.quarantined);
    let missing = job.selected.map_or(0, |selected| selected.saturating_sub(counts.discovered));
    match job.outcome? {
        Outcome::Passed if job.discovery.is_none() => Some("it passed without a complete discovery".to_owned()),
        Outcome::Passed if counts.discovered == 0 => Some("it passed without a test".to_owned()),
        Outcome::Passed if missing > 0 => Some(format!("it passed, but {missing} selected tests are not in it")),
        Outcome::Passed => unproven(counts),
        Outcome::Failed if is_decided && failed == 0 => {
            Some("it failed, but every test has a verdict and none of them failed".to_owned())
        }
        Outcome::Errored if is_decided && failed > 0 => {
            Some(format!("it is errored, but {failed} of its tests failed and every test has a verdict"))
        }
        Outcome::Errored if is_decided && counts.errored == 0 && missing == 0 => {
            Some("it is errored, but every test has a good verdict".to_owned())
        }
        Outcome::Skipped if counts.discovered > 0 => {
            Some(format!("it was left out, but {} tests are listed", counts.discovered))
        }
        Outcome::Failed | Outcome::Errored | Outcome::Skipped | Outcome::TimedOut | Outcome::Cancelled => None,
    }
}

fn unproven(counts: Counts) -> Option<String> {
    let failed = counts.failed.saturating_sub(counts.quarantined);
    let bad = [(counts.without_verdict, "have no verdict"), (failed, "failed"), (counts.errored, "could not be run")];
    let (tests, what) = bad.into_iter().find(|(tests, _)| *tests > 0)?;
    Some(format!("it passed, but {tests} of its tests {what}"))
}

/// How a run with these jobs has to have ended; none: one of them has not ended.
pub(super) fn of_run(jobs: &[JobRecord], is_cancel_requested: bool) -> Option<Outcome> {
    let mut worst = None;
    for job in jobs {
        let outcome = job.outcome?;
        if !job.may_fail || outcome == Outcome::Cancelled {
            worst = worst.max(Some((weight(outcome, is_cancel_requested), outcome)));
        }
    }
    match worst {
        Some((weight, outcome)) if weight > 0 => Some(outcome),
        _ if jobs.iter().all(|job| job.outcome == Some(Outcome::Skipped)) => Some(Outcome::Skipped),
        _ => Some(Outcome::Passed),
    }
}

/// Which outcome of a job decides over its run: the heaviest.
const fn weight(outcome: Outcome, is_cancel_requested: bool) -> u8 {
    match outcome {
        Outcome::Cancelled if is_cancel_requested => 5,
        Outcome::Failed => 4,
        Outcome::TimedOut => 3,
        Outcome::Errored => 2,
        Outcome::Cancelled => 1,
        Outcome::Passed | Outcome::Skipped => 0,
    }
}
