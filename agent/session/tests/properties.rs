//! Whatever comes in whatever order, the session keeps its promises.
//!
//! The shell that carries out the effects is played by the test, which knows what was asked of it: so it can hold the
//! session to its slots, to the order of its numbers, and to silence before the session stands.

use std::collections::{BTreeMap, BTreeSet};

use muster_common::control::{
    Batch, CancelReason, Claim, ClaimAnswer, DealtTest, Finished, FromAgent, Lease, LeaseWork, Opened, Output, Stamp,
    TestResult, TestResults, ToAgent, Withdraw, Withdrawn,
};
use muster_common::id::{AgentLife, AgentName, Epoch, JobId, JobIndex, RunId, SessionId, TestIndex, Token};
use muster_common::outcome::{AttemptOutcome, TryOutcome};
use muster_common::spec::{Runner, TestScope, TestSpec};
use muster_common::time::{Monotonic, Now};
use muster_session::{BatchDone, Config, Effect, Identity, Input, Session, ShardReady, Work};
use proptest::collection::vec;
use proptest::prelude::{ProptestConfig, Strategy, any, prop_oneof, proptest};

const SLOTS: usize = 3;
/// What a few messages fill.
const SPOOL_BYTES_MAX: usize = 200;

#[derive(Clone, Debug)]
enum Action {
    Wait(u64),
    LinkOpened,
    LinkLost,
    Opened { epoch: u64, stop: Vec<u64> },
    Lease { counter: u64, is_repeatable: bool },
    NewLease { is_repeatable: bool },
    Batch { counter: u64, shard: u64, tests: u32, is_last: bool },
    Withdraw { counter: u64, test: u32 },
    Cancel(u64),
    CancelOneRunning(u64),
    Answer(u64),
    Ack(u64),
    AckEverythingSent,
    Ready(u64),
    Result { batch: u64, test: u32 },
    BatchDone { batch: u64, shard: u64 },
    Finished(u64),
    FinishOneRunning(u64),
    Drain,
}

fn action() -> impl Strategy<Value = Action> {
    let counter = || 1_u64..12;
    prop_oneof![
        4 => (0_u64..3_000).prop_map(Action::Wait),
        4 => proptest::strategy::Just(Action::LinkOpened),
        1 => proptest::strategy::Just(Action::LinkLost),
        4 => (1_u64..3, vec(counter(), 0..3)).prop_map(|(epoch, stop)| Action::Opened { epoch, stop }),
        6 => any::<bool>().prop_map(|is_repeatable| Action::NewLease { is_repeatable }),
        2 => any::<u64>().prop_map(Action::CancelOneRunning),
        2 => (counter(), any::<bool>()).prop_map(|(counter, is_repeatable)| Action::Lease { counter, is_repeatable }),
        4 => (20_u64..40, counter(), 0_u32..5, any::<bool>())
            .prop_map(|(counter, shard, tests, is_last)| Action::Batch { counter, shard, tests, is_last }),
        1 => (20_u64..40, 0_u32..5).prop_map(|(counter, test)| Action::Withdraw { counter, test }),
        1 => counter().prop_map(Action::Cancel),
        2 => (0_u64..10).prop_map(Action::Answer),
        1 => (0_u64..30).prop_map(Action::Ack),
        3 => proptest::strategy::Just(Action::AckEverythingSent),
        2 => counter().prop_map(Action::Ready),
        4 => (20_u64..40, 0_u32..5).prop_map(|(batch, test)| Action::Result { batch, test }),
        2 => (20_u64..40, counter()).prop_map(|(batch, shard)| Action::BatchDone { batch, shard }),
        1 => counter().prop_map(Action::Finished),
        4 => any::<u64>().prop_map(Action::FinishOneRunning),
        1 => proptest::strategy::Just(Action::Drain),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn promises_are_kept(actions in vec(action(), 1..200)) {
        let mut shell = Shell::new();
        for action in actions {
            shell.act(action);
        }
        shell.heal();
    }
}

/// Carries out effects and holds the session to its promises.
struct Shell {
    session: Session,
    now: Monotonic,
    epoch: u64,
    link: Link,
    running: BTreeSet<Token>,
    ever_started: BTreeSet<Token>,
    given: BTreeMap<Token, Token>,
    kept: BTreeMap<u64, FromAgent>,
    last_kept: u64,
    has_left: bool,
    /// What it claimed last.
    held: Vec<Token>,
    /// Number of its last `Open`.
    opens: u64,
    last_lease: u64,
}

#[derive(Debug, PartialEq)]
enum Link {
    None,
    Connecting,
    Opening,
    Open { sent: u64, trimmed: u64 },
}

impl Shell {
    fn new() -> Self {
        let identity = Identity {
            agent: AgentName("a".to_owned()),
            life: AgentLife(1),
            labels: BTreeMap::new(),
            slots: u32::try_from(SLOTS).expect("few slots"),
            version: String::new(),
            features: Vec::new(),
        };
        let config = Config { window_messages: 3, spool_bytes_max: SPOOL_BYTES_MAX, ..Config::default() };
        Self {
            session: Session::new(config, identity),
            now: Monotonic::default(),
            epoch: 1,
            link: Link::None,
            running: BTreeSet::new(),
            ever_started: BTreeSet::new(),
            given: BTreeMap::new(),
            kept: BTreeMap::new(),
            last_kept: 0,
            has_left: false,
            held: Vec::new(),
            opens: 0,
            last_lease: 100,
        }
    }

    fn act(&mut self, action: Action) {
        match action {
            Action::Wait(millis) => self.wait(millis),
            Action::LinkOpened if self.link == Link::Connecting => {
                self.link = Link::Opening;
                self.feed(Input::LinkOpened);
            }
            Action::LinkOpened => {}
            Action::LinkLost if self.link != Link::None => {
                self.link = Link::None;
                self.feed(Input::LinkLost);
            }
            Action::LinkLost => {}
            Action::Opened { epoch, stop } => self.open(epoch, &stop),
            Action::Lease { counter, is_repeatable } => {
                self.hear(ToAgent::Lease(Box::new(lease(counter, is_repeatable))))
            }
            Action::NewLease { is_repeatable } => {
                self.last_lease += 1;
                self.hear(ToAgent::Lease(Box::new(lease(self.last_lease, is_repeatable))));
            }
            Action::CancelOneRunning(choice) => {
                if let Some(token) = self.one_running(choice) {
                    self.hear(ToAgent::Cancel { token, reason: CancelReason::Cancelled });
                }
            }
            Action::Batch { counter, shard, tests, is_last } => {
                let tests = (0..tests).map(|test| DealtTest { test: TestIndex(test), name: String::new(), attempt: 1 });
                let batch = Batch { token: token(counter), shard: token(shard), tests: tests.collect(), is_last };
                self.hear(ToAgent::Batch(batch));
            }
            Action::Withdraw { counter, test } => {
                self.hear(ToAgent::Withdraw(Withdraw { batch: token(counter), tests: vec![TestIndex(test)] }));
            }
            Action::Cancel(counter) => {
                self.hear(ToAgent::Cancel { token: token(counter), reason: CancelReason::Cancelled });
            }
            Action::Answer(number) => self.hear(ToAgent::HeartbeatAnswer { number }),
            Action::Ack(up_to) => self.hear(ToAgent::Ack { up_to }),
            Action::AckEverythingSent => {
                if let Link::Open { sent, .. } = self.link {
                    self.hear(ToAgent::Ack { up_to: sent });
                }
            }
            Action::Ready(counter) => {
                self.work(Work::ShardReady(ShardReady { shard: token(counter), start_cost_us: 0 }));
            }
            Action::Result { batch, test } => self.work(Work::TestResults(result(token(batch), test))),
            Action::BatchDone { batch, shard } => {
                self.work(Work::BatchDone(BatchDone { shard: token(shard), batch: token(batch), start_cost_us: 1 }));
            }
            Action::Finished(counter) => self.finish(token(counter)),
            Action::FinishOneRunning(choice) => {
                if let Some(token) = self.one_running(choice) {
                    self.finish(token);
                }
            }
            Action::Drain => self.feed(Input::Drain),
        }
    }

    /// From here on all goes well: whatever was kept must arrive, and then nothing is held any more.
    fn heal(&mut self) {
        for _ in 0..1_000 {
            if self.has_left {
                return;
            }
            if let Some(token) = self.running.first().copied() {
                self.finish(token);
                continue;
            }
            match self.link {
                Link::None => self.wait(6_000),
                Link::Connecting => self.act(Action::LinkOpened),
                Link::Opening => self.open(self.epoch, &[]),
                Link::Open { .. } if self.kept.is_empty() => break,
                Link::Open { .. } => self.act(Action::AckEverythingSent),
            }
        }
        assert!(self.kept.is_empty(), "never acknowledged: {:?}", self.kept);
        self.act(Action::LinkLost);
        while self.link != Link::Opening {
            self.wait(6_000);
            self.act(Action::LinkOpened);
        }
        assert_eq!(self.held, [], "claimed although all of it has ended");
    }

    fn one_running(&self, choice: u64) -> Option<Token> {
        let place = usize::try_from(choice).unwrap_or(0) % self.running.len().max(1);
        self.running.iter().nth(place).copied()
    }

    fn wait(&mut self, millis: u64) {
        self.now = Monotonic { micros: self.now.micros + millis * 1_000 };
        if self.session.next_deadline().is_some_and(|due| due <= self.now) {
            self.feed(Input::Deadline);
        }
    }

    fn open(&mut self, epoch: u64, stop: &[u64]) {
        if self.link != Link::Opening {
            return;
        }
        if epoch >= self.epoch {
            self.epoch = epoch;
            self.link =
                Link::Open { sent: self.kept.keys().next().map_or(self.last_kept, |first| first - 1), trimmed: 0 };
        }
        let claims = stop.iter().map(|counter| ClaimAnswer { token: token(*counter), claim: Claim::Stop }).collect();
        let opened = Opened {
            session: SessionId(1),
            heartbeat_ms: 1_000,
            lease_ms: 5_000,
            lease_unrepeatable_ms: 20_000,
            claims,
        };
        self.feed(Input::Message {
            stamp: Stamp { store_id: 1, epoch: Epoch(epoch) },
            message: Box::new(ToAgent::Opened(opened)),
        });
    }

    fn hear(&mut self, message: ToAgent) {
        if let Link::Open { .. } = self.link {
            let stamp = Stamp { store_id: 1, epoch: Epoch(self.epoch) };
            self.feed(Input::Message { stamp, message: Box::new(message) });
        }
    }

    fn work(&mut self, work: Work) {
        self.feed(Input::Work(work));
    }

    /// An attempt that does not run says nothing.
    fn finish(&mut self, token: Token) {
        if !self.running.remove(&token) {
            return;
        }
        self.work(Work::Finished(Box::new(Finished {
            token,
            outcome: AttemptOutcome::Passed,
            log_bytes: 0,
            is_log_complete: true,
            artifacts: Vec::new(),
            outputs: BTreeMap::new(),
            seal: None,
        })));
    }

    fn feed(&mut self, input: Input) {
        let effects = self.session.step(Now { monotonic: self.now, ..Now::default() }, input);
        for effect in effects {
            assert!(!self.has_left, "after its exit it asks for {effect:?}");
            self.carry_out(effect);
        }
        let load = self.session.load();
        assert!(load.running >= self.running.len());
        assert_eq!(load.is_full, load.spool_bytes >= SPOOL_BYTES_MAX);
    }

    fn carry_out(&mut self, effect: Effect) {
        match effect {
            Effect::Connect => {
                assert_eq!(self.link, Link::None, "there is a stream already");
                self.link = Link::Connecting;
            }
            Effect::Disconnect => self.link = Link::None,
            Effect::Send { sequence, message } => self.send(sequence, &message),
            Effect::StartAttempt(lease) => {
                assert!(self.ever_started.insert(lease.token), "{} is started twice", lease.token);
                self.running.insert(lease.token);
                assert!(self.running.len() <= SLOTS, "more attempts than slots: {:?}", self.running);
            }
            Effect::GiveBatch(batch) => {
                assert!(self.running.contains(&batch.shard), "a batch for a shard that does not run");
                if !batch.tests.is_empty() {
                    self.given.insert(batch.token, batch.shard);
                }
            }
            Effect::WithdrawTests { shard, withdraw } => {
                assert!(self.running.contains(&shard));
                self.feed_later(withdraw);
            }
            Effect::StopAttempt { token, .. } => assert!(self.running.contains(&token), "{token} does not run"),
            Effect::SpoolAppend { sequence, message } => {
                assert_eq!(sequence, self.last_kept + 1, "numbers rise by one");
                self.last_kept = sequence;
                self.kept.insert(sequence, *message);
            }
            Effect::SpoolTrim { up_to } => {
                self.kept.retain(|sequence, _| *sequence > up_to);
                if let Link::Open { trimmed, .. } = &mut self.link {
                    *trimmed = up_to;
                }
            }
            Effect::SpoolOwner { .. } | Effect::Notice(_) => {}
            Effect::Exit => {
                assert!(self.kept.is_empty() && self.running.is_empty(), "it leaves with work in hand");
                self.has_left = true;
            }
        }
    }

    fn send(&mut self, sequence: u64, message: &FromAgent) {
        match &mut self.link {
            Link::None | Link::Connecting => panic!("there is no stream for {message:?}"),
            Link::Opening => {
                let FromAgent::Open(open) = message else { panic!("too early for {message:?}") };
                assert_eq!(open.number, self.opens + 1, "an Open on a stream given up can be told from its successor");
                self.opens = open.number;
                self.held = open.held.iter().map(|held| held.token).collect();
            }
            Link::Open { sent, trimmed } => {
                assert!(!matches!(message, FromAgent::Open(_)), "opened twice");
                if sequence > 0 {
                    assert_eq!(sequence, *sent + 1, "sent in order, without a gap");
                    assert_eq!(self.kept.get(&sequence), Some(message), "sent as it was kept");
                    *sent = sequence;
                    assert!(*sent - (*trimmed).max(sequence.saturating_sub(3)) <= 3, "no more than the window");
                }
            }
        }
    }

    /// The shell answers a withdrawal later than the step that asked for it.
    fn feed_later(&mut self, withdraw: Withdraw) {
        let withdrawn = Withdrawn { batch: withdraw.batch, given_up: withdraw.tests, started: Vec::new() };
        let effects =
            self.session.step(Now { monotonic: self.now, ..Now::default() }, Input::Work(Work::Withdrawn(withdrawn)));
        for effect in effects {
            self.carry_out(effect);
        }
    }
}

fn token(counter: u64) -> Token {
    Token { epoch: Epoch(1), counter }
}

fn lease(counter: u64, is_repeatable: bool) -> Lease {
    Lease {
        token: token(counter),
        job: JobId { run: RunId(1), job: JobIndex(0) },
        project: String::new(),
        job_name: String::new(),
        attempt: 1,
        shard: None,
        work: LeaseWork::Shard(TestSpec {
            runner: Runner::Pytest { args: Vec::new() },
            working_directory: None,
            setup: Vec::new(),
            retries: 0,
            parallel: None,
            test_timeout_ms: 1_000,
            scope: TestScope::Test,
            groups: Vec::new(),
            caches_discovery: false,
        }),
        env: BTreeMap::new(),
        workspace: None,
        inputs: Vec::new(),
        artifacts: Vec::new(),
        outputs: BTreeMap::new(),
        needs: BTreeMap::new(),
        timeout_ms: 1_000,
        is_repeatable,
    }
}

fn result(batch: Token, test: u32) -> TestResults {
    let result = TestResult {
        test: TestIndex(test),
        outcome: TryOutcome::Passed,
        duration_us: 1,
        message: String::new(),
        output: Output::None,
    };
    TestResults { batch, results: vec![result] }
}
