//! Agents that answer at once, around the real scheduler.

use std::collections::{BTreeMap, VecDeque};

use muster_common::control::{
    Batch, FromAgent, Heartbeat, LeaseWork, Output, TestResult, TestResults, ToAgent, WantBatch, Withdrawn,
};
use muster_common::digest::Digest;
use muster_common::id::{AgentName, Epoch, RunId, SessionId, Token};
use muster_common::outcome::{AttemptOutcome, Outcome, TryOutcome};
use muster_common::spec::RunSpec;
use muster_scheduler::{Ask, Config, Effect, Event, Input, Row, RunSummary, Scheduler, Write};
use rand::rngs::SmallRng;
use rand::{RngExt as _, SeedableRng as _};

use crate::idealised::{self, finished, run_of_tests};

/// Some agents with one slot each, and a suite.
pub(super) struct Fleet {
    scheduler: Scheduler,
    names: Vec<String>,
    agents: usize,
    now_us: u64,
    heartbeats: u64,
    /// What each agent has said, and those that have said something.
    said: Vec<VecDeque<FromAgent>>,
    speaking: Vec<usize>,
    /// Agents are heard in any order, as they are where tests do not all take the same.
    order: SmallRng,
    shards: BTreeMap<Token, usize>,
    ended: Option<RunSummary>,
}

impl Fleet {
    pub(super) fn new(tests: usize, agents: usize, seed: u64) -> Self {
        let config = Config { auto_quarantine: ["*".to_owned()].into(), ..Config::default() };
        let mut fleet = Self {
            scheduler: Scheduler::new(config, Epoch(1)),
            names: (0..tests).map(|test| format!("test_{test:05}")).collect(),
            agents,
            now_us: 0,
            heartbeats: 0,
            said: vec![VecDeque::new(); agents],
            speaking: Vec::new(),
            order: SmallRng::seed_from_u64(seed),
            shards: BTreeMap::new(),
            ended: None,
        };
        for agent in 0..agents {
            let open = idealised::open(agent_name(agent));
            fleet.step(Input::OpenSession { session: SessionId(agent as u64), open: Box::new(open) }, &mut |_| {});
        }
        fleet
    }

    /// One run of the suite on this content, wholly learned from. `fails` says whether a try of a test fails on an agent;
    /// `seen` gets every row that is stored.
    pub(super) fn run(
        &mut self,
        content: u32,
        mut fails: impl FnMut(usize, usize) -> bool,
        mut seen: impl FnMut(&Row),
    ) -> RunSummary {
        self.beat(&mut seen);
        let spec = Box::new(spec(content));
        self.step(Input::SubmitRun { ask: Ask(0), spec, request_id: String::new() }, &mut seen);
        while let Some((agent, message)) = self.hear() {
            let message = match message {
                FromAgent::TestResults(results) => FromAgent::TestResults(judged(results, agent, &mut fails)),
                other => other,
            };
            let session = SessionId(agent as u64);
            self.step(Input::Agent { session, sequence: 0, message: Box::new(message) }, &mut seen);
            if self.speaking.is_empty() && self.ended.is_none() {
                // A failed test may wait for another agent.
                self.pass_to_next_deadline(&mut seen);
            }
        }
        let summary = self.ended.take().expect("a run whose agents all answer comes to an end");
        let report = Digest { hash: [0; 32], size_bytes: 0 };
        self.step(Input::ReportStored { run: summary.run, report }, &mut seen);
        let end = self.now_us + RUN_US;
        while self.scheduler.next_deadline().is_some_and(|due| due.micros <= end) {
            self.pass_to_next_deadline(&mut seen);
        }
        self.now_us = end;
        summary
    }

    /// Every agent gives a sign of life.
    fn beat(&mut self, seen: &mut impl FnMut(&Row)) {
        self.heartbeats += 1;
        for agent in 0..self.agents {
            let message = FromAgent::Heartbeat(Heartbeat { number: self.heartbeats, alive: Vec::new() });
            let session = SessionId(agent as u64);
            self.step(Input::Agent { session, sequence: 0, message: Box::new(message) }, seen);
        }
    }

    fn pass_to_next_deadline(&mut self, seen: &mut impl FnMut(&Row)) {
        if let Some(due) = self.scheduler.next_deadline() {
            self.now_us = self.now_us.max(due.micros);
            self.step(Input::Deadline, seen);
        }
    }

    fn step(&mut self, input: Input, seen: &mut impl FnMut(&Row)) {
        let step = self.scheduler.step(idealised::now(self.now_us), input);
        for write in &step.writes {
            match write {
                Write::Put(row) => seen(row),
                Write::Delete(_) => {}
            }
        }
        for effect in step.effects {
            match effect {
                Effect::Send { session, message } => self.receive(session.0 as usize, message),
                Effect::Publish { event: Event::RunFinished(summary), .. } => self.ended = Some(*summary),
                Effect::CloseSession { session, why } => panic!("agent {session} was thrown out: {why:?}"),
                Effect::Publish { .. } | Effect::Answer { .. } | Effect::Retire { .. } => {}
            }
        }
    }

    fn receive(&mut self, agent: usize, message: ToAgent) {
        match message {
            ToAgent::Lease(lease) => {
                self.say(agent, FromAgent::Started(lease.token));
                if matches!(lease.work, LeaseWork::Shard(_)) {
                    self.shards.insert(lease.token, agent);
                    self.want(agent, lease.token);
                } else {
                    self.discover(agent, lease.token);
                }
            }
            ToAgent::Batch(batch) => self.work(agent, &batch),
            ToAgent::Withdraw(withdraw) => {
                let started = withdraw.tests;
                let answer = Withdrawn { batch: withdraw.batch, given_up: Vec::new(), started };
                self.say(agent, FromAgent::Withdrawn(answer));
            }
            ToAgent::Cancel { token, .. } => {
                if self.shards.remove(&token).is_some() {
                    self.say(agent, FromAgent::Finished(finished(token, AttemptOutcome::Cancelled, None)));
                }
            }
            ToAgent::Opened(_) | ToAgent::Drain | ToAgent::HeartbeatAnswer { .. } | ToAgent::Ack { .. } => {}
        }
    }

    fn work(&mut self, agent: usize, batch: &Batch) {
        if !batch.tests.is_empty() {
            // Whether each fails is said when the message is delivered.
            let results = batch.tests.iter().map(|dealt| TestResult {
                test: dealt.test,
                outcome: TryOutcome::Passed,
                duration_us: TEST_US,
                message: String::new(),
                output: Output::None,
            });
            let results = results.collect();
            self.say(agent, FromAgent::TestResults(TestResults { batch: batch.token, results }));
        }
        if !batch.is_last {
            self.want(agent, batch.shard);
        } else if self.shards.remove(&batch.shard).is_some() {
            self.say(agent, FromAgent::Finished(finished(batch.shard, AttemptOutcome::Passed, None)));
        }
    }

    fn discover(&mut self, agent: usize, token: Token) {
        let names: Vec<&str> = self.names.iter().map(String::as_str).collect();
        let (lists, seal) = idealised::discovery(token, &names);
        for list in lists {
            self.say(agent, FromAgent::Discovered(list));
        }
        self.say(agent, FromAgent::Finished(finished(token, AttemptOutcome::Passed, Some(seal))));
    }

    fn want(&mut self, agent: usize, shard: Token) {
        self.say(agent, FromAgent::WantBatch(WantBatch { shard, start_cost_us: TEST_US }));
    }

    fn say(&mut self, agent: usize, message: FromAgent) {
        if self.said[agent].is_empty() {
            self.speaking.push(agent);
        }
        self.said[agent].push_back(message);
    }

    fn hear(&mut self) -> Option<(usize, FromAgent)> {
        if self.speaking.is_empty() {
            return None;
        }
        let place = self.order.random_range(0..self.speaking.len());
        let agent = self.speaking[place];
        let message = self.said[agent].pop_front()?;
        if self.said[agent].is_empty() {
            self.speaking.swap_remove(place);
        }
        Some((agent, message))
    }
}

fn judged(mut results: TestResults, agent: usize, fails: &mut impl FnMut(usize, usize) -> bool) -> TestResults {
    for result in &mut results.results {
        if fails(result.test.0 as usize, agent) {
            result.outcome = TryOutcome::Failed;
        }
    }
    results
}

/// An agent's name.
pub(super) fn agent_name(agent: usize) -> AgentName {
    AgentName(format!("agent-{agent:04}"))
}

/// A run's place in the order of runs, from 0.
pub(super) fn place(run: RunId) -> usize {
    run.0 as usize - 1
}

/// Whether a run passed.
pub(super) fn has_passed(summary: &RunSummary) -> bool {
    summary.end.as_ref().is_some_and(|end| end.outcome == Outcome::Passed)
}

fn spec(content: u32) -> RunSpec {
    let mut hash = [0; 32];
    hash[..4].copy_from_slice(&(content + 1).to_be_bytes());
    let workspace = Some(Digest { hash, size_bytes: 1 });
    RunSpec { workspace, ..run_of_tests("project", "flakiness", 3_600_000) }
}

const TEST_US: u64 = 10_000;
/// Between two runs; less than a heartbeat, so that nobody is missed.
const RUN_US: u64 = 1_000_000;
