//! Everything that is known of a finished run, and whether it adds up.

use std::collections::BTreeMap;
use std::time::Duration;

use muster_proto::v1;

/// A run that has ended, with all its jobs and every discovered test.
#[derive(Clone, Debug)]
pub(crate) struct Report {
    /// The run.
    pub(crate) run: v1::Run,
    /// Its tests, in the order of jobs and discovery.
    pub(crate) tests: Vec<v1::RunTest>,
}

/// How many tests ended how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    /// Passed at the first try.
    pub(crate) passed: u32,
    /// Failed at every try.
    pub(crate) failed: u32,
    /// Failed, then passed.
    pub(crate) flaky: u32,
    /// Left out, as the runner says.
    pub(crate) skipped: u32,
    /// Could not be run.
    pub(crate) errored: u32,
    /// Discovered, and the run ended before they had a verdict.
    pub(crate) open: u32,
    /// Those that failed in quarantine.
    pub(crate) quarantined: u32,
}

/// The sums of a report disagree.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Disagreement {
    /// The list is not as long as what was discovered.
    #[error("job `{job}`: {discovered} tests were discovered, but the report lists {listed}")]
    Listed {
        /// The job's name.
        job: String,
        /// What the job says.
        discovered: u32,
        /// What the list says.
        listed: u32,
    },
    /// The counts of a job are not those of its list.
    #[error("job `{job}`: its count of {verdict} tests is {counted}, but the report lists {listed}")]
    Counted {
        /// The job's name.
        job: String,
        /// Which count.
        verdict: &'static str,
        /// What the job says.
        counted: u32,
        /// What the list says.
        listed: u32,
    },
    /// A job passed although not all its tests did.
    #[error("job `{job}` passed, but {tests} of its tests {what}")]
    Unproven {
        /// The job's name.
        job: String,
        /// How many.
        tests: u32,
        /// What is wrong with them.
        what: &'static str,
    },
    /// A test is listed whose job the run does not have.
    #[error("test `{test}` belongs to job number {job}, which the run does not have")]
    Stray {
        /// The test's name.
        test: String,
        /// The job's number.
        job: u32,
    },
}

impl Report {
    /// How the run ended.
    pub(crate) fn outcome(&self) -> v1::Outcome {
        self.run.outcome()
    }

    /// The jobs.
    pub(crate) fn jobs(&self) -> impl Iterator<Item = &v1::Job> {
        self.run.jobs.iter()
    }

    /// The name of a job.
    pub(crate) fn job_name(&self, job: u32) -> &str {
        self.jobs().find(|candidate| candidate.job == job).map_or("?", |job| job.name.as_str())
    }

    /// How many tests ended how, counted from the list.
    pub(crate) fn tally(&self) -> Tally {
        Tally::of(&self.tests)
    }

    /// From submission to end.
    pub(crate) fn elapsed(&self) -> Duration {
        let end = self.run.finished_unix_ms.unwrap_or(self.run.submitted_unix_ms);
        Duration::from_millis(end.saturating_sub(self.run.submitted_unix_ms))
    }

    /// Whether every discovered test is listed, the counts of every job are those of its list, and no job passed
    /// without a good verdict for each of its tests.
    pub(crate) fn accounting(&self) -> Result<(), Disagreement> {
        let mut by_job: BTreeMap<u32, Tally> = BTreeMap::new();
        for test in &self.tests {
            by_job.entry(test.job).or_default().take(test);
        }
        for job in self.jobs() {
            check_job(job, by_job.remove(&job.job).unwrap_or_default())?;
        }
        match self.tests.iter().find(|test| by_job.contains_key(&test.job)) {
            Some(test) => Err(Disagreement::Stray { test: test.name.clone(), job: test.job }),
            None => Ok(()),
        }
    }
}

impl Tally {
    /// Of these tests.
    pub(crate) fn of(tests: &[v1::RunTest]) -> Self {
        let mut tally = Self::default();
        for test in tests {
            tally.take(test);
        }
        tally
    }

    /// One more test.
    fn take(&mut self, test: &v1::RunTest) {
        self.add(test.verdict());
        self.quarantined += u32::from(is_excused(test));
    }

    /// One more test with this verdict.
    pub(crate) fn add(&mut self, verdict: v1::TestVerdict) {
        let count = match verdict {
            v1::TestVerdict::Passed => &mut self.passed,
            v1::TestVerdict::Failed => &mut self.failed,
            v1::TestVerdict::Flaky => &mut self.flaky,
            v1::TestVerdict::Skipped => &mut self.skipped,
            v1::TestVerdict::Errored => &mut self.errored,
            v1::TestVerdict::Unspecified => &mut self.open,
        };
        *count += 1;
    }

    /// Tests with a verdict.
    pub(crate) const fn decided(&self) -> u32 {
        self.passed + self.failed + self.flaky + self.skipped + self.errored
    }

    /// All of them.
    pub(crate) const fn sum(&self) -> u32 {
        self.decided() + self.open
    }
}

/// Whether a test failed in quarantine: it is told, and counts for nothing.
pub(crate) fn is_excused(test: &v1::RunTest) -> bool {
    test.is_quarantined && test.verdict() == v1::TestVerdict::Failed
}

fn check_job(job: &v1::Job, listed: Tally) -> Result<(), Disagreement> {
    let counts = job.tests.unwrap_or_default();
    let name = || job.name.clone();
    if counts.discovered != listed.sum() {
        return Err(Disagreement::Listed { job: name(), discovered: counts.discovered, listed: listed.sum() });
    }
    for (verdict, counted, listed) in [
        ("passed", counts.passed, listed.passed),
        ("failed", counts.failed, listed.failed),
        ("flaky", counts.flaky, listed.flaky),
        ("skipped", counts.skipped, listed.skipped),
        ("errored", counts.errored, listed.errored),
        ("quarantined", counts.quarantined, listed.quarantined),
    ] {
        if counted != listed {
            return Err(Disagreement::Counted { job: name(), verdict, counted, listed });
        }
    }
    let passed = job.outcome() == v1::Outcome::Passed;
    let failed = listed.failed - listed.quarantined;
    for (tests, what) in [(listed.open, "have no verdict"), (failed, "failed"), (listed.errored, "could not be run")] {
        if passed && tests > 0 {
            return Err(Disagreement::Unproven { job: name(), tests, what });
        }
    }
    Ok(())
}

#[cfg(test)]
pub(crate) mod samples {
    //! Reports for tests.

    use super::*;

    /// A finished run.
    pub(crate) fn report(outcome: v1::Outcome, jobs: Vec<v1::Job>, tests: Vec<v1::RunTest>) -> Report {
        let mut run = v1::Run {
            run: 12,
            project: "shop".to_owned(),
            name: "checks".to_owned(),
            submitted_unix_ms: 1_760_000_000_000,
            started_unix_ms: Some(1_760_000_000_200),
            finished_unix_ms: Some(1_760_000_012_500),
            jobs,
            ..v1::Run::default()
        };
        run.set_state(v1::RunState::Finished);
        run.set_outcome(outcome);
        Report { run, tests }
    }

    /// A job that passed.
    pub(crate) fn job(number: u32, name: &str, kind: v1::JobKind) -> v1::Job {
        let mut job = v1::Job {
            job: number,
            name: name.to_owned(),
            started_unix_ms: Some(1_760_000_000_300),
            finished_unix_ms: Some(1_760_000_010_300),
            ..v1::Job::default()
        };
        job.set_kind(kind);
        job.set_state(v1::JobState::Finished);
        job.set_outcome(v1::Outcome::Passed);
        job
    }

    /// A test job that passed, with the counts of `tests`.
    pub(crate) fn tests_job(number: u32, tests: &[v1::RunTest]) -> v1::Job {
        let tally = Tally::of(tests);
        let mut job = job(number, "unit", v1::JobKind::Tests);
        job.tests = Some(v1::TestCounts {
            quarantined: tally.quarantined,
            discovered: tally.sum(),
            passed: tally.passed,
            failed: tally.failed,
            flaky: tally.flaky,
            skipped: tally.skipped,
            errored: tally.errored,
            running: 0,
            is_sealed: true,
        });
        job
    }

    /// A test of job 0 with the tries that its verdict tells of.
    pub(crate) fn test(number: u32, name: &str, verdict: v1::TestVerdict) -> v1::RunTest {
        use v1::TryOutcome as Try;
        let outcomes: &[Try] = match verdict {
            v1::TestVerdict::Passed => &[Try::Passed],
            v1::TestVerdict::Failed => &[Try::Failed, Try::Failed],
            v1::TestVerdict::Flaky => &[Try::Failed, Try::Passed],
            v1::TestVerdict::Skipped => &[Try::Skipped],
            v1::TestVerdict::Errored => &[Try::Errored],
            v1::TestVerdict::Unspecified => &[],
        };
        let tries = (1..).zip(outcomes).map(|(attempt, outcome)| a_try(attempt, *outcome)).collect();
        let mut test = v1::RunTest { job: 0, test: number, name: name.to_owned(), tries, ..v1::RunTest::default() };
        test.set_verdict(verdict);
        test
    }

    /// A try.
    pub(crate) fn a_try(attempt: u32, outcome: v1::TryOutcome) -> v1::TestTry {
        let message = match outcome {
            v1::TryOutcome::Failed => "assertion failed: left == right",
            v1::TryOutcome::Errored => "the runner was ended by signal 9",
            v1::TryOutcome::Skipped => "needs a display",
            v1::TryOutcome::Passed | v1::TryOutcome::Unspecified => "",
        };
        let mut a_try = v1::TestTry {
            attempt,
            duration_us: 1_250_000,
            message: message.to_owned(),
            agent: format!("agent-{attempt}"),
            finished_unix_ms: 1_760_000_005_000,
            ..v1::TestTry::default()
        };
        a_try.set_outcome(outcome);
        a_try
    }
}

#[cfg(test)]
mod tests {
    use super::samples::{report, test, tests_job};
    use super::*;
    use v1::TestVerdict as Verdict;

    #[test]
    fn a_report_that_lists_every_discovered_test_adds_up() {
        let tests = vec![test(0, "a", Verdict::Passed), test(1, "b", Verdict::Flaky)];
        assert_eq!(report(v1::Outcome::Passed, vec![tests_job(0, &tests)], tests).accounting(), Ok(()));
    }

    #[test]
    fn a_missing_a_wrong_and_a_stray_test_are_named() {
        let tests = vec![test(0, "a", Verdict::Passed), test(1, "b", Verdict::Flaky)];
        let job = tests_job(0, &tests);
        let missing = report(v1::Outcome::Passed, vec![job.clone()], vec![tests[0].clone()]);
        assert_eq!(
            missing.accounting(),
            Err(Disagreement::Listed { job: "unit".to_owned(), discovered: 2, listed: 1 })
        );
        let mut wrong = report(v1::Outcome::Passed, vec![job.clone()], tests.clone());
        wrong.tests[1].set_verdict(Verdict::Passed);
        assert!(matches!(wrong.accounting(), Err(Disagreement::Counted { verdict: "passed", .. })));
        let mut stray = report(v1::Outcome::Passed, vec![job], tests);
        stray.tests.push(v1::RunTest { job: 7, ..test(0, "c", Verdict::Passed) });
        assert!(matches!(stray.accounting(), Err(Disagreement::Stray { job: 7, .. })));
    }

    #[test]
    fn a_job_that_passed_with_a_failed_test_is_unproven() {
        let tests = vec![test(0, "a", Verdict::Failed)];
        let lie = report(v1::Outcome::Passed, vec![tests_job(0, &tests)], tests);
        assert!(matches!(lie.accounting(), Err(Disagreement::Unproven { tests: 1, what: "failed", .. })));
    }

    #[test]
    fn a_failed_test_in_quarantine_needs_no_good_verdict() {
        let failed = test(0, "a", Verdict::Failed);
        let of = |found: v1::RunTest| {
            let mut job = tests_job(0, std::slice::from_ref(&found));
            job.set_outcome(v1::Outcome::Passed);
            report(v1::Outcome::Passed, vec![job], vec![found])
        };
        assert!(of(v1::RunTest { is_quarantined: true, ..failed.clone() }).accounting().is_ok());
        assert!(of(failed).accounting().is_err());
        assert!(of(v1::RunTest { is_quarantined: true, ..test(0, "a", Verdict::Errored) }).accounting().is_err());
    }
}
