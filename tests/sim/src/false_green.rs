//! Trials for the worst mistake there is: a green run of tests that did not run.
//!
//! Each trial is a run in which something tries just that (`workload::trial`), under the faults of any other seed. What
//! counts is the stored report, which is what people trust; it is held against what the simulated processes themselves
//! did, and against nothing that the scheduler says.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::rc::Rc;

use muster_common::id::TestIndex;
use muster_common::outcome::{Outcome, TryOutcome};
use muster_scheduler::TestReport;

use crate::history::{Observation, ProcessEnd, Ran};
use crate::plan::RunPlan;
use crate::runner::{self, Settings};
use crate::view::{Check, Moment, View};
pub use crate::workload::trial::Trick;
use crate::workload::trial::trial;

/// What became of a trial.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tried {
    /// Its seed.
    pub seed: u64,
    /// What was tried.
    pub trick: Trick,
    /// How the run ended.
    pub end: End,
}

/// How the run of a trial ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// Green, and every test had truly run and passed.
    Green,
    /// Not green.
    NotGreen,
    /// Green, although this is so.
    FalseGreen(String),
    /// It has no report.
    Unknown,
}

/// Tries one out.
#[must_use]
pub fn try_out(seed: u64) -> Tried {
    let (trick, plan) = trial(seed);
    let judge = Judge { seen: 0, proven: BTreeSet::new(), end: Rc::default() };
    let end = Rc::clone(&judge.end);
    let settings = Settings { has_faults: seed.is_multiple_of(2), ..Settings::default() };
    let ran = runner::run(plan, vec![Box::new(judge)], &settings);
    let end = match (ran.violation, end.get()) {
        (Some(violation), _) => End::FalseGreen(violation.what),
        (None, Some(Outcome::Passed)) => End::Green,
        (None, Some(_)) => End::NotGreen,
        (None, None) => End::Unknown,
    };
    Tried { seed, trick, end }
}

/// Follows what processes did, and holds the report against it.
struct Judge {
    seen: usize,
    /// Tests of which a process ended by itself with a good word.
    proven: BTreeSet<TestIndex>,
    end: Rc<Cell<Option<Outcome>>>,
}

impl Check for Judge {
    fn name(&self) -> &'static str {
        "green means that every test has run and passed"
    }

    fn look(&mut self, view: &View<'_>, _: &Moment<'_>) -> Result<(), String> {
        let all = view.history.all();
        for observed in &all[self.seen..] {
            match &observed.what {
                Observation::ProcessEnded { process, end: ProcessEnd::Said(said) } => {
                    if let (Ran::Test(test), TryOutcome::Passed | TryOutcome::Skipped) = (process.work, said) {
                        self.proven.insert(test);
                    }
                }
                Observation::ReportStored(report) => {
                    let outcome = report.run.end.as_ref().map(|end| end.outcome);
                    self.end.set(outcome);
                    if outcome == Some(Outcome::Passed) {
                        prove(&view.plan.runs[0], &report.tests, &self.proven)?;
                    }
                }
                _ => {}
            }
        }
        self.seen = all.len();
        Ok(())
    }
}

/// Whether a green report is true: it has each wanted test once, with a good verdict, and a process of each passed.
fn prove(plan: &RunPlan, tests: &[TestReport], proven: &BTreeSet<TestIndex>) -> Result<(), String> {
    let wanted = wanted(plan);
    if wanted.is_empty() {
        return Err("there is no test".to_owned());
    }
    let reported: BTreeSet<&str> = tests.iter().map(|test| test.name.as_str()).collect();
    if let Some(missing) = wanted.iter().find(|name| !reported.contains(**name)) {
        return Err(format!("`{missing}` is not reported"));
    }
    for test in tests.iter().filter(|test| wanted.contains(test.name.as_str())) {
        if !test.verdict.is_some_and(muster_common::outcome::TestVerdict::is_good) {
            return Err(format!("`{}` is {:?}", test.name, test.verdict));
        }
        if !proven.contains(&test.test) {
            return Err(format!("`{}` is reported as {:?} and no process of it passed", test.name, test.verdict));
        }
    }
    Ok(())
}

/// Names of the tests that must have run.
fn wanted(plan: &RunPlan) -> BTreeSet<&str> {
    if let Some(only) = plan.spec.only.values().next() {
        return only.iter().map(String::as_str).collect();
    }
    plan.tests().map(|test| test.name.as_str()).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn no_trick_makes_a_run_green_whose_tests_did_not_run() {
        let mut ends: BTreeMap<Trick, [usize; 2]> = BTreeMap::new();
        for seed in 0..TRIALS {
            let tried = try_out(seed);
            let counts = ends.entry(tried.trick).or_default();
            match &tried.end {
                End::Green => counts[0] += 1,
                End::NotGreen => counts[1] += 1,
                End::FalseGreen(_) | End::Unknown => panic!("{tried:?}"),
            }
        }
        assert_eq!(ends.len(), Trick::ALL.len());
        assert!(ends.values().all(|[green, not_green]| *green > 0 && *not_green > 0), "{ends:?}");
    }

    #[test]
    fn a_report_is_held_against_what_ran() {
        let (_, plan) = (0..)
            .map(trial)
            .find(|(_, plan)| wanted(&plan.runs[0]).len() == 2 && plan.runs[0].spec.only.is_empty())
            .expect("small suites are planned");
        let plan = &plan.runs[0];
        let report = |names: &[&str]| {
            let tests = names.iter().zip(0..).map(|(name, index)| TestReport {
                job: muster_common::id::JobId { run: muster_common::id::RunId(1), job: muster_common::id::JobIndex(0) },
                test: TestIndex(index),
                name: (*name).to_owned(),
                verdict: Some(muster_common::outcome::TestVerdict::Passed),
                is_quarantined: false,
                tries: Vec::new(),
                waits_for: String::new(),
            });
            tests.collect::<Vec<_>>()
        };
        let names: Vec<&str> = wanted(plan).into_iter().collect();
        let both = report(&names);
        let [first, second] = [TestIndex(0), TestIndex(1)];
        assert_eq!(prove(plan, &both, &[first, second].into()), Ok(()));
        assert!(prove(plan, &both, &[first].into()).is_err(), "the second did not run");
        assert!(prove(plan, &both[..1], &[first, second].into()).is_err(), "the second is not reported");
    }

    const TRIALS: u64 = 300;
}
