//! What may be held of a test.

use muster_common::control::RUNNER_CRASHED;
use muster_common::outcome::{TestVerdict, TryOutcome};
use muster_scheduler::{TestReport, TryRow};

use super::Evidence;
use crate::plan::{ShardTrouble, SuiteTruth, TestSort};

/// What a test is judged by.
pub(super) struct Judged<'a> {
    pub(super) truth: &'a TestSort,
    pub(super) suite: &'a SuiteTruth,
    pub(super) report: &'a TestReport,
    pub(super) retries: u32,
    /// How often it is run although it passes, if it is new; and whether it certainly is.
    pub(super) stress: Option<Stress>,
    /// Whether the suite or its run may have stopped retries early.
    pub(super) may_stop_early: bool,
}

/// Tests that are run although they have passed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stress {
    pub(super) times: u32,
    /// Whether it is one of these for certain: its name says that it has changed, and there are few of them.
    pub(super) is_certain: bool,
}

impl Judged<'_> {
    pub(super) fn judge(&self, evidence: &Evidence) -> Result<(), String> {
        let report = self.report;
        for test_try in &report.tries {
            self.judge_try(test_try, evidence)
                .map_err(|what| format!("test `{}`, a {:?}: {what}: {test_try:?}", report.name, self.truth))?;
        }
        self.judge_verdict().map_err(|what| {
            let outcomes: Vec<_> = report.tries.iter().map(|test_try| test_try.outcome).collect();
            format!("test `{}`, a {:?}: {what}; tries {outcomes:?}, {:?}", report.name, self.truth, report.verdict)
        })
    }

    /// A try says what the test truly does there, and a process really said so; or it could not be run, for a cause.
    fn judge_try(&self, test_try: &TryRow, evidence: &Evidence) -> Result<(), String> {
        if test_try.outcome == TryOutcome::Errored {
            return if self.may_be_errored(test_try) { Ok(()) } else { Err("nothing kept it from running".to_owned()) };
        }
        let expected = match self.truth {
            TestSort::Passes | TestSort::Loud | TestSort::KillsAgent(_) | TestSort::CrashesRunner(_) => {
                TryOutcome::Passed
            }
            TestSort::Fails | TestSort::Hangs => TryOutcome::Failed,
            TestSort::Skipped => TryOutcome::Skipped,
            TestSort::Flaky(attempts) if attempts.contains(&test_try.attempt) => TryOutcome::Failed,
            TestSort::FailsOn(agents) if agents.contains(&test_try.agent) => TryOutcome::Failed,
            TestSort::NotRun(attempts) if attempts.contains(&test_try.attempt) => TryOutcome::Errored,
            TestSort::Flaky(_) | TestSort::FailsOn(_) | TestSort::NotRun(_) => TryOutcome::Passed,
        };
        if test_try.outcome != expected {
            return Err(format!("it says {expected:?} there"));
        }
        if evidence.has_said(test_try.token, self.report.test, &test_try.agent, test_try.outcome) {
            Ok(())
        } else {
            Err("no process said so".to_owned())
        }
    }

    fn may_be_errored(&self, test_try: &TryRow) -> bool {
        let was_lost = test_try.message.contains("is not run again");
        let was_left_out = test_try.message.contains("sent no result")
            && matches!(self.suite.trouble, ShardTrouble::RunsNothing(_) | ShardTrouble::CutsResults(_));
        let has_crashed = test_try.message.contains(RUNNER_CRASHED) && matches!(self.truth, TestSort::CrashesRunner(_));
        let was_passed_over = matches!(self.truth, TestSort::NotRun(attempts) if attempts.contains(&test_try.attempt));
        was_lost || was_left_out || has_crashed || was_passed_over
    }

    fn judge_verdict(&self) -> Result<(), String> {
        let tries = &self.report.tries;
        let Some(verdict) = self.report.verdict else { return Ok(()) };
        let Some(last) = tries.last() else { return Err("it was decided without a try".to_owned()) };
        let count = |outcome| tries.iter().filter(|test_try| test_try.outcome == outcome).count();
        let expected = match last.outcome {
            TryOutcome::Passed if count(TryOutcome::Passed) == tries.len() => TestVerdict::Passed,
            TryOutcome::Passed => TestVerdict::Flaky,
            TryOutcome::Failed => TestVerdict::Failed,
            TryOutcome::Skipped if count(TryOutcome::Failed) > 0 => TestVerdict::Failed,
            TryOutcome::Skipped => TestVerdict::Skipped,
            TryOutcome::Errored
                if tries.len() > 1 && tries.iter().all(|each| each.message.contains(RUNNER_CRASHED)) =>
            {
                TestVerdict::Failed
            }
            TryOutcome::Errored => TestVerdict::Errored,
        };
        if verdict != expected {
            return Err(format!("it should be {expected:?}"));
        }
        let passed = count(TryOutcome::Passed);
        self.judge_passes(passed)?;
        let bad = tries.len() - passed;
        let allowed = self.retries as usize + 1;
        let is_spent = bad == allowed || last.message.contains("is not run again");
        match last.outcome {
            _ if bad > allowed + usize::from(last.message.contains("is not run again")) => {
                Err(format!("{bad} tries did not pass, allowed are {allowed}"))
            }
            TryOutcome::Failed if !is_spent && !self.may_stop_early => Err("it had retries left".to_owned()),
            TryOutcome::Errored if !is_spent => Err("it had retries left".to_owned()),
            TryOutcome::Passed | TryOutcome::Skipped | TryOutcome::Failed | TryOutcome::Errored => Ok(()),
        }
    }

    /// A test passes once, or as often as new tests are run; after a try that did not pass, once more.
    fn judge_passes(&self, passed: usize) -> Result<(), String> {
        let tries = &self.report.tries;
        let most = self.stress.map_or(1, |stress| stress.times as usize);
        if passed > most {
            return Err(format!("it passed {passed} times, it was to be run {most} times"));
        }
        let since = tries.iter().skip_while(|test_try| test_try.outcome == TryOutcome::Passed);
        if since.filter(|test_try| test_try.outcome == TryOutcome::Passed).count() > 1 {
            return Err("it passed more than once after a try that did not".to_owned());
        }
        let is_short = passed == tries.len() && passed < most && !self.may_stop_early;
        if is_short && self.stress.is_some_and(|stress| stress.is_certain) {
            return Err(format!("it passed {passed} times, and was to be run {most} times"));
        }
        Ok(())
    }
}
