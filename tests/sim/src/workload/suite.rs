//! A test job, with the build or the preparation that it needs.

use std::collections::BTreeMap;
use std::time::Duration;

use muster_common::limits::TEST_NAME_BYTES_MAX;
use muster_common::spec::{
    ArtifactInput, ArtifactSpec, BUILD_ARTIFACT, JobSpec, PREPARE_ARTIFACT, Runner, TestScope, TestSpec, Work,
};

use super::job::{self, Limits};
use super::run::Draft;
use super::truth;
use crate::plan::{
    BadSeal, DiscoveryTruth, JobTruth, ListChange, ShardTrouble, SuiteTruth, TestSort, TestTruth, WorkEnd,
};

/// Adds a test job; the build of a runner that needs one, or a preparation, before it.
pub(super) fn add(draft: &mut Draft<'_>, name: &str, group: &str, needs: &[String]) {
    let spec = spec(draft);
    let mut needs = needs.to_vec();
    let mut input = None;
    if spec.runner.needs_build() {
        input = Some(before(draft, (name, group, "build"), &needs, Work::TestBuild(spec.clone()), BUILD_ARTIFACT));
    } else if draft.dice.percent(15) {
        let steps = vec![job::step(draft, 0)];
        input = Some(before(draft, (name, group, "prepare"), &needs, Work::Steps(steps), PREPARE_ARTIFACT));
    }
    needs.extend(input.iter().map(|input| input.job.clone()));
    let suite = suite(draft, &spec);
    let mut base = job::base(draft, name, group, &needs, limits(&suite, &spec));
    if let Some(input) = input {
        base.inputs.retain(|found| found.job != input.job);
        base.inputs.push(input);
    }
    draft.jobs.push(JobSpec { work: Work::Tests(spec), ..base });
    draft.truth.push(JobTruth::Suite(Box::new(suite)));
}

/// Adds the job that makes what every shard of a suite (its name, its group) needs.
fn before(
    draft: &mut Draft<'_>,
    (suite, group, what): (&str, &str, &str),
    needs: &[String],
    work: Work,
    artifact: &str,
) -> ArtifactInput {
    let (name, group) = (&format!("{suite} {what}"), &format!("{group}-{what}"));
    let truth = truth::work(draft.dice, draft.mood, draft.agents);
    let base = job::base(draft, name, group, needs, Limits::of_work(&truth));
    let artifacts = vec![ArtifactSpec { name: artifact.to_owned(), paths: vec!["target/**".to_owned()] }];
    draft.jobs.push(JobSpec { work, artifacts, outputs: BTreeMap::new(), ..base });
    draft.truth.push(JobTruth::Work(truth));
    ArtifactInput { job: name.to_owned(), artifact: artifact.to_owned(), path: None }
}

fn spec(draft: &mut Draft<'_>) -> TestSpec {
    let args = Vec::new();
    let runner = match draft.dice.between(0..=9) {
        0..=2 => Runner::CargoNextest { args },
        3 => Runner::CargoTest { args },
        _ => Runner::Pytest { args },
    };
    TestSpec {
        runner,
        working_directory: None,
        setup: if draft.dice.percent(20) { vec![job::step(draft, 0)] } else { Vec::new() },
        retries: if draft.dice.percent(60) { 2 } else { draft.dice.between(0..=5) },
        parallel: draft.dice.percent(30).then(|| draft.dice.between(1..=6)),
        test_timeout_ms: draft.dice.between(500..=20_000),
        scope: TestScope::Test,
        groups: Vec::new(),
        caches_discovery: false,
    }
}

fn suite(draft: &mut Draft<'_>, spec: &TestSpec) -> SuiteTruth {
    let count = if draft.dice.percent(2) { 0 } else { draft.dice.skewed(draft.mood.tests_max) };
    let names = names(draft);
    let tests: Vec<TestTruth> = (0..count).map(|number| test(draft, &names, number, spec)).collect();
    let mut work = truth::work(draft.dice, draft.mood, draft.agents);
    if work.end == WorkEnd::PassesWithoutArtifact {
        work.end = WorkEnd::Passes;
    }
    let is_bad = draft.dice.permille(draft.mood.bad_lists);
    let seal = if is_bad && count > 0 && draft.dice.percent(70) { Some(bad_seal(draft, count)) } else { None };
    let change =
        if is_bad { draft.dice.one_of(&[ListChange::Reversed, ListChange::Shrinks]) } else { ListChange::None };
    let part = draft.dice.one_of(&[1_000_000, 1_000_000, 100, 7]);
    SuiteTruth {
        discovery: DiscoveryTruth { work, change, part, seal },
        shard_setup: draft.dice.span(1, 3_000),
        start_cost: draft.dice.span(1, 2_000),
        trouble: trouble(draft),
        sickness: truth::sickness(draft.dice, draft.mood, draft.agents),
        tests,
    }
}

/// What is wrong with the seal of so many tests; a list of one cannot name its first in the place of its last.
fn bad_seal(draft: &mut Draft<'_>, count: usize) -> BadSeal {
    let all = [BadSeal::Missing, BadSeal::Count, BadSeal::Digest, BadSeal::CutOff, BadSeal::Twice];
    draft.dice.one_of(&all[..if count > 1 { 5 } else { 4 }])
}

fn trouble(draft: &mut Draft<'_>) -> ShardTrouble {
    if !draft.dice.permille(draft.mood.work_trouble / 2) {
        return ShardTrouble::None;
    }
    let times = draft.dice.between(1..=3);
    match draft.dice.between(0..=5) {
        0 => ShardTrouble::SetupFails,
        1 => ShardTrouble::SetupKills(times),
        2 => ShardTrouble::RunsNothing(times),
        3 => ShardTrouble::CutsResults(times),
        4 => ShardTrouble::Breaks(times),
        _ => ShardTrouble::Invents,
    }
}

/// How the names of a suite look.
#[derive(Clone, Copy, Debug)]
enum Names {
    Rust,
    Python,
    Odd,
    Longest,
    TooLong,
}

fn names(draft: &mut Draft<'_>) -> Names {
    match draft.dice.between(0..=399) {
        0..=2 => Names::Longest,
        3..=4 => Names::TooLong,
        5..=40 => Names::Odd,
        41..=200 => Names::Python,
        _ => Names::Rust,
    }
}

impl Names {
    fn name(self, number: usize) -> String {
        let filled = |bytes: usize| format!("{number:0>bytes$}");
        match self {
            Self::Rust => format!("module::tests::case_{number}"),
            Self::Python => format!("tests/test_module.py::test_case[{number}]"),
            Self::Odd => format!(" tÄst \"{number}\"\t${{{{ x }}}} 🙂"),
            Self::Longest => filled(TEST_NAME_BYTES_MAX),
            Self::TooLong => filled(TEST_NAME_BYTES_MAX + 1),
        }
    }
}

fn test(draft: &mut Draft<'_>, names: &Names, number: usize, spec: &TestSpec) -> TestTruth {
    let limit_ms = spec.test_timeout_ms;
    let most_ms = if draft.dice.permille(draft.mood.slow) { limit_ms / 6 } else { 120.min(limit_ms / 6) };
    TestTruth {
        name: names.name(number),
        duration: draft.dice.span(1, most_ms.max(2)),
        sort: sort(draft, spec.retries),
    }
}

fn sort(draft: &mut Draft<'_>, retries: u32) -> TestSort {
    let mood = draft.mood;
    let dice = &mut *draft.dice;
    if dice.permille(mood.failing) {
        TestSort::Fails
    } else if dice.permille(mood.flaky) {
        let last = dice.between(1..=retries.max(1) + 1);
        TestSort::Flaky((1..=last).filter(|attempt| *attempt == 1 || dice.percent(60)).collect())
    } else if dice.permille(mood.picky) {
        TestSort::FailsOn(truth::some_agents(dice, draft.agents))
    } else if dice.permille(mood.skipped) {
        TestSort::Skipped
    } else if dice.permille(mood.killing) {
        TestSort::KillsAgent(dice.between(1..=5))
    } else if dice.permille(mood.crashing) {
        TestSort::CrashesRunner(dice.between(1..=5))
    } else if dice.permille(mood.hanging) {
        TestSort::Hangs
    } else if dice.permille(mood.silent) {
        TestSort::NotRun((1..=dice.between(1..=3)).collect())
    } else if dice.permille(mood.loud) {
        TestSort::Loud
    } else {
        TestSort::Passes
    }
}

/// As if one slot of the slowest agent ran everything, each test with all its retries.
fn limits(suite: &SuiteTruth, spec: &TestSpec) -> Limits {
    let tests: Duration = suite.tests.iter().map(|test| longest(test, spec)).sum();
    let listing = truth::longest(&suite.discovery.work);
    let starts = (suite.start_cost + suite.shard_setup)
        * truth::SLOWEST
        * u32::try_from(suite.tests.len() + 4).unwrap_or(u32::MAX).min(200);
    Limits { longest: listing + tests + starts, may_hang: truth::may_hang(&suite.discovery.work), may_be_avoided: true }
}

fn longest(test: &TestTruth, spec: &TestSpec) -> Duration {
    let once = match test.sort {
        TestSort::Hangs => Duration::from_millis(spec.test_timeout_ms),
        TestSort::Passes
        | TestSort::Fails
        | TestSort::Skipped
        | TestSort::Flaky(_)
        | TestSort::FailsOn(_)
        | TestSort::KillsAgent(_)
        | TestSort::CrashesRunner(_)
        | TestSort::NotRun(_)
        | TestSort::Loud => test.duration * truth::SLOWEST,
    };
    once * (spec.retries + 1)
}
