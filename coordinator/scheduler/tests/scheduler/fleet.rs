//! A small model of agents: enough to answer a scheduler sensibly, and to misbehave on request.

use std::collections::{BTreeMap, VecDeque};

use muster_common::control::{
    ArtifactMade, Claim, Discovered, Finished, FromAgent, Heartbeat, HeldBatch, HeldLease, LeaseWork, Open, Output,
    TestResult, TestResults, TestStarted, ToAgent, WantBatch,
};
use muster_common::digest::Digest;
use muster_common::error_code::{Reason, ReasonCode};
use muster_common::id::{AgentLife, AgentName, SessionId, TestIndex, Token};
use muster_common::outcome::{AttemptOutcome, TryOutcome};
use muster_common::spec::BUILD_ARTIFACT;
use muster_scheduler::{Effect, Input};

use crate::script::seal_of;

/// One agent.
#[derive(Clone, Debug)]
pub(crate) struct Agent {
    pub(crate) name: AgentName,
    pub(crate) life: u64,
    pub(crate) session: Option<SessionId>,
    pub(crate) slots: u32,
    pub(crate) leases: BTreeMap<Token, Attempt>,
    pub(crate) is_draining: bool,
    sequence: u64,
    heartbeats: u64,
    opens: u64,
    /// The last numbered messages, for sending some of them twice.
    pub(crate) sent: VecDeque<(u64, FromAgent)>,
}

/// What an agent knows of a lease.
#[derive(Clone, Debug)]
pub(crate) struct Attempt {
    work: LeaseWork,
    is_started: bool,
    wants: bool,
    is_last_given: bool,
    is_cancelled: bool,
    batches: BTreeMap<Token, Vec<TestIndex>>,
}

/// How the next thing goes that an agent does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Luck {
    Good,
    Failed,
    Errored,
    /// It ends early, or leaves something out.
    Short,
}

impl Agent {
    pub(crate) fn new(name: &str, slots: u32) -> Self {
        Self {
            name: AgentName(name.to_owned()),
            life: 1,
            session: None,
            slots,
            leases: BTreeMap::new(),
            is_draining: false,
            sequence: 0,
            heartbeats: 0,
            opens: 0,
            sent: VecDeque::new(),
        }
    }

    /// Its process is killed and starts again.
    pub(crate) fn restart(&mut self) {
        *self = Self { life: self.life + 1, ..Self::new(&self.name.0, self.slots) };
    }

    pub(crate) fn open(&mut self, session: SessionId) -> Input {
        self.session = Some(session);
        self.opens += 1;
        let held = self.leases.iter().map(|(token, attempt)| HeldLease {
            token: *token,
            is_started: attempt.is_started,
            is_finished: false,
            wants_batch: attempt.wants,
            batches: attempt.batches.keys().map(|token| HeldBatch { token: *token }).collect(),
        });
        let open = Open {
            agent: self.name.clone(),
            life: AgentLife(self.life),
            number: self.opens,
            labels: [("name".to_owned(), self.name.0.clone())].into(),
            slots: self.slots,
            version: "1".to_owned(),
            features: Vec::new(),
            held: held.collect(),
            is_draining: self.is_draining,
        };
        Input::OpenSession { session, open: Box::new(open) }
    }

    pub(crate) fn heartbeat(&mut self) -> FromAgent {
        self.heartbeats += 1;
        FromAgent::Heartbeat(Heartbeat { number: self.heartbeats, alive: self.leases.keys().copied().collect() })
    }

    /// Takes what the scheduler sends to it.
    pub(crate) fn take(&mut self, effect: &Effect) {
        let Some(session) = self.session else { return };
        match effect {
            Effect::Send { session: to, message } if *to == session => self.receive(message),
            Effect::CloseSession { session: closed, .. } if *closed == session => self.session = None,
            _ => {}
        }
    }

    fn receive(&mut self, message: &ToAgent) {
        match message {
            ToAgent::Opened(opened) => {
                for answer in opened.claims.iter().filter(|answer| answer.claim == Claim::Stop) {
                    self.leases.remove(&answer.token);
                }
            }
            ToAgent::Lease(lease) => {
                assert!(!self.is_draining, "{} drains and got a lease", self.name);
                self.leases.entry(lease.token).or_insert_with(|| Attempt {
                    work: lease.work.clone(),
                    is_started: false,
                    wants: false,
                    is_last_given: false,
                    is_cancelled: false,
                    batches: BTreeMap::new(),
                });
                assert!(self.leases.len() <= self.slots as usize, "{} got more leases than slots", self.name);
            }
            ToAgent::Batch(batch) => {
                if let Some(attempt) = self.leases.get_mut(&batch.shard) {
                    attempt.wants = false;
                    attempt.is_last_given |= batch.is_last;
                    if !batch.tests.is_empty() {
                        attempt.batches.insert(batch.token, batch.tests.iter().map(|dealt| dealt.test).collect());
                    }
                }
            }
            ToAgent::Withdraw(withdraw) => {
                for attempt in self.leases.values_mut() {
                    if let Some(tests) = attempt.batches.get_mut(&withdraw.batch) {
                        tests.retain(|test| !withdraw.tests.contains(test));
                    }
                    attempt.batches.retain(|_, tests| !tests.is_empty());
                }
            }
            ToAgent::Cancel { token, .. } => {
                if let Some(attempt) = self.leases.get_mut(token) {
                    attempt.is_cancelled = true;
                }
            }
            ToAgent::Drain => self.is_draining = true,
            ToAgent::HeartbeatAnswer { .. } | ToAgent::Ack { .. } => {}
        }
    }

    /// The next thing that it does for one of its leases, as messages.
    pub(crate) fn work_on(&mut self, place: usize, luck: Luck) -> Vec<FromAgent> {
        let Some(token) = self.leases.keys().nth(place % self.leases.len().max(1)).copied() else { return Vec::new() };
        let Some(attempt) = self.leases.get_mut(&token) else { return Vec::new() };
        if attempt.is_cancelled {
            return self.finish(token, AttemptOutcome::Cancelled);
        }
        if !attempt.is_started {
            attempt.is_started = true;
            return vec![FromAgent::Started(token)];
        }
        match attempt.work.clone() {
            LeaseWork::Steps(_) | LeaseWork::TestBuild(_) => self.finish(token, attempt_outcome(luck)),
            LeaseWork::Discover(_) => self.discover(token, luck),
            LeaseWork::Shard(_) => self.run_tests(token, luck),
        }
    }

    fn discover(&mut self, token: Token, luck: Luck) -> Vec<FromAgent> {
        let names = names();
        let cut = if luck == Luck::Short { names.len() - 1 } else { names.len() };
        let parts = [(0, &names[..3]), (3, &names[3..cut])];
        let mut messages: Vec<FromAgent> = parts
            .into_iter()
            .map(|(first, tests)| {
                FromAgent::Discovered(Discovered { token, first: TestIndex(first), tests: tests.to_vec() })
            })
            .collect();
        messages.extend(self.finish(token, attempt_outcome(if luck == Luck::Short { Luck::Good } else { luck })));
        messages
    }

    fn run_tests(&mut self, token: Token, luck: Luck) -> Vec<FromAgent> {
        let Some(attempt) = self.leases.get_mut(&token) else { return Vec::new() };
        let Some((batch, tests)) = attempt.batches.iter_mut().next() else {
            if attempt.is_last_given {
                return self.finish(token, AttemptOutcome::Passed);
            }
            attempt.wants = true;
            return vec![FromAgent::WantBatch(WantBatch { shard: token, start_cost_us: 1_000 })];
        };
        let batch = *batch;
        if luck == Luck::Short {
            return self.finish(token, AttemptOutcome::Passed);
        }
        let test = tests.remove(0);
        if tests.is_empty() {
            attempt.batches.remove(&batch);
        }
        let outcome = match luck {
            Luck::Good | Luck::Short => TryOutcome::Passed,
            Luck::Failed => TryOutcome::Failed,
            Luck::Errored => TryOutcome::Errored,
        };
        let result = TestResult { test, outcome, duration_us: 1_000, message: String::new(), output: Output::None };
        vec![
            FromAgent::TestStarted(TestStarted { batch, tests: vec![test] }),
            FromAgent::TestResults(TestResults { batch, results: vec![result] }),
        ]
    }

    /// Says that the first test of a lease runs, and no more.
    pub(crate) fn start_test(&self) -> Option<FromAgent> {
        let (batch, tests) = self.leases.values().find_map(|attempt| attempt.batches.iter().next())?;
        Some(FromAgent::TestStarted(TestStarted { batch: *batch, tests: vec![tests[0]] }))
    }

    /// Refuses a lease that it has not begun.
    pub(crate) fn refuse(&mut self) -> Option<FromAgent> {
        let (token, _) = self.leases.iter().find(|(_, attempt)| !attempt.is_started)?;
        let token = *token;
        self.leases.remove(&token);
        Some(FromAgent::Refused { token, reason: Reason::new(ReasonCode::AgentRefused, "not today") })
    }

    fn finish(&mut self, token: Token, outcome: AttemptOutcome) -> Vec<FromAgent> {
        let attempt = self.leases.remove(&token);
        let made = matches!(attempt.map(|attempt| attempt.work), Some(LeaseWork::TestBuild(_)));
        let root = Digest { hash: [7; 32], size_bytes: 7 };
        let artifacts = if made { vec![ArtifactMade { name: BUILD_ARTIFACT.to_owned(), root }] } else { Vec::new() };
        vec![FromAgent::Finished(Finished {
            token,
            outcome,
            log_bytes: 0,
            is_log_complete: true,
            artifacts,
            outputs: BTreeMap::new(),
            seal: Some(seal_of(&names())),
        })]
    }

    /// A message as an input, numbered where it has to be.
    pub(crate) fn say(&mut self, message: FromAgent) -> Option<Input> {
        let session = self.session?;
        let is_numbered = match &message {
            FromAgent::Started(_)
            | FromAgent::Discovered(_)
            | FromAgent::TestResults(_)
            | FromAgent::Finished(_)
            | FromAgent::Refused { .. }
            | FromAgent::Withdrawn(_) => true,
            FromAgent::Open(_)
            | FromAgent::Heartbeat(_)
            | FromAgent::Accepted(_)
            | FromAgent::TestStarted(_)
            | FromAgent::WantBatch(_)
            | FromAgent::Draining => false,
        };
        let sequence = if is_numbered {
            self.sequence += 1;
            self.sent.push_back((self.sequence, message.clone()));
            if self.sent.len() > 20 {
                self.sent.pop_front();
            }
            self.sequence
        } else {
            0
        };
        Some(Input::Agent { session, sequence, message: Box::new(message) })
    }
}

fn attempt_outcome(luck: Luck) -> AttemptOutcome {
    match luck {
        Luck::Good => AttemptOutcome::Passed,
        Luck::Failed => AttemptOutcome::Failed { reason: Reason::new(ReasonCode::ExitStatus, "exit status 1") },
        Luck::Errored => AttemptOutcome::Errored { reason: Reason::new(ReasonCode::DiskFull, "no room left") },
        Luck::Short => AttemptOutcome::TimedOut,
    }
}

/// What every discovery of the model finds.
fn names() -> Vec<String> {
    (0..12).map(|place| format!("test_{}.py::test_{place}", place % 3)).collect()
}
