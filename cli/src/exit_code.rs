//! With what number the command ends. Published in `docs/reference/exit-codes.md`; never renumbered.

use std::process;

use muster_common::error_code::ReasonCode;
use muster_proto::v1;

use crate::report::Report;

/// How a command ended, for scripts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum ExitCode {
    /// Everything said yes.
    Passed,
    /// The command line, an environment variable or the pipeline file is wrong.
    Usage,
    /// No test was found.
    NoTests,
    /// It could not be run, or its result cannot be trusted.
    Infrastructure,
    /// Tests failed.
    TestsFailed,
    /// The build, another job that is not a test job, or the listing of tests failed.
    BuildFailed,
    /// It ran longer than it may.
    Timeout,
    /// Somebody stopped it.
    Cancelled,
}

impl ExitCode {
    /// Every code, in the order of its number.
    pub(crate) const ALL: [Self; 8] = [
        Self::Passed,
        Self::Usage,
        Self::NoTests,
        Self::Infrastructure,
        Self::TestsFailed,
        Self::BuildFailed,
        Self::Timeout,
        Self::Cancelled,
    ];

    /// The number.
    pub(crate) const fn number(self) -> u8 {
        match self {
            Self::Passed => 0,
            Self::Usage => 2,
            Self::NoTests => 4,
            Self::Infrastructure => 75,
            Self::TestsFailed => 100,
            Self::BuildFailed => 101,
            Self::Timeout => 124,
            Self::Cancelled => 130,
        }
    }

    /// What it means, in one line.
    pub(crate) const fn meaning(self) -> &'static str {
        match self {
            Self::Passed => "passed; flaky tests count as passed and are shown as flaky",
            Self::Usage => "the command line, the environment or the pipeline file is wrong; nothing was run",
            Self::NoTests => "no test was found",
            Self::Infrastructure => {
                "it could not be run, or its result cannot be trusted: errored tests or jobs, lost agents, a missing \
                 runner, no coordinator, a report whose sums disagree"
            }
            Self::TestsFailed => "tests failed",
            Self::BuildFailed => "the build, another job that is not a test job, or the listing of tests failed",
            Self::Timeout => "it ran longer than it may",
            Self::Cancelled => "it was cancelled, by a signal to this command or by somebody else",
        }
    }

    /// What the report of a finished run comes to. The precedence is that of the run's outcome, which the coordinator
    /// decides, and within a failed run that of [`of_failed`].
    pub(crate) fn of(report: &Report) -> Self {
        let verdict = match report.outcome() {
            v1::Outcome::Cancelled => Self::Cancelled,
            v1::Outcome::Errored | v1::Outcome::Unspecified => Self::Infrastructure,
            v1::Outcome::TimedOut => Self::Timeout,
            v1::Outcome::Failed => of_failed(report),
            v1::Outcome::Passed | v1::Outcome::Skipped => of_good(report),
        };
        if verdict != Self::Cancelled && report.accounting().is_err() { Self::Infrastructure } else { verdict }
    }
}

impl From<ExitCode> for process::ExitCode {
    fn from(code: ExitCode) -> Self {
        Self::from(code.number())
    }
}

/// Of a failed run: a failed build before failed tests, failed tests before jobs that found none.
fn of_failed(report: &Report) -> ExitCode {
    let failed = report.jobs().filter(|job| job.outcome() == v1::Outcome::Failed && !job.may_fail);
    let worst = failed.map(of_failed_job).max();
    worst.unwrap_or(ExitCode::BuildFailed)
}

fn of_failed_job(job: &v1::Job) -> ExitCode {
    let code = job.reason.as_ref().map(|reason| ReasonCode::from_word(&reason.code));
    let failed_tests = job.tests.as_ref().map_or(0, |tests| tests.failed);
    match job.kind() {
        v1::JobKind::Tests if code == Some(ReasonCode::NoTests) => ExitCode::NoTests,
        v1::JobKind::Tests if failed_tests > 0 || code == Some(ReasonCode::TestsFailed) => ExitCode::TestsFailed,
        v1::JobKind::Tests | v1::JobKind::Steps | v1::JobKind::TestBuild | v1::JobKind::Unspecified => {
            ExitCode::BuildFailed
        }
    }
}

/// Of a run that says yes: a test job that ran and found nothing is no yes.
fn of_good(report: &Report) -> ExitCode {
    let found_nothing = |job: &v1::Job| {
        job.kind() == v1::JobKind::Tests
            && job.outcome() == v1::Outcome::Passed
            && job.tests.as_ref().is_none_or(|tests| tests.discovered == 0)
    };
    if report.jobs().any(found_nothing) { ExitCode::NoTests } else { ExitCode::Passed }
}

/// The list for `muster --help`.
pub(crate) fn help() -> String {
    let mut text = String::from("Exit codes:\n");
    for code in ExitCode::ALL {
        text.push_str(&format!("  {:>3}  {}\n", code.number(), code.meaning()));
    }
    text.push_str(PRECEDENCE);
    text
}

/// Which number it is when several apply.
pub(crate) const PRECEDENCE: &str = "\
When several apply: 130 if the run was cancelled; else what is a definite no, 101 before 100 and 100 before 4, whatever \
else could not be run; else 124; else 75. A report whose sums disagree is 75 unless the run was cancelled.";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::samples::{job, report, test, tests_job};
    use v1::TestVerdict as Verdict;

    fn code(outcome: v1::Outcome, jobs: Vec<v1::Job>, tests: Vec<v1::RunTest>) -> ExitCode {
        ExitCode::of(&report(outcome, jobs, tests))
    }

    fn failed(mut job: v1::Job, reason: ReasonCode) -> v1::Job {
        job.set_outcome(v1::Outcome::Failed);
        job.reason = Some(v1::Reason { code: reason.word().to_owned(), message: "why".to_owned() });
        job
    }

    #[test]
    fn numbers_are_those_that_are_published() {
        assert_eq!(ExitCode::ALL.map(ExitCode::number), [0, 2, 4, 75, 100, 101, 124, 130]);
    }

    #[test]
    fn a_run_with_flaky_and_skipped_tests_passes() {
        let tests = vec![test(0, "a", Verdict::Passed), test(1, "b", Verdict::Flaky), test(2, "c", Verdict::Skipped)];
        assert_eq!(code(v1::Outcome::Passed, vec![tests_job(0, &tests)], tests), ExitCode::Passed);
    }

    #[test]
    fn a_failed_build_goes_before_failed_tests_and_those_before_no_tests() {
        let tests = vec![test(0, "a", Verdict::Failed)];
        let tested = failed(tests_job(0, &tests), ReasonCode::TestsFailed);
        let empty = failed(tests_job(1, &[]), ReasonCode::NoTests);
        let built = failed(job(2, "build", v1::JobKind::Steps), ReasonCode::ExitStatus);
        let run = |jobs| code(v1::Outcome::Failed, jobs, tests.clone());
        assert_eq!(run(vec![tested.clone(), empty.clone(), built]), ExitCode::BuildFailed);
        assert_eq!(run(vec![tested, empty.clone()]), ExitCode::TestsFailed);
        assert_eq!(code(v1::Outcome::Failed, vec![empty], vec![]), ExitCode::NoTests);
    }

    #[test]
    fn a_failed_listing_or_setup_of_a_test_job_is_a_failed_build() {
        for reason in [ReasonCode::DiscoveryFailed, ReasonCode::BuildFailed, ReasonCode::ExitStatus] {
            let jobs = vec![failed(tests_job(0, &[]), reason)];
            assert_eq!(code(v1::Outcome::Failed, jobs, vec![]), ExitCode::BuildFailed, "{reason:?}");
        }
    }

    #[test]
    fn a_job_that_may_fail_decides_nothing() {
        let mut lint = failed(job(1, "lint", v1::JobKind::Steps), ReasonCode::ExitStatus);
        lint.may_fail = true;
        let tests = vec![test(0, "a", Verdict::Failed)];
        let tested = failed(tests_job(0, &tests), ReasonCode::TestsFailed);
        assert_eq!(code(v1::Outcome::Failed, vec![lint, tested], tests), ExitCode::TestsFailed);
    }

    #[test]
    fn the_outcome_of_the_run_goes_first() {
        for (outcome, expected) in [
            (v1::Outcome::Cancelled, ExitCode::Cancelled),
            (v1::Outcome::Errored, ExitCode::Infrastructure),
            (v1::Outcome::Unspecified, ExitCode::Infrastructure),
            (v1::Outcome::TimedOut, ExitCode::Timeout),
        ] {
            let tests = vec![test(0, "a", Verdict::Failed)];
            let jobs = vec![failed(tests_job(0, &tests), ReasonCode::TestsFailed)];
            assert_eq!(code(outcome, jobs, tests), expected);
        }
    }

    #[test]
    fn a_passed_run_with_a_test_unaccounted_for_is_never_green() {
        let tests = vec![test(0, "a", Verdict::Passed)];
        let mut tested = tests_job(0, &tests);
        tested.tests.as_mut().expect("a sample has counts").discovered = 2;
        assert_eq!(code(v1::Outcome::Passed, vec![tested], tests), ExitCode::Infrastructure);
        let open = vec![test(0, "a", Verdict::Unspecified)];
        assert_eq!(code(v1::Outcome::Passed, vec![tests_job(0, &open)], open), ExitCode::Infrastructure);
    }

    #[test]
    fn a_test_job_that_found_nothing_is_not_green() {
        assert_eq!(code(v1::Outcome::Passed, vec![tests_job(0, &[])], vec![]), ExitCode::NoTests);
        let steps = job(0, "build", v1::JobKind::Steps);
        assert_eq!(code(v1::Outcome::Passed, vec![steps], vec![]), ExitCode::Passed);
    }
}
