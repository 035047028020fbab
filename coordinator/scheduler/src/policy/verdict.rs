//! What is held in the end: of a test by its tries, of a test job by its tests, of a run by its jobs.

use muster_common::control::RUNNER_CRASHED;
use muster_common::error_code::{Reason, ReasonCode};
use muster_common::outcome::{Outcome, TestVerdict, TryOutcome};

use crate::{TestCounts, TryRow};

/// What is held of a test that is not tried again.
///
/// A pass after anything else is flaky, also after a crash of the runner in company: whosever that was, a run of the
/// whole suite alone would have ended with it, so it has to be seen. A skip after a failure does not undo it. A test that
/// crashed its runner in two tries and did nothing else has failed: it is the test.
pub(crate) fn of_test(tries: &[TryRow]) -> TestVerdict {
    let has_failed = tries.iter().any(|test_try| test_try.outcome == TryOutcome::Failed);
    match tries.last().map(|test_try| test_try.outcome) {
        Some(TryOutcome::Passed) if tries.iter().all(|test_try| test_try.outcome == TryOutcome::Passed) => {
            TestVerdict::Passed
        }
        Some(TryOutcome::Passed) => TestVerdict::Flaky,
        Some(TryOutcome::Skipped) if has_failed => TestVerdict::Failed,
        Some(TryOutcome::Skipped) => TestVerdict::Skipped,
        Some(TryOutcome::Failed) => TestVerdict::Failed,
        Some(TryOutcome::Errored) if tries.len() >= 2 && tries.iter().all(crashed_its_runner) => TestVerdict::Failed,
        Some(TryOutcome::Errored) | None => TestVerdict::Errored,
    }
}

fn crashed_its_runner(test_try: &TryRow) -> bool {
    test_try.outcome == TryOutcome::Errored && test_try.message.contains(RUNNER_CRASHED)
}

/// How a test job ends whose tests all have a verdict. A failure is a definite no of the user's code, so it is said
/// even where other tests could not be run. A failed test in quarantine counts for nothing; one that could not be run
/// does. `first_bad` are names of the first tests that are not good.
pub(crate) fn of_test_job(counts: TestCounts, first_bad: &[&str]) -> (Outcome, Option<Reason>) {
    if counts.discovered == 0 {
        return (Outcome::Failed, Some(Reason::new(ReasonCode::NoTests, "discovery found no test")));
    }
    let failed = counts.failed - counts.quarantined;
    let bad = failed + counts.errored;
    if bad == 0 {
        return (Outcome::Passed, None);
    }
    let mut said = Vec::new();
    if failed > 0 {
        said.push(format!("{} of {} tests failed", failed, counts.discovered));
    }
    if counts.errored > 0 {
        said.push(format!("{} of {} tests could not be run", counts.errored, counts.discovered));
    }
    let more = (bad as usize).saturating_sub(first_bad.len());
    let more = if more == 0 { String::new() } else { format!(" and {more} more") };
    let message = format!("{}: {}{more}", said.join(", "), first_bad.join(", "));
    if failed > 0 {
        (Outcome::Failed, Some(Reason::new(ReasonCode::TestsFailed, message)))
    } else {
        (Outcome::Errored, Some(Reason::new(ReasonCode::TestNotRun, message)))
    }
}

/// How a test job ends that was to run selected tests, some of which discovery did not find: never well, and with their
/// names.
pub(crate) fn with_missing(end: (Outcome, Option<Reason>), missing: &[&str]) -> (Outcome, Option<Reason>) {
    if missing.is_empty() {
        return end;
    }
    let more = missing.len().saturating_sub(MISSING_NAMED_MAX);
    let more = if more == 0 { String::new() } else { format!(" and {more} more") };
    let named = missing[..missing.len().min(MISSING_NAMED_MAX)].join(", ");
    let said = format!("{} of the selected tests were not discovered: {named}{more}", missing.len());
    match end {
        (Outcome::Failed, Some(reason)) if reason.code == ReasonCode::TestsFailed => {
            (Outcome::Failed, Some(Reason::new(ReasonCode::TestsFailed, format!("{}; {said}", reason.message))))
        }
        _ => (Outcome::Errored, Some(Reason::new(ReasonCode::TestNotRun, said))),
    }
}

/// How a job counts in its run's outcome.
#[derive(Clone, Copy, Debug)]
pub(crate) struct EndedJob<'a> {
    pub(crate) name: &'a str,
    pub(crate) outcome: Outcome,
    pub(crate) reason: Option<&'a Reason>,
    pub(crate) may_fail: bool,
}

/// How a run ends whose jobs have all ended.
///
/// A run that somebody stopped is cancelled if that stopped anything. Otherwise the first of these that a job gave
/// counts: failed (a definite no, whatever else went wrong), timed out, errored, cancelled; jobs that may fail do not
/// count. A run whose jobs were all left out is skipped, not passed.
pub(crate) fn of_run<'a>(
    jobs: impl Iterator<Item = EndedJob<'a>> + Clone,
    is_cancel_requested: bool,
) -> (Outcome, Option<Reason>) {
    let order: &[Outcome] = if is_cancel_requested {
        &[Outcome::Cancelled, Outcome::Failed, Outcome::TimedOut, Outcome::Errored]
    } else {
        &[Outcome::Failed, Outcome::TimedOut, Outcome::Errored, Outcome::Cancelled]
    };
    for outcome in order {
        let found =
            jobs.clone().find(|job| job.outcome == *outcome && (!job.may_fail || *outcome == Outcome::Cancelled));
        if let Some(job) = found {
            let reason = job.reason.map(|reason| {
                let message = match outcome {
                    Outcome::Cancelled => reason.message.clone(),
                    Outcome::Passed | Outcome::Skipped | Outcome::Failed | Outcome::TimedOut | Outcome::Errored => {
                        format!("job `{}`: {}", job.name, reason.message)
                    }
                };
                Reason::new(reason.code, message)
            });
            return (*outcome, reason);
        }
    }
    if jobs.clone().all(|job| job.outcome == Outcome::Skipped) {
        let reason = jobs.clone().find_map(|job| job.reason.cloned());
        return (Outcome::Skipped, reason);
    }
    (Outcome::Passed, None)
}

/// Names in the reason of a job whose selected tests are missing.
const MISSING_NAMED_MAX: usize = 3;

#[cfg(test)]
mod tests {
    use muster_common::id::{AgentName, Epoch, Token};
    use muster_common::time::Wall;

    use super::*;

    fn tries(outcomes: &[TryOutcome], message: &str) -> Vec<TryRow> {
        (1..)
            .zip(outcomes)
            .map(|(attempt, outcome)| TryRow {
                attempt,
                token: Token { epoch: Epoch(1), counter: u64::from(attempt) },
                outcome: *outcome,
                duration_us: 0,
                message: message.to_owned(),
                output: None,
                agent: AgentName("a".to_owned()),
                at: Wall::default(),
            })
            .collect()
    }

    #[test]
    fn a_test_is_what_its_tries_say() {
        use TryOutcome::{Errored, Failed, Passed, Skipped};
        for (outcomes, expected) in [
            (&[Passed][..], TestVerdict::Passed),
            (&[Failed, Passed], TestVerdict::Flaky),
            (&[Errored, Passed], TestVerdict::Flaky),
            (&[Errored, Errored, Passed], TestVerdict::Flaky),
            (&[Failed, Failed], TestVerdict::Failed),
            (&[Failed, Skipped], TestVerdict::Failed),
            (&[Skipped], TestVerdict::Skipped),
            (&[Failed, Errored], TestVerdict::Errored),
            (&[Errored, Errored], TestVerdict::Errored),
            (&[], TestVerdict::Errored),
        ] {
            assert_eq!(of_test(&tries(outcomes, "no result")), expected, "{outcomes:?}");
        }
    }

    #[test]
    fn a_test_that_only_ever_crashes_its_runner_has_failed() {
        let message = format!("the runner was ended by signal 11 {RUNNER_CRASHED}");
        assert_eq!(of_test(&tries(&[TryOutcome::Errored; 2], &message)), TestVerdict::Failed);
        assert_eq!(of_test(&tries(&[TryOutcome::Errored; 1], &message)), TestVerdict::Errored);
    }

    #[test]
    fn a_test_job_says_how_many_and_which() {
        let counts = TestCounts { discovered: 9, passed: 4, failed: 3, errored: 2, ..TestCounts::default() };
        let (outcome, reason) = of_test_job(counts, &["a", "b"]);
        assert_eq!(outcome, Outcome::Failed);
        let message = "3 of 9 tests failed, 2 of 9 tests could not be run: a, b and 3 more";
        assert_eq!(reason, Some(Reason::new(ReasonCode::TestsFailed, message)));
        assert_eq!(of_test_job(TestCounts::default(), &[]).0, Outcome::Failed);
    }

    #[test]
    fn a_selected_test_that_is_missing_is_never_green() {
        let passed = (Outcome::Passed, None);
        assert_eq!(with_missing(passed.clone(), &[]), passed);
        let (outcome, reason) = with_missing(passed, &["a", "b", "c", "d"]);
        let said = "4 of the selected tests were not discovered: a, b, c and 1 more";
        assert_eq!((outcome, reason), (Outcome::Errored, Some(Reason::new(ReasonCode::TestNotRun, said))));
        let failed = (Outcome::Failed, Some(Reason::new(ReasonCode::TestsFailed, "1 of 2 tests failed: x")));
        assert_eq!(with_missing(failed, &["a"]).0, Outcome::Failed);
        let empty = (Outcome::Failed, Some(Reason::new(ReasonCode::NoTests, "discovery found no test")));
        assert_eq!(with_missing(empty, &["a"]).0, Outcome::Errored);
    }

    fn run(outcomes: &[(Outcome, bool)], is_cancel_requested: bool) -> Outcome {
        let jobs = outcomes.iter().map(|(outcome, may_fail)| EndedJob {
            name: "job",
            outcome: *outcome,
            reason: None,
            may_fail: *may_fail,
        });
        of_run(jobs, is_cancel_requested).0
    }

    #[test]
    fn a_definite_no_is_not_hidden_by_other_trouble() {
        use Outcome::{Cancelled, Errored, Failed, Passed, Skipped, TimedOut};
        assert_eq!(run(&[(Errored, false), (Failed, false)], false), Failed);
        assert_eq!(run(&[(Errored, false), (TimedOut, false)], false), TimedOut);
        assert_eq!(run(&[(Errored, true), (Passed, false)], false), Passed);
        assert_eq!(run(&[(Failed, false), (Cancelled, false)], true), Cancelled);
        assert_eq!(run(&[(Passed, false)], true), Passed);
        assert_eq!(run(&[(Skipped, false), (Skipped, false)], false), Skipped);
        assert_eq!(run(&[(Skipped, false), (Passed, false)], false), Passed);
    }
}
