//! Random histories of a fleet with every fault that its model knows. After each step the rows, the state and the state
//! restored from the rows agree, and every invariant holds; once the faults end, every run ends.

use std::collections::BTreeMap;
use std::time::Duration;

use muster_common::id::{RunId, SessionId};
use muster_common::requirement::Requirement;
use muster_common::spec::{
    ArtifactInput, BUILD_ARTIFACT, JobSpec, RunSpec, Runner, TestGroup, TestScope, TestSpec, Work,
};
use muster_common::time::Monotonic;
use muster_scheduler::{Answer, Ask, Config, Effect, Event, Input, JobKind};
use proptest::prelude::*;

use crate::fleet::{Agent, Luck};
use crate::world::World;

/// One thing that happens; numbers choose among what there is.
#[derive(Clone, Copy, Debug)]
enum Op {
    Submit(u8),
    Cancel(u8),
    Open(u8),
    Close(u8),
    RestartAgent(u8),
    Work(u8, u8, Luck),
    WorkMuch(u8),
    StartTest(u8),
    Refuse(u8),
    Heartbeats,
    Pass(u16),
    RestartCoordinator,
    Store,
    Repeat(u8, u8),
    Impersonate(u8, u8),
    Drain(u8),
    Stall(u16),
}

fn op() -> impl Strategy<Value = Op> {
    let luck = prop_oneof![
        6 => Just(Luck::Good),
        2 => Just(Luck::Failed),
        1 => Just(Luck::Errored),
        1 => Just(Luck::Short),
    ];
    prop_oneof![
        4 => any::<u8>().prop_map(Op::Submit),
        1 => any::<u8>().prop_map(Op::Cancel),
        8 => any::<u8>().prop_map(Op::Open),
        2 => any::<u8>().prop_map(Op::Close),
        2 => any::<u8>().prop_map(Op::RestartAgent),
        30 => (any::<u8>(), any::<u8>(), luck).prop_map(|(agent, lease, luck)| Op::Work(agent, lease, luck)),
        15 => any::<u8>().prop_map(Op::WorkMuch),
        3 => any::<u8>().prop_map(Op::StartTest),
        1 => any::<u8>().prop_map(Op::Refuse),
        8 => Just(Op::Heartbeats),
        8 => (0u16..8_000).prop_map(Op::Pass),
        1 => (8_000u16..60_000).prop_map(Op::Pass),
        2 => Just(Op::RestartCoordinator),
        2 => Just(Op::Store),
        10 => (any::<u8>(), any::<u8>()).prop_map(|(agent, message)| Op::Repeat(agent, message)),
        2 => (any::<u8>(), any::<u8>()).prop_map(|(agent, message)| Op::Impersonate(agent, message)),
        1 => any::<u8>().prop_map(Op::Drain),
        1 => (0u16..9_000).prop_map(Op::Stall),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), max_shrink_iters: 20_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn rows_state_and_restored_state_agree_and_every_run_ends(ops in prop::collection::vec(op(), 1..160)) {
        let mut history = History::new();
        for op in ops {
            history.play(op);
        }
        history.heal();
    }
}

fn cases() -> u32 {
    std::env::var("MUSTER_HISTORIES").ok().and_then(|count| count.parse().ok()).unwrap_or(150)
}

struct History {
    world: World,
    now: Monotonic,
    agents: Vec<Agent>,
    sessions: u64,
    asks: u64,
    runs: u64,
    reports: Vec<RunId>,
    /// How often watchers were told that each run has ended.
    ends: BTreeMap<RunId, u32>,
}

impl History {
    fn new() -> Self {
        Self {
            world: World::new(Config::default()),
            now: Monotonic::default(),
            agents: ["a", "b", "c"].into_iter().zip([1, 2, 3]).map(|(name, slots)| Agent::new(name, slots)).collect(),
            sessions: 0,
            asks: 0,
            runs: 0,
            reports: Vec::new(),
            ends: BTreeMap::new(),
        }
    }

    fn play(&mut self, op: Op) {
        match op {
            Op::Submit(kind) => self.submit(kind),
            Op::Cancel(run) => {
                let run = RunId(u64::from(run) % self.runs.max(1) + 1);
                let ask = self.ask();
                self.step(Input::CancelRun { ask, run });
            }
            Op::Open(agent) => self.open(agent.into()),
            Op::Close(agent) => {
                if let Some(session) = self.agent(agent.into()).session.take() {
                    self.step(Input::CloseSession { session });
                }
            }
            Op::RestartAgent(agent) => {
                let session = self.agent(agent.into()).session;
                self.agent(agent.into()).restart();
                // Half of the time the end of the stream is not noticed.
                if let Some(session) = session.filter(|_| agent % 2 == 0) {
                    self.step(Input::CloseSession { session });
                }
            }
            Op::Work(agent, lease, luck) => self.work(agent.into(), lease.into(), luck),
            Op::WorkMuch(agent) => {
                for lease in 0..6 {
                    self.work(agent.into(), lease, Luck::Good);
                }
            }
            Op::StartTest(agent) => {
                if let Some(message) = self.agent(agent.into()).start_test() {
                    self.say(agent.into(), message);
                }
            }
            Op::Refuse(agent) => {
                if self.agent(agent.into()).session.is_some()
                    && let Some(message) = self.agent(agent.into()).refuse()
                {
                    self.say(agent.into(), message);
                }
            }
            Op::Heartbeats => self.heartbeats(),
            Op::Pass(millis) => self.pass(Duration::from_millis(millis.into())),
            Op::RestartCoordinator => self.restart_coordinator(),
            Op::Store => self.store(),
            Op::Repeat(agent, message) => self.repeat(agent.into(), agent.into(), message.into()),
            Op::Impersonate(agent, message) => self.repeat(agent.into(), usize::from(agent) + 1, message.into()),
            Op::Drain(agent) => {
                let (ask, agent) = (self.ask(), self.agent(agent.into()).name.clone());
                self.step(Input::DrainAgent { ask, agent });
            }
            Op::Stall(millis) => {
                let span = Duration::from_millis(millis.into());
                self.now = self.now + span;
                self.step(Input::Stalled { span });
            }
        }
    }

    fn submit(&mut self, kind: u8) {
        let ask = self.ask();
        let request_id = format!("request {}", kind % 64);
        let effects = self.step(Input::SubmitRun { ask, spec: Box::new(spec(kind)), request_id });
        for effect in effects {
            if let Effect::Answer { answer: Answer::Submitted { run, .. }, .. } = effect {
                self.runs = self.runs.max(run.0);
            }
        }
    }

    fn agent(&mut self, place: usize) -> &mut Agent {
        let count = self.agents.len();
        &mut self.agents[place % count]
    }

    fn ask(&mut self) -> Ask {
        self.asks += 1;
        Ask(self.asks)
    }

    fn open(&mut self, place: usize) {
        self.sessions += 1;
        let session = SessionId(self.sessions);
        let input = self.agent(place).open(session);
        self.step(input);
    }

    fn work(&mut self, place: usize, lease: usize, luck: Luck) {
        if self.agent(place).session.is_none() {
            return;
        }
        for message in self.agent(place).work_on(lease, luck) {
            self.say(place, message);
        }
    }

    fn say(&mut self, place: usize, message: muster_common::control::FromAgent) {
        if let Some(input) = self.agent(place).say(message) {
            self.step(input);
        }
    }

    fn repeat(&mut self, from: usize, to: usize, message: usize) {
        let sent = &self.agent(from).sent;
        let Some((sequence, message)) = sent.get(message % sent.len().max(1)).cloned() else { return };
        if let Some(session) = self.agent(to).session {
            self.step(Input::Agent { session, sequence, message: Box::new(message) });
        }
    }

    fn heartbeats(&mut self) {
        for place in 0..self.agents.len() {
            let message = self.agent(place).heartbeat();
            self.say(place, message);
        }
    }

    /// Time passes without a word from anybody.
    fn pass(&mut self, span: Duration) {
        let until = self.now + span;
        while let Some(due) = self.world.scheduler.next_deadline().filter(|due| *due <= until) {
            self.now = self.now.max(due);
            self.step(Input::Deadline);
        }
        self.now = until;
    }

    fn restart_coordinator(&mut self) {
        for agent in &mut self.agents {
            agent.session = None;
        }
        self.reports.clear();
        let effects = self.world.restart(self.now);
        self.carry_out(&effects);
    }

    fn store(&mut self) {
        if let Some(run) = self.reports.pop() {
            let report = muster_common::digest::Digest { hash: [1; 32], size_bytes: 1 };
            self.step(Input::ReportStored { run, report });
        }
    }

    fn step(&mut self, input: Input) -> Vec<Effect> {
        let step = self.world.step(self.now, input);
        self.carry_out(&step.effects);
        step.effects
    }

    fn carry_out(&mut self, effects: &[Effect]) {
        for effect in effects {
            for agent in &mut self.agents {
                agent.take(effect);
            }
            match effect {
                Effect::Retire { report } => {
                    check_report(report);
                    self.reports.push(report.run.run);
                }
                Effect::Publish { run, event: Event::RunFinished(_) } => *self.ends.entry(*run).or_default() += 1,
                Effect::Publish { run, .. } => {
                    assert!(!self.ends.contains_key(run), "run {run} changed after its end: {effect:?}");
                }
                Effect::Send { .. } | Effect::CloseSession { .. } | Effect::Answer { .. } => {}
            }
        }
    }

    /// No more faults: within a bound every run ends.
    fn heal(&mut self) {
        // Half of the time the agents still hold what they held.
        for agent in self.agents.iter_mut().filter(|_| self.sessions.is_multiple_of(2)) {
            agent.restart();
        }
        for _ in 0..HEALING_ROUNDS_MAX {
            if self.world.is_quiet() {
                break;
            }
            self.heal_for_a_second();
        }
        assert!(self.world.is_quiet(), "runs are still open after all faults have ended");
        assert!(self.ends.values().all(|ends| *ends == 1), "a run ended twice: {:?}", self.ends);
        assert_eq!(self.ends.len() as u64, self.runs, "not every accepted run has ended");
    }

    fn heal_for_a_second(&mut self) {
        for place in 0..self.agents.len() {
            if self.agent(place).session.is_none() {
                if self.agent(place).is_draining {
                    self.agent(place).restart();
                }
                self.open(place);
            } else if self.agent(place).is_draining && self.agent(place).leases.is_empty() {
                let session = self.agent(place).session.take();
                self.agent(place).restart();
                if let Some(session) = session {
                    self.step(Input::CloseSession { session });
                }
            }
            for lease in 0..12 {
                self.work(place, lease, Luck::Good);
            }
        }
        self.heartbeats();
        self.pass(Duration::from_secs(1));
        self.heartbeats();
    }
}

fn check_report(report: &muster_scheduler::Report) {
    use muster_common::outcome::{Outcome, TestVerdict};
    for job in report.summary.jobs.iter().filter(|job| job.kind == JobKind::Tests) {
        let passed = job.end.as_ref().is_some_and(|end| end.outcome == Outcome::Passed);
        let tests = || report.tests.iter().filter(|test| test.job == job.job);
        if passed {
            assert_eq!(tests().count(), 12, "a passed job has every discovered test in its report");
            assert!(tests().all(|test| test.verdict.is_some_and(TestVerdict::is_good)));
        }
    }
}

/// A few shapes of runs.
fn spec(kind: u8) -> RunSpec {
    let jobs = match kind % 8 {
        0 => vec![job("build", Work::Steps(Vec::new()))],
        1 => vec![job("unit", Work::Tests(tests(None)))],
        2 => {
            let build = job("compile", Work::TestBuild(tests(None)));
            let mut unit = job("unit", Work::Tests(tests(Some(2))));
            unit.needs = vec!["compile".to_owned()];
            unit.inputs =
                vec![ArtifactInput { job: "compile".to_owned(), artifact: BUILD_ARTIFACT.to_owned(), path: None }];
            vec![build, unit]
        }
        3 => {
            let mut deploy = job("deploy", Work::Steps(Vec::new()));
            deploy.is_repeatable = false;
            let mut after = job("after", Work::Steps(Vec::new()));
            after.needs = vec!["deploy".to_owned()];
            after.condition = Some("failure()".to_owned());
            vec![deploy, after]
        }
        4 => vec![job("files", Work::Tests(TestSpec { scope: TestScope::File, ..tests(None) }))],
        5 => {
            let groups = vec![group("one", "*::test_?", 1), group("some", "*1", 2)];
            vec![job("groups", Work::Tests(TestSpec { groups, ..tests(None) }))]
        }
        6 => {
            let groups = vec![group("file", "test_1.py::*", 1), group("two", "*::test_?", 2)];
            let both = TestSpec { scope: TestScope::File, groups, ..tests(None) };
            vec![job("both", Work::Tests(both)), job("unit", Work::Tests(tests(None)))]
        }
        _ => {
            let mut pinned = job("pinned", Work::Tests(tests(Some(1))));
            pinned.requirements = vec![Requirement("name=b".to_owned())];
            let mut lax = job("lax", Work::Steps(Vec::new()));
            lax.may_fail = true;
            vec![pinned, lax]
        }
    };
    RunSpec { project: format!("project {}", kind % 2), name: "run".to_owned(), jobs, ..RunSpec::default() }
}

fn group(name: &str, pattern: &str, limit: u32) -> TestGroup {
    TestGroup { name: name.to_owned(), patterns: vec![pattern.to_owned()], limit }
}

fn tests(parallel: Option<u32>) -> TestSpec {
    TestSpec {
        runner: Runner::Pytest { args: Vec::new() },
        working_directory: None,
        setup: Vec::new(),
        retries: 1,
        parallel,
        test_timeout_ms: 60_000,
        scope: TestScope::Test,
        groups: Vec::new(),
    }
}

fn job(name: &str, work: Work) -> JobSpec {
    JobSpec {
        name: name.to_owned(),
        group: name.to_owned(),
        needs: Vec::new(),
        condition: None,
        requirements: Vec::new(),
        env: BTreeMap::new(),
        timeout_ms: 600_000,
        queue_timeout_ms: 3_600_000,
        is_repeatable: true,
        may_fail: false,
        work,
        inputs: Vec::new(),
        artifacts: Vec::new(),
        outputs: BTreeMap::new(),
    }
}

/// Seconds after which everything has ended once the faults have. The longest wait is for work that is not safe to
/// repeat, whose agent was lost.
const HEALING_ROUNDS_MAX: u32 = 700;
