use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc as std_mpsc;
use std::time::Duration;

use muster_common::control::{FromAgent, Heartbeat, Open, ToAgent};
use muster_common::id::{AgentLife, AgentName, Epoch, RunId};
use muster_common::spec::{JobSpec, RunSpec, Shell, StepSpec, Work};
use muster_scheduler::{Answer, Ask};
use tokio::sync::mpsc::error::TryRecvError;
use tokio::task::JoinHandle;

use super::*;
use crate::handle::{Handle, NoAnswer};
use crate::life::FirstLife;
use crate::sessions::{Ending, SessionEnd};
use crate::store::{
    Failure, Key, Loaded, MemoryDisk, MemoryStore, OpenError, Space, Store, StoreError, Value, WriteBatch,
};

#[tokio::test]
async fn no_answer_leaves_before_its_writes_are_durable() {
    let disk = MemoryDisk::new();
    let (mut gate, held) = held(&disk);
    let life = Life::begin(held).await;
    gate.let_through(1);
    let mut submitted = spawn_ask(&life.handle, |ask| submit(ask, "a"));
    gate.reached(2).await;
    let mut listed = spawn_ask(&life.handle, |ask| Input::ListRuns { ask });
    assert!(is_still_waiting(&mut submitted).await, "the run is not durable yet");
    assert!(is_still_waiting(&mut listed).await, "what the list tells of is not durable yet");
    gate.let_through(1);
    let Ok(Answer::Submitted { run, is_duplicate: false }) = submitted.await.expect("no panic") else {
        panic!("the run is durable now")
    };
    let Ok(Answer::Runs(runs)) = listed.await.expect("no panic") else { panic!("the list is an answer") };
    assert!(runs.iter().any(|summary| summary.run == run));
    drop(gate);
    life.end().await;
}

#[tokio::test]
async fn a_failed_commit_sends_everyone_away_and_a_new_life_goes_on_with_what_is_durable() {
    for (failure, is_stored) in [(Failure::BeforeWrite, false), (Failure::AfterWrite, true)] {
        let disk = MemoryDisk::new();
        let life = Life::begin(Box::new(MemoryStore::on(&disk))).await;
        let before = life.handle.ask(|ask| submit(ask, "before")).await.expect("it is stored");
        let Answer::Submitted { run: before, .. } = before else { panic!("it was submitted: {before:?}") };
        let ending = Ending::new();
        let (_, mut messages) = life.handle.open_session(open("a"), ending.clone()).await.expect("it runs");
        let opened = messages.recv().await.expect("the session is answered");
        let mut watching = life.handle.watch(before).await.expect("it runs");
        assert!(matches!(watching.next().await, Some(Ok(_))), "the watcher gets a snapshot");

        disk.fail_next(failure);
        let lost = life.handle.ask(|ask| submit(ask, "lost")).await;
        assert_eq!(lost, Err(NoAnswer::Lost), "{failure:?}");
        assert_eq!(ending.wait().await, SessionEnd::Restoring, "agents open their sessions again");
        while let Some(Ok(_)) = watching.next().await {}
        let known = runs(&life.handle).await;
        assert!(known.contains(&before));
        assert_eq!(known.len(), if is_stored { 2 } else { 1 }, "{failure:?}");

        let again = life.handle.ask(|ask| submit(ask, "lost")).await.expect("the new life stores it");
        let Answer::Submitted { is_duplicate, .. } = again else { panic!("it was submitted: {again:?}") };
        assert_eq!(is_duplicate, is_stored, "{failure:?}");
        let (_, mut messages) = life.handle.open_session(open("a"), Ending::new()).await.expect("it runs");
        let reopened = messages.recv().await.expect("the session is answered");
        assert!(reopened.stamp.epoch > opened.stamp.epoch);
        assert_eq!(reopened.stamp.store_id, opened.stamp.store_id);
        life.end().await;
    }
}

#[tokio::test]
async fn a_store_that_cannot_be_read_again_ends_the_driver_with_the_reason() {
    let disk = MemoryDisk::new();
    let life = Life::begin(Box::new(OpensOnce { store: MemoryStore::on(&disk), is_opened: false })).await;
    disk.fail_next(Failure::BeforeWrite);
    assert_eq!(life.handle.ask(|ask| submit(ask, "lost")).await, Err(NoAnswer::Lost));
    let error = life.driver.await.expect("no panic").expect_err("there is nothing to go on with");
    assert!(error.to_string().contains("in use"), "{error}");
}

#[tokio::test]
async fn a_full_disk_is_waited_out_and_nobody_hangs_meanwhile() {
    let disk = MemoryDisk::new();
    let full = Arc::new(AtomicBool::new(false));
    let life = Life::begin(Box::new(Full { store: MemoryStore::on(&disk), is_full: Arc::clone(&full) })).await;
    let before = life.handle.ask(|ask| submit(ask, "before")).await.expect("it is stored");
    let Answer::Submitted { run: before, .. } = before else { panic!("it was submitted: {before:?}") };
    full.store(true, Ordering::SeqCst);
    assert_eq!(life.handle.ask(|ask| submit(ask, "a")).await, Err(NoAnswer::NoRoom));
    refuses_and_answers(&life.handle, &[before]).await;
    full.store(false, Ordering::SeqCst);
    submitted_at_last(&life.handle).await;
    assert_eq!(runs(&life.handle).await.len(), 2);
    life.end().await;
}

#[tokio::test]
async fn a_coordinator_starts_on_a_full_disk_and_answers_until_there_is_room() {
    let disk = MemoryDisk::new();
    let life = Life::begin(Box::new(MemoryStore::on(&disk))).await;
    let before = life.handle.ask(|ask| submit(ask, "before")).await.expect("it is stored");
    let Answer::Submitted { run: before, .. } = before else { panic!("it was submitted: {before:?}") };
    life.end().await;

    let full = Arc::new(AtomicBool::new(true));
    let life = Life::begin(Box::new(Full { store: MemoryStore::on(&disk), is_full: Arc::clone(&full) })).await;
    assert_eq!(life.handle.ask(|ask| submit(ask, "a")).await, Err(NoAnswer::NoRoom));
    refuses_and_answers(&life.handle, &[before]).await;
    full.store(false, Ordering::SeqCst);
    submitted_at_last(&life.handle).await;
    life.end().await;
    let life = Life::begin(Box::new(Full { store: MemoryStore::on(&disk), is_full: Arc::new(true.into()) })).await;
    life.end().await;
}

/// While there is no room, agents are sent away and questions are answered.
async fn refuses_and_answers(handle: &Handle, known: &[RunId]) {
    let ending = Ending::new();
    let (_, mut messages) = handle.open_session(open("a"), ending.clone()).await.expect("it runs");
    assert_eq!(messages.recv().await, None, "agents are sent away while there is no room");
    assert_eq!(ending.wait().await, SessionEnd::Restoring);
    assert_eq!(runs(handle).await, known, "what is stored can be read");
}

async fn submitted_at_last(handle: &Handle) {
    let submitted = loop {
        match handle.ask(|ask| submit(ask, "a")).await {
            Err(NoAnswer::Lost | NoAnswer::NoRoom) => tokio::time::sleep(Duration::from_millis(20)).await,
            answer => break answer,
        }
    };
    assert!(matches!(submitted, Ok(Answer::Submitted { is_duplicate: false, .. })), "{submitted:?}");
}

#[tokio::test]
async fn an_open_run_is_there_after_a_restart() {
    let disk = MemoryDisk::new();
    let life = Life::begin(Box::new(MemoryStore::on(&disk))).await;
    let submitted = life.handle.ask(|ask| submit(ask, "a")).await.expect("it is stored");
    let Answer::Submitted { run, .. } = submitted else { panic!("it was submitted: {submitted:?}") };
    life.end().await;

    let life = Life::begin(Box::new(MemoryStore::on(&disk))).await;
    assert_eq!(runs(&life.handle).await, [run]);
    assert_eq!(life.history.open_runs(), 1);
    let again = life.handle.ask(|ask| submit(ask, "a")).await;
    assert_eq!(again, Ok(Answer::Submitted { run, is_duplicate: true }));
    life.end().await;
}

#[tokio::test]
async fn heartbeats_are_answered_while_nothing_is_written() {
    let life = Life::begin(Box::new(MemoryStore::on(&MemoryDisk::new()))).await;
    let (session, mut messages) = life.handle.open_session(open("a"), Ending::new()).await.expect("it runs");
    assert!(matches!(messages.recv().await.map(|stamped| stamped.message), Some(ToAgent::Opened(_))));
    let heartbeat = FromAgent::Heartbeat(Heartbeat { number: 7, alive: Vec::new() });
    let input = Input::Agent { session, sequence: 0, message: Box::new(heartbeat) };
    life.handle.tell(input).await.expect("it runs");
    let answer = messages.recv().await.expect("it is answered").message;
    assert_eq!(answer, ToAgent::HeartbeatAnswer { number: 7 });
    life.end().await;
}

struct Life {
    handle: Handle,
    history: Arc<History>,
    shutdown: Shutdown,
    driver: JoinHandle<Result<(), LifeError>>,
    _errands: mpsc::UnboundedReceiver<Errand>,
}

impl Life {
    async fn begin(store: Box<dyn Store>) -> Self {
        let (condition_told, condition) = watch::channel(Condition::Restoring);
        let (handle, inbox, _) = Handle::new(condition);
        let (errands, errands_in) = mpsc::unbounded_channel();
        let (history, shutdown) = (Arc::new(History::default()), Shutdown::new());
        let parts = Parts {
            config: Config::default(),
            inbox,
            errands,
            history: Arc::clone(&history),
            condition: condition_told,
            shutdown: shutdown.clone(),
            pulse: Pulse::default(),
        };
        let driver = FirstLife::open(store, parts).await.expect("the store opens");
        Self { handle, history, shutdown, driver: tokio::spawn(driver.run()), _errands: errands_in }
    }

    async fn end(self) {
        self.shutdown.begin();
        self.driver.await.expect("no panic").expect("it ends in order");
    }
}

fn spawn_ask(
    handle: &Handle,
    question: impl FnOnce(Ask) -> Input + Send + 'static,
) -> JoinHandle<Result<Answer, NoAnswer>> {
    let handle = handle.clone();
    tokio::spawn(async move { handle.ask(question).await })
}

/// Gives everything that could run the chance to do so.
async fn is_still_waiting<T>(task: &mut JoinHandle<T>) -> bool {
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    !task.is_finished()
}

async fn runs(handle: &Handle) -> Vec<RunId> {
    let answer = handle.ask(|ask| Input::ListRuns { ask }).await.expect("it runs");
    let Answer::Runs(runs) = answer else { panic!("the list is an answer: {answer:?}") };
    runs.into_iter().map(|summary| summary.run).collect()
}

fn submit(ask: Ask, request_id: &str) -> Input {
    let step = StepSpec { shell: Shell::Sh, ..StepSpec::new("greet", "echo hello") };
    let job =
        JobSpec { timeout_ms: 60_000, queue_timeout_ms: 60_000, ..JobSpec::new("greet", Work::Steps(vec![step])) };
    let spec = RunSpec { project: "p".to_owned(), name: "n".to_owned(), jobs: vec![job], ..RunSpec::default() };
    Input::SubmitRun { ask, spec: Box::new(spec), request_id: request_id.to_owned() }
}

fn open(agent: &str) -> Box<Open> {
    Box::new(Open {
        agent: AgentName(agent.to_owned()),
        life: AgentLife(1),
        number: 1,
        labels: Default::default(),
        slots: 1,
        version: "0".to_owned(),
        features: Vec::new(),
        held: Vec::new(),
        is_draining: false,
    })
}

/// A store whose commits wait until they are let through.
struct Held {
    store: MemoryStore,
    permits: std_mpsc::Receiver<()>,
    arrivals: mpsc::UnboundedSender<()>,
}

struct Gate {
    permits: std_mpsc::Sender<()>,
    arrivals: mpsc::UnboundedReceiver<()>,
    arrived: usize,
}

fn held(disk: &MemoryDisk) -> (Gate, Box<Held>) {
    let (permits_out, permits) = std_mpsc::channel();
    let (arrivals, arrivals_in) = mpsc::unbounded_channel();
    let gate = Gate { permits: permits_out, arrivals: arrivals_in, arrived: 0 };
    (gate, Box::new(Held { store: MemoryStore::on(disk), permits, arrivals }))
}

impl Gate {
    fn let_through(&self, commits: usize) {
        for _ in 0..commits {
            self.permits.send(()).expect("the store is there");
        }
    }

    /// Waits until this many commits have begun.
    async fn reached(&mut self, commits: usize) {
        while self.arrived < commits {
            self.arrivals.recv().await.expect("the store is there");
            self.arrived += 1;
        }
        assert_eq!(self.arrivals.try_recv(), Err(TryRecvError::Empty), "one commit at a time");
    }
}

impl Store for Held {
    fn load(&mut self) -> Result<Loaded, OpenError> {
        self.store.load()
    }

    fn raise_epoch(&mut self) -> Result<Epoch, StoreError> {
        self.store.raise_epoch()
    }

    fn commit(&mut self, epoch: Epoch, batch: WriteBatch) -> Result<Committed, CommitError> {
        let _ = self.arrivals.send(());
        // When the gate is gone, everything passes.
        let _ = self.permits.recv_timeout(Duration::from_secs(60));
        self.store.commit(epoch, batch)
    }

    fn scan(&self, prefix: &[u8]) -> Result<Vec<(Key, Value)>, StoreError> {
        self.store.scan(prefix)
    }

    fn space(&self) -> Result<Space, StoreError> {
        self.store.space()
    }
}

/// A store on a disk that may be full.
struct Full {
    store: MemoryStore,
    is_full: Arc<AtomicBool>,
}

impl Full {
    fn need_room(&self) -> Result<(), StoreError> {
        if !self.is_full.load(Ordering::SeqCst) {
            return Ok(());
        }
        Err(StoreError::NoSpace { dir: "memory".into(), detail: "it is full".to_owned() })
    }
}

impl Store for Full {
    fn load(&mut self) -> Result<Loaded, OpenError> {
        self.store.load()
    }

    fn raise_epoch(&mut self) -> Result<Epoch, StoreError> {
        self.need_room()?;
        self.store.raise_epoch()
    }

    fn commit(&mut self, epoch: Epoch, batch: WriteBatch) -> Result<Committed, CommitError> {
        if !batch.is_empty() {
            self.need_room()?;
        }
        self.store.commit(epoch, batch)
    }

    fn scan(&self, prefix: &[u8]) -> Result<Vec<(Key, Value)>, StoreError> {
        self.store.scan(prefix)
    }

    fn space(&self) -> Result<Space, StoreError> {
        self.store.space()
    }
}

/// A store that is taken by somebody else when it is opened again.
struct OpensOnce {
    store: MemoryStore,
    is_opened: bool,
}

impl Store for OpensOnce {
    fn load(&mut self) -> Result<Loaded, OpenError> {
        if std::mem::replace(&mut self.is_opened, true) {
            return Err(OpenError::Locked { dir: "memory".into(), pid: None });
        }
        self.store.load()
    }

    fn raise_epoch(&mut self) -> Result<Epoch, StoreError> {
        self.store.raise_epoch()
    }

    fn commit(&mut self, epoch: Epoch, batch: WriteBatch) -> Result<Committed, CommitError> {
        self.store.commit(epoch, batch)
    }

    fn scan(&self, prefix: &[u8]) -> Result<Vec<(Key, Value)>, StoreError> {
        self.store.scan(prefix)
    }

    fn space(&self) -> Result<Space, StoreError> {
        self.store.space()
    }
}
