//! A run of one test job in which something tries to make tests that did not run look as if they had passed.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use muster_common::spec::{JobSpec, RunSpec, Runner, TestScope, TestSpec, Work};

use super::dice::Dice;
use super::{bound, fleet, policy};
use crate::plan::{
    AgentPlan, BadSeal, DiscoveryTruth, JobTruth, ListChange, Plan, RunPlan, ShardTrouble, SuiteTruth, TestSort,
    TestTruth, WorkEnd, WorkTruth,
};

/// What tries to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Trick {
    /// Shards break or die with tests in hand.
    ShardDropped,
    /// Names are selected that are not there, or a runner finds nothing to run under the names that it gets.
    EmptySelection,
    /// Runners end with exit status 0 and have run nothing.
    NothingRun,
    /// What runners say is cut off.
    ResultsCut,
    /// The list is not that of the tests that are there: cut, doubled, with a wrong seal or none, empty, or with tests that
    /// are gone.
    StaleDiscovery,
}

impl Trick {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::ShardDropped, Self::EmptySelection, Self::NothingRun, Self::ResultsCut, Self::StaleDiscovery];

    /// Its name, for people.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ShardDropped => "shard dropped",
            Self::EmptySelection => "empty selection",
            Self::NothingRun => "exits 0, runs nothing",
            Self::ResultsCut => "results cut",
            Self::StaleDiscovery => "stale discovery",
        }
    }
}

/// The plan of a trial, and its trick. Tricks take turns.
#[must_use]
pub fn trial(seed: u64) -> (Trick, Plan) {
    let mut dice = Dice::new(seed);
    let trick = Trick::ALL[usize::try_from(seed % 5).unwrap_or_default()];
    let scheduler = policy::scheduler(&mut dice);
    let session = policy::session(&mut dice, &scheduler);
    let agents: Vec<AgentPlan> = (0..dice.between(1..=6)).map(|number| agent(&mut dice, number)).collect();
    let retries = dice.between(0..=2);
    let mut suite = suite(&mut dice, retries);
    let only = play(&mut dice, trick, &mut suite);
    let run = run(&mut dice, retries, suite, only);
    let horizon = dice.span(2_000, 60_000);
    let patience = bound::patience(&scheduler, &agents, std::slice::from_ref(&run));
    let scheduler = muster_scheduler::Config { runs_open_max: 10, ..scheduler };
    let deeds = Vec::new();
    (trick, Plan { seed, scheduler, session, agents, runs: vec![run], deeds, horizon, patience })
}

fn agent(dice: &mut Dice, number: usize) -> AgentPlan {
    AgentPlan {
        agent: muster_common::id::AgentName(format!("agent-{number:02}")),
        labels: fleet::all_labels(),
        slots: dice.between(1..=3),
        speed_percent: 100,
        joins: dice.moment(Duration::from_secs(2)),
        leaves: None,
        drift_ppm: 0,
    }
}

/// A suite whose tests pass, but for some trials in which one fails.
fn suite(dice: &mut Dice, retries: u32) -> SuiteTruth {
    let count = dice.skewed(60);
    let has_failing = dice.percent(20);
    let mut tests: Vec<TestTruth> = (0..count)
        .map(|number| TestTruth {
            name: format!("tests/test_trial.py::test_{number}"),
            duration: dice.span(1, 2_000),
            sort: if dice.percent(5) && retries > 0 { TestSort::Flaky([1].into()) } else { TestSort::Passes },
        })
        .collect();
    if has_failing {
        let place = dice.between(0..=tests.len() - 1);
        tests[place].sort = TestSort::Fails;
    }
    let work = WorkTruth {
        setup: dice.span(1, 500),
        duration: dice.span(1, 2_000),
        end: WorkEnd::Passes,
        kills: 0,
        sickness: None,
    };
    SuiteTruth {
        discovery: DiscoveryTruth { work, change: ListChange::None, part: dice.one_of(&[1_000, 7]), seal: None },
        shard_setup: dice.span(1, 1_000),
        start_cost: dice.span(1, 500),
        trouble: ShardTrouble::None,
        sickness: None,
        tests,
    }
}

/// Has the trick played, in one trial of ten not at all: such a run can be green. Returns the names that are selected, if
/// only some are.
fn play(dice: &mut Dice, trick: Trick, suite: &mut SuiteTruth) -> Vec<String> {
    if dice.percent(10) {
        return Vec::new();
    }
    let times = dice.one_of(&[1, 1, 2, 3, 1_000]);
    match trick {
        Trick::ShardDropped => {
            suite.trouble = dice.one_of(&[ShardTrouble::Breaks(times), ShardTrouble::None, ShardTrouble::None]);
            if suite.trouble == ShardTrouble::None {
                some(dice, suite, &TestSort::KillsAgent(times.min(5)));
            }
        }
        Trick::EmptySelection => {
            if dice.percent(50) {
                return select(dice, suite);
            }
            some(dice, suite, &never());
        }
        Trick::NothingRun => suite.trouble = ShardTrouble::RunsNothing(times),
        Trick::ResultsCut => suite.trouble = ShardTrouble::CutsResults(times),
        Trick::StaleDiscovery => match dice.between(0..=3) {
            0 => some(dice, suite, &never()),
            1 if dice.percent(30) => suite.tests.clear(),
            _ => {
                let all = [BadSeal::Missing, BadSeal::Count, BadSeal::Digest, BadSeal::CutOff, BadSeal::Twice];
                let most = if suite.tests.len() > 1 { 5 } else { 4 };
                suite.discovery.seal = Some(dice.one_of(&all[..most]));
            }
        },
    }
    Vec::new()
}

/// The runner says nothing of it, however often it is asked.
fn never() -> TestSort {
    TestSort::NotRun((1..=100).collect::<BTreeSet<u32>>())
}

/// One test or more are so.
fn some(dice: &mut Dice, suite: &mut SuiteTruth, sort: &TestSort) {
    for _ in 0..dice.skewed(suite.tests.len()) {
        let place = dice.between(0..=suite.tests.len() - 1);
        suite.tests[place].sort = sort.clone();
    }
}

/// Some names, mostly with one that is not there.
fn select(dice: &mut Dice, suite: &SuiteTruth) -> Vec<String> {
    let mut names: Vec<String> =
        suite.tests.iter().filter(|_| dice.percent(30)).map(|test| test.name.clone()).collect();
    if names.is_empty() || dice.percent(70) {
        names.push("tests/test_trial.py::test_gone".to_owned());
    }
    names
}

fn run(dice: &mut Dice, retries: u32, suite: SuiteTruth, only: Vec<String>) -> RunPlan {
    let tests = TestSpec {
        runner: Runner::Pytest { args: Vec::new() },
        working_directory: None,
        setup: Vec::new(),
        retries,
        parallel: dice.percent(30).then(|| dice.between(1..=6)),
        test_timeout_ms: 20_000,
        scope: TestScope::Test,
        groups: Vec::new(),
        caches_discovery: false,
    };
    let job = JobSpec {
        name: JOB.to_owned(),
        group: JOB.to_owned(),
        needs: Vec::new(),
        condition: None,
        requirements: Vec::new(),
        env: BTreeMap::new(),
        timeout_ms: 3_600_000,
        queue_timeout_ms: 1_200_000,
        is_repeatable: true,
        may_fail: false,
        work: Work::Tests(tests),
        inputs: Vec::new(),
        artifacts: Vec::new(),
        outputs: BTreeMap::new(),
    };
    let only = if only.is_empty() { BTreeMap::new() } else { [(JOB.to_owned(), only)].into() };
    let spec =
        RunSpec { project: "trials".to_owned(), name: "trial".to_owned(), jobs: vec![job], only, ..RunSpec::default() };
    RunPlan {
        at: dice.moment(Duration::from_secs(1)),
        spec,
        request_id: "trial".to_owned(),
        again: Vec::new(),
        truth: vec![JobTruth::Suite(Box::new(suite))],
    }
}

const JOB: &str = "unit";
