//! A shard: batch after batch, each run test by test, as the real one does it.

use std::collections::BTreeSet;

use muster_common::control::{
    Batch, Output, RUNNER_CRASHED, TestResult, TestResults, TestStarted, Withdraw, Withdrawn,
};
use muster_common::error_code::{Reason, ReasonCode};
use muster_common::id::{TestIndex, Token};
use muster_common::outcome::{AttemptOutcome, TryOutcome};
use muster_session::{BatchDone, ShardReady, Work};

use super::attempt::Stage;
use crate::env::{Env, micros};
use crate::history::{ProcessEnd, Ran};
use crate::plan::{JobTruth, Plan, ShardTrouble, SuiteTruth, TestSort, TestTruth};
use crate::world::World;

/// The batch that runs.
#[derive(Debug)]
pub(super) struct Running {
    batch: Batch,
    /// Place of the test that runs, or is the next.
    place: usize,
    /// Its own start, counted over the whole simulation, where that decides what it does.
    start: u32,
    unfinished: BTreeSet<TestIndex>,
    given_up: BTreeSet<TestIndex>,
    /// After so many tests the shard ends, as planned.
    cut: Option<usize>,
}

impl World {
    pub(super) fn begin_setup(&mut self, agent: usize, token: Token) {
        let plan = std::rc::Rc::clone(&self.env.plan);
        let Some(attempt) = self.agents[agent].attempts.get_mut(&token) else { return };
        attempt.stage = Stage::SettingUp;
        let JobTruth::Suite(suite) = attempt.truth.of(&plan) else { return };
        self.next_turn(agent, token, micros(suite.shard_setup / 2));
    }

    /// The shard is set up, or cannot be.
    pub(super) fn set_up(&mut self, agent: usize, token: Token) {
        let plan = std::rc::Rc::clone(&self.env.plan);
        let Some(attempt) = self.agents[agent].attempts.get_mut(&token) else { return };
        let JobTruth::Suite(suite) = attempt.truth.of(&plan) else { return };
        match suite.trouble {
            ShardTrouble::SetupFails => {
                let reason = Reason::new(ReasonCode::ExitStatus, "the setup fails");
                return self.finish(agent, token, AttemptOutcome::Failed { reason });
            }
            ShardTrouble::SetupKills(first) if attempt.number <= first => return self.crash_agent(agent),
            ShardTrouble::SetupKills(_)
            | ShardTrouble::None
            | ShardTrouble::RunsNothing(_)
            | ShardTrouble::CutsResults(_)
            | ShardTrouble::Breaks(_)
            | ShardTrouble::Invents => {}
        }
        attempt.stage = Stage::Idle;
        self.end_process(agent, token, ProcessEnd::Ended(muster_common::outcome::Outcome::Passed));
        self.say(agent, Work::ShardReady(ShardReady { shard: token, start_cost_us: 0 }));
        self.next_batch(agent, token);
    }

    /// The session gives tests to a shard.
    pub(super) fn give_batch(&mut self, agent: usize, batch: Batch) {
        let shard = batch.shard;
        let Some(attempt) = self.agents[agent].attempts.get_mut(&shard) else { return };
        attempt.waiting.push_back(batch);
        if attempt.stage == Stage::Idle {
            self.next_batch(agent, shard);
        }
    }

    /// The next batch that waits is begun; after the last the shard ends.
    fn next_batch(&mut self, agent: usize, token: Token) {
        let plan = std::rc::Rc::clone(&self.env.plan);
        loop {
            let Some(attempt) = self.agents[agent].attempts.get_mut(&token) else { return };
            let JobTruth::Suite(suite) = attempt.truth.of(&plan) else { return };
            let Some(batch) = attempt.waiting.pop_front() else {
                attempt.stage = Stage::Idle;
                return;
            };
            if batch.tests.is_empty() {
                if batch.is_last {
                    return self.finish(agent, token, AttemptOutcome::Passed);
                }
                continue;
            }
            let cut = match suite.trouble {
                ShardTrouble::RunsNothing(first) if attempt.number <= first => {
                    return self.finish(agent, token, AttemptOutcome::Passed);
                }
                ShardTrouble::CutsResults(first) if attempt.number <= first => Some(batch.tests.len().div_ceil(2)),
                ShardTrouble::Breaks(first) if attempt.number <= first => Some(batch.tests.len() / 2),
                ShardTrouble::None
                | ShardTrouble::SetupFails
                | ShardTrouble::SetupKills(_)
                | ShardTrouble::RunsNothing(_)
                | ShardTrouble::CutsResults(_)
                | ShardTrouble::Breaks(_)
                | ShardTrouble::Invents => None,
            };
            let unfinished = batch.tests.iter().map(|dealt| dealt.test).collect();
            attempt.running = Some(Running { batch, place: 0, start: 0, unfinished, given_up: BTreeSet::new(), cut });
            attempt.stage = Stage::Starting;
            return self.next_turn(agent, token, micros(suite.start_cost));
        }
    }

    /// A runner has started, or the test that it runs comes to its end.
    pub(super) fn test_turn(&mut self, agent: usize, token: Token) {
        let Some(attempt) = self.agents[agent].attempts.get(&token) else { return };
        if attempt.stage == Stage::Testing && !self.end_test(agent, token) {
            return;
        }
        self.next_test(agent, token);
    }

    /// Begins the next test of the batch, or ends the batch.
    fn next_test(&mut self, agent: usize, token: Token) {
        let plan = std::rc::Rc::clone(&self.env.plan);
        let Some(attempt) = self.agents[agent].attempts.get_mut(&token) else { return };
        let JobTruth::Suite(suite) = attempt.truth.of(&plan) else { return };
        let Some(running) = &mut attempt.running else { return };
        if running.cut.is_some_and(|cut| running.place >= cut) {
            return self.cut_short(agent, token, suite);
        }
        let Some(dealt) = running.batch.tests.get(running.place) else { return self.batch_done(agent, token, suite) };
        let (test, number, batch) = (dealt.test, dealt.attempt, running.batch.token);
        let job = attempt.lease.job;
        let Some(truth) = truth_of(suite, test, &dealt.name) else {
            let what = format!("{test} `{}`", dealt.name);
            return self.violated("a dealt test has the name that was listed", what);
        };
        let start = counted_start(&mut self.env, job, test, truth);
        running.start = start;
        let test_timeout = timeout_of(&attempt.lease.work);
        attempt.stage = Stage::Testing;
        let span = match &truth.sort {
            TestSort::KillsAgent(times) | TestSort::CrashesRunner(times) if start <= *times => truth.duration / 2,
            TestSort::Hangs => test_timeout,
            TestSort::KillsAgent(_)
            | TestSort::CrashesRunner(_)
            | TestSort::Passes
            | TestSort::Fails
            | TestSort::Skipped
            | TestSort::Flaky(_)
            | TestSort::FailsOn(_)
            | TestSort::NotRun(_)
            | TestSort::Loud => truth.duration.min(test_timeout),
        };
        if self.start_process(agent, token, batch, Ran::Test(test), number) {
            self.say(agent, Work::TestStarted(TestStarted { batch, tests: vec![test] }));
            self.next_turn(agent, token, micros(span));
        }
    }

    /// The test that runs ends. Returns whether its runner goes on at once.
    fn end_test(&mut self, agent: usize, token: Token) -> bool {
        let plan = std::rc::Rc::clone(&self.env.plan);
        let Some(attempt) = self.agents[agent].attempts.get_mut(&token) else { return false };
        let JobTruth::Suite(suite) = attempt.truth.of(&plan) else { return false };
        let Some(running) = &mut attempt.running else { return false };
        let Some(dealt) = running.batch.tests.get(running.place) else { return false };
        let test = dealt.test;
        let Some(truth) = truth_of(suite, test, &dealt.name) else { return false };
        if matches!(truth.sort, TestSort::KillsAgent(times) if running.start <= times) {
            self.crash_agent(agent);
            return false;
        }
        let has_crashed = matches!(truth.sort, TestSort::CrashesRunner(times) if running.start <= times);
        let result = result_of(&plan, agent, truth, test, dealt.attempt, has_crashed);
        let outcome = result.outcome;
        let batch = running.batch.token;
        running.place += 1;
        running.unfinished.remove(&test);
        let is_wanted = !running.given_up.contains(&test);
        let invents = suite.trouble == ShardTrouble::Invents && attempt.number == 1 && !attempt.has_invented;
        attempt.has_invented |= invents;
        self.end_process(agent, token, ProcessEnd::Said(outcome));
        if is_wanted {
            let mut results = vec![result];
            if invents {
                results.extend(invented(suite, &results[0]));
            }
            self.say(agent, Work::TestResults(TestResults { batch, results }));
        }
        if has_crashed {
            if let Some(attempt) = self.agents[agent].attempts.get_mut(&token) {
                attempt.stage = Stage::Starting;
            }
            self.next_turn(agent, token, micros(suite.start_cost));
            return false;
        }
        true
    }

    /// The shard ends in the middle of a batch, as planned.
    fn cut_short(&mut self, agent: usize, token: Token, suite: &SuiteTruth) {
        let outcome = match suite.trouble {
            ShardTrouble::Breaks(_) => {
                AttemptOutcome::Errored { reason: Reason::new(ReasonCode::WorkspaceLost, "the workspace is gone") }
            }
            ShardTrouble::None
            | ShardTrouble::SetupFails
            | ShardTrouble::SetupKills(_)
            | ShardTrouble::RunsNothing(_)
            | ShardTrouble::CutsResults(_)
            | ShardTrouble::Invents => AttemptOutcome::Passed,
        };
        self.finish(agent, token, outcome);
    }

    fn batch_done(&mut self, agent: usize, token: Token, suite: &SuiteTruth) {
        let Some(attempt) = self.agents[agent].attempts.get_mut(&token) else { return };
        let Some(running) = attempt.running.take() else { return };
        attempt.stage = Stage::Idle;
        let start_cost_us = micros(suite.start_cost);
        self.say(agent, Work::BatchDone(BatchDone { shard: token, batch: running.batch.token, start_cost_us }));
        if running.batch.is_last {
            return self.finish(agent, token, AttemptOutcome::Passed);
        }
        self.next_batch(agent, token);
    }

    /// Tests are not wanted any more. Those of a running batch run on, unless nothing else in it is wanted.
    pub(super) fn withdraw(&mut self, agent: usize, shard: Token, withdraw: &Withdraw) {
        let Some(attempt) = self.agents[agent].attempts.get_mut(&shard) else { return };
        let running = attempt.running.as_mut().filter(|running| running.batch.token == withdraw.batch);
        let Some(running) = running else {
            let mut given_up = Vec::new();
            if let Some(batch) = attempt.waiting.iter_mut().find(|batch| batch.token == withdraw.batch) {
                let (gone, left) = batch.tests.drain(..).partition(|dealt| withdraw.tests.contains(&dealt.test));
                batch.tests = left;
                given_up = Vec::from_iter(Vec::<_>::into_iter(gone).map(|dealt| dealt.test));
            }
            let withdrawn = Withdrawn { batch: withdraw.batch, given_up, started: Vec::new() };
            return self.say(agent, Work::Withdrawn(withdrawn));
        };
        let unwanted: Vec<TestIndex> =
            withdraw.tests.iter().copied().filter(|test| running.unfinished.contains(test)).collect();
        let is_all = !unwanted.is_empty() && unwanted.len() == running.unfinished.len();
        let (given_up, started) = if is_all { (unwanted, Vec::new()) } else { (Vec::new(), unwanted) };
        running.given_up.extend(&given_up);
        self.say(agent, Work::Withdrawn(Withdrawn { batch: withdraw.batch, given_up, started }));
        if is_all && attempt_is_testing(self, agent, shard) {
            self.end_process(agent, shard, ProcessEnd::Stopped);
            if let Some(running) = self.agents[agent].attempts.get_mut(&shard).and_then(|it| it.running.as_mut()) {
                running.place = running.batch.tests.len();
                running.cut = None;
            }
            if let Some(attempt) = self.agents[agent].attempts.get_mut(&shard) {
                attempt.stage = Stage::Starting;
            }
            let ladder = self.env.between(0, 200_000);
            self.next_turn(agent, shard, ladder);
        }
    }
}

fn attempt_is_testing(world: &World, agent: usize, shard: Token) -> bool {
    let attempt = world.agents[agent].attempts.get(&shard);
    attempt.is_some_and(|attempt| matches!(attempt.stage, Stage::Starting | Stage::Testing))
}

/// The truth about a test: mostly where it was listed, elsewhere if the list was another.
fn truth_of<'a>(suite: &'a SuiteTruth, test: TestIndex, name: &str) -> Option<&'a TestTruth> {
    let at = |place: usize| suite.tests.get(place).filter(|truth| truth.name == name);
    let mirrored = suite.tests.len().checked_sub(test.0 as usize + 1);
    let there = at(test.0 as usize).or_else(|| mirrored.and_then(at));
    there.or_else(|| suite.tests.iter().find(|truth| truth.name == name))
}

fn counted_start(env: &mut Env, job: muster_common::id::JobId, test: TestIndex, truth: &TestTruth) -> u32 {
    match truth.sort {
        TestSort::KillsAgent(_) | TestSort::CrashesRunner(_) => {
            let starts = env.starts.entry((job, test)).or_default();
            *starts += 1;
            *starts
        }
        TestSort::Passes
        | TestSort::Fails
        | TestSort::Skipped
        | TestSort::Flaky(_)
        | TestSort::FailsOn(_)
        | TestSort::Hangs
        | TestSort::NotRun(_)
        | TestSort::Loud => 1,
    }
}

fn timeout_of(work: &muster_common::control::LeaseWork) -> std::time::Duration {
    use muster_common::control::LeaseWork;
    match work {
        LeaseWork::Shard(tests) | LeaseWork::Discover(tests) | LeaseWork::TestBuild(tests) => {
            std::time::Duration::from_millis(tests.test_timeout_ms)
        }
        LeaseWork::Steps(_) => std::time::Duration::MAX,
    }
}

fn result_of(plan: &Plan, agent: usize, truth: &TestTruth, test: TestIndex, attempt: u32, crashed: bool) -> TestResult {
    let name = &plan.agents[agent].agent;
    let (outcome, message) = match &truth.sort {
        TestSort::CrashesRunner(_) if crashed => (TryOutcome::Errored, format!("signal 11 {RUNNER_CRASHED}")),
        TestSort::Fails | TestSort::Hangs => (TryOutcome::Failed, "no".to_owned()),
        TestSort::Skipped => (TryOutcome::Skipped, String::new()),
        TestSort::Flaky(at) if at.contains(&attempt) => (TryOutcome::Failed, "no".to_owned()),
        TestSort::FailsOn(agents) if agents.contains(name) => (TryOutcome::Failed, "no".to_owned()),
        TestSort::NotRun(at) if at.contains(&attempt) => (TryOutcome::Errored, "the runner did not run it".to_owned()),
        TestSort::Loud => (TryOutcome::Passed, "loud ".repeat(40)),
        TestSort::Passes
        | TestSort::CrashesRunner(_)
        | TestSort::KillsAgent(_)
        | TestSort::Flaky(_)
        | TestSort::FailsOn(_)
        | TestSort::NotRun(_) => (TryOutcome::Passed, String::new()),
    };
    let output = match truth.sort {
        TestSort::Loud => Output::Inline(vec![b'x'; 300]),
        TestSort::Fails | TestSort::Hangs => Output::Inline(vec![b'n'; 20]),
        TestSort::Passes
        | TestSort::Skipped
        | TestSort::Flaky(_)
        | TestSort::FailsOn(_)
        | TestSort::KillsAgent(_)
        | TestSort::CrashesRunner(_)
        | TestSort::NotRun(_) => Output::None,
    };
    TestResult { test, outcome, duration_us: micros(truth.duration), message, output }
}

/// A result of a test that was not dealt.
fn invented(suite: &SuiteTruth, like: &TestResult) -> Option<TestResult> {
    let beyond = u32::try_from(suite.tests.len()).ok()?;
    Some(TestResult { test: TestIndex(beyond), ..like.clone() })
}
