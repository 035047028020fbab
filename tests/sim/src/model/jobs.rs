//! What a job may end with.

use std::collections::BTreeMap;
use std::time::Duration;

use muster_common::error_code::ReasonCode;
use muster_common::limits::{LOST_ATTEMPTS_MAX, TEST_NAME_BYTES_MAX};
use muster_common::outcome::{Outcome, TestVerdict, TryOutcome};
use muster_common::pipeline::expression::{self, Context, MusterContext, NeedContext, Status};
use muster_common::spec::{JobSpec, Work};
use muster_scheduler::{JobSummary, Report, TestReport};

use super::{Evidence, tests};
use crate::plan::{BadSeal, JobTruth, ListChange, RunPlan, ShardTrouble, SuiteTruth, WorkEnd, WorkTruth};

/// What a job is judged by.
pub(super) struct Judged<'a> {
    pub(super) plan: &'a RunPlan,
    pub(super) report: &'a Report,
    pub(super) evidence: &'a Evidence,
    pub(super) place: usize,
    pub(super) job: &'a JobSummary,
}

impl Judged<'_> {
    pub(super) fn judge(&self) -> Result<(), String> {
        let Some(end) = &self.job.end else { return Err("it has no end".to_owned()) };
        let code = end.reason.as_ref().map(|reason| reason.code);
        self.judge_tests()?;
        let entered = self.may_begin();
        let ended = format!("it ended {:?} with {code:?}", end.outcome);
        let is_allowed = match end.outcome {
            Outcome::Cancelled => self.report.run.is_cancel_requested,
            Outcome::Skipped => entered == Entry::LeftOut,
            Outcome::Errored if entered == Entry::Broken => code == Some(ReasonCode::ExpressionFailed),
            Outcome::Errored if code == Some(ReasonCode::QueueTimeout) => self.waited_too_long(),
            Outcome::TimedOut => entered == Entry::Begins && self.ran_too_long(),
            Outcome::Passed | Outcome::Failed | Outcome::Errored => {
                entered == Entry::Begins && self.may_end(end.outcome, code)
            }
        };
        if is_allowed { Ok(()) } else { Err(format!("{ended}, which nothing explains; its entry was {entered:?}")) }
    }

    fn spec(&self) -> &JobSpec {
        &self.plan.spec.jobs[self.place]
    }

    /// Whether its needs and its condition let it begin.
    fn may_begin(&self) -> Entry {
        let needs = self.needs();
        let Some(condition) = &self.spec().condition else {
            let is_good = needs.iter().all(|(_, outcome)| *outcome == Outcome::Passed);
            return if is_good { Entry::Begins } else { Entry::LeftOut };
        };
        let mut env = self.plan.spec.env.clone();
        env.extend(self.spec().env.clone());
        let mut groups: BTreeMap<String, NeedContext> = BTreeMap::new();
        for (place, outcome) in &needs {
            let group = self.plan.spec.jobs[*place].group.clone();
            let found =
                groups.entry(group).or_insert_with(|| NeedContext { outcome: *outcome, outputs: BTreeMap::new() });
            found.outcome = found.outcome.max(*outcome);
            found.outputs.extend(self.report.summary.jobs[*place].outputs.clone());
        }
        let muster = MusterContext {
            run: Some(self.report.run.run.0),
            job: Some(self.spec().name.clone()),
            ..MusterContext::default()
        };
        let status = Status::of_needs(needs.iter().map(|(_, outcome)| *outcome));
        let context = Context { status, env, needs: groups, steps: BTreeMap::new(), muster };
        match expression::evaluate_condition(condition, &context) {
            Ok(true) => Entry::Begins,
            Ok(false) => Entry::LeftOut,
            Err(_) => Entry::Broken,
        }
    }

    /// The jobs that it needs, each with how it counts.
    fn needs(&self) -> Vec<(usize, Outcome)> {
        let jobs = self.plan.spec.jobs.iter().enumerate();
        let needed = jobs.filter(|(_, job)| self.spec().needs.contains(&job.name));
        needed
            .map(|(place, job)| {
                let end = self.report.summary.jobs[place].end.as_ref();
                let outcome = match end.map(|end| end.outcome) {
                    Some(Outcome::Failed | Outcome::TimedOut | Outcome::Errored) | None if job.may_fail => {
                        Outcome::Passed
                    }
                    Some(outcome) => outcome,
                    None => Outcome::Errored,
                };
                (place, outcome)
            })
            .collect()
    }

    fn ran_too_long(&self) -> bool {
        let limit = Duration::from_millis(self.spec().timeout_ms);
        self.evidence.ran_for(self.job.job).is_some_and(|ran| ran + slack(limit) >= limit)
    }

    fn waited_too_long(&self) -> bool {
        let limit = Duration::from_millis(self.spec().queue_timeout_ms);
        self.evidence.waited_for(self.job.job).is_some_and(|waited| waited + slack(limit) >= limit)
    }

    fn may_end(&self, outcome: Outcome, code: Option<ReasonCode>) -> bool {
        let from_infrastructure = match code {
            Some(ReasonCode::OutcomeUnknown) => !self.spec().is_repeatable,
            Some(ReasonCode::AgentsLost) => self.job.lost >= LOST_ATTEMPTS_MAX,
            Some(ReasonCode::AgentRefused) => true,
            Some(ReasonCode::ArtifactMissing) => self.misses_input(),
            _ => false,
        };
        if outcome == Outcome::Errored && from_infrastructure {
            return true;
        }
        match &self.plan.truth[self.place] {
            JobTruth::Work(work) => self.work_may_end(work, outcome, code),
            JobTruth::Suite(suite) => self.suite_may_end(suite, outcome, code),
        }
    }

    fn misses_input(&self) -> bool {
        self.spec().inputs.iter().any(|input| {
            let maker = self.report.summary.jobs.iter().find(|job| job.name == input.job);
            maker.is_none_or(|maker| !maker.artifacts.contains_key(&input.artifact))
        })
    }

    fn work_may_end(&self, work: &WorkTruth, outcome: Outcome, code: Option<ReasonCode>) -> bool {
        let is_sick = work.sickness.as_ref().is_some_and(|sickness| Some(sickness.code) == code);
        match outcome {
            Outcome::Passed => {
                let has_all = self.spec().artifacts.iter().all(|made| self.job.artifacts.contains_key(&made.name));
                let passes = matches!(work.end, WorkEnd::Passes | WorkEnd::CancelsItself(_));
                passes && has_all && self.evidence.has_ended(self.job.job, Outcome::Passed)
            }
            Outcome::Failed => matches!(work.end, WorkEnd::Fails(said) if Some(said) == code),
            Outcome::Errored => {
                let errs = matches!(work.end, WorkEnd::Errs(said) if Some(said) == code);
                let is_short = work.end == WorkEnd::PassesWithoutArtifact && code == Some(ReasonCode::ArtifactMissing);
                is_sick || errs || is_short
            }
            Outcome::Skipped | Outcome::TimedOut | Outcome::Cancelled => false,
        }
    }

    fn suite_may_end(&self, suite: &SuiteTruth, outcome: Outcome, code: Option<ReasonCode>) -> bool {
        let verdicts: Vec<Option<TestVerdict>> = self.tests().map(|test| test.verdict).collect();
        let is_decided = verdicts.iter().all(Option::is_some);
        let excused =
            self.tests().filter(|test| test.is_quarantined && test.verdict == Some(TestVerdict::Failed)).count();
        let failed = verdicts.iter().filter(|verdict| **verdict == Some(TestVerdict::Failed)).count();
        let has = |wanted: TestVerdict| match wanted {
            TestVerdict::Failed => failed > excused,
            other => verdicts.contains(&Some(other)),
        };
        match (outcome, code) {
            (Outcome::Passed, None) => {
                is_decided && !verdicts.is_empty() && !has(TestVerdict::Failed) && !has(TestVerdict::Errored)
            }
            (Outcome::Failed, Some(ReasonCode::TestsFailed)) => is_decided && has(TestVerdict::Failed),
            (Outcome::Failed, Some(ReasonCode::NoTests)) => self.listed(suite) == 0 && !has(TestVerdict::Passed),
            (Outcome::Errored, Some(ReasonCode::TestNotRun)) => {
                is_decided && !has(TestVerdict::Failed) && (has(TestVerdict::Errored) || self.misses_selected())
            }
            (Outcome::Errored, Some(ReasonCode::TestUnknown)) => suite.trouble == ShardTrouble::Invents,
            (Outcome::Errored, Some(ReasonCode::DiscoveryUnsealed)) => {
                suite.discovery.seal.is_some() || suite.discovery.change != ListChange::None
            }
            (Outcome::Errored, Some(ReasonCode::LimitExceeded)) => {
                suite.tests.iter().any(|test| test.name.len() > TEST_NAME_BYTES_MAX)
            }
            _ => self.listing_or_shards_may_end(suite, outcome, code),
        }
    }

    /// The listing did not pass, or no shard brought a result.
    fn listing_or_shards_may_end(&self, suite: &SuiteTruth, outcome: Outcome, code: Option<ReasonCode>) -> bool {
        let is_sealed = self.job.tests.is_sealed;
        if !is_sealed && self.work_may_end(&suite.discovery.work, outcome, code) && outcome != Outcome::Passed {
            return true;
        }
        let is_sick = suite.sickness.as_ref().is_some_and(|sickness| Some(sickness.code) == code);
        match outcome {
            Outcome::Failed => is_sealed && suite.trouble == ShardTrouble::SetupFails,
            Outcome::Errored => {
                let is_barren = suite.trouble != ShardTrouble::None || suite.sickness.is_some();
                is_sealed && (is_sick || is_barren)
            }
            Outcome::Passed | Outcome::Skipped | Outcome::TimedOut | Outcome::Cancelled => false,
        }
    }

    /// How many tests the listing has at least.
    fn listed(&self, suite: &SuiteTruth) -> usize {
        suite.tests.len() - usize::from(suite.discovery.change == ListChange::Shrinks && !suite.tests.is_empty())
    }

    /// How many tests a list may have that is sound although its seal is not: no name is there twice where an attempt lists
    /// only one.
    fn sound_beside(&self, seal: BadSeal, suite: &SuiteTruth) -> usize {
        usize::from(seal == BadSeal::Twice && self.listed(suite) <= 1)
    }

    fn misses_selected(&self) -> bool {
        let Some(only) = self.plan.spec.only.get(&self.spec().name) else { return false };
        only.iter().any(|name| self.tests().all(|test| test.name != *name))
    }

    fn tests(&self) -> impl Iterator<Item = &TestReport> {
        self.report.tests.iter().filter(|test| test.job == self.job.job)
    }

    fn judge_tests(&self) -> Result<(), String> {
        let (JobTruth::Suite(suite), Work::Tests(spec)) = (&self.plan.truth[self.place], &self.spec().work) else {
            return Ok(());
        };
        if let Some(seal) = suite.discovery.seal
            && self.tests().count() > self.sound_beside(seal, suite)
        {
            return Err(format!("its tests are reported although its list is {seal:?}"));
        }
        let truths: BTreeMap<&str, _> = suite.tests.iter().map(|test| (test.name.as_str(), &test.sort)).collect();
        let is_first_no =
            |test: &&TestReport| test.tries.first().is_some_and(|first| first.outcome == TryOutcome::Failed);
        let first_failures = self.tests().filter(is_first_no).count();
        let tries = self.report.tests.iter().flat_map(|test| &test.tries);
        let failures = tries.filter(|test_try| test_try.outcome == TryOutcome::Failed).count();
        let may_stop_early = first_failures >= SUITE_WIDE_FAILURES_MIN || failures >= RETRIES_FREE;
        for report in self.tests() {
            let Some(truth) = truths.get(report.name.as_str()) else {
                return Err(format!("there is no test `{}`", report.name));
            };
            let stress = self.plan.spec.stress.as_ref().map(|stress| tests::Stress {
                times: stress.times,
                is_certain: suite.tests.len() <= STRESSED_FOR_CERTAIN
                    && stress.changed.iter().any(|begin| report.name.starts_with(begin.as_str())),
            });
            let judged = tests::Judged { truth, suite, report, retries: spec.retries, stress, may_stop_early };
            judged.judge(self.evidence)?;
        }
        Ok(())
    }
}

/// Whether a job may begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Entry {
    Begins,
    LeftOut,
    /// Its condition cannot be computed.
    Broken,
}

/// Clocks drift, and timers are not exact.
fn slack(limit: Duration) -> Duration {
    limit / 500 + Duration::from_millis(100)
}

/// A suite is called broken only if more than a quarter of at least forty tests failed.
const SUITE_WIDE_FAILURES_MIN: usize = 11;
/// Every run has so many retries of failed tries.
const RETRIES_FREE: usize = 50;
/// So many new tests of a job are repeated, however few it has.
const STRESSED_FOR_CERTAIN: usize = 100;
