//! Every store behaves as a plain map does, through failures, crashes and new generations.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use muster_common::id::Epoch;
use muster_coordinator::store::{
    CommitError, Failure, Key, Loaded, MemoryDisk, MemoryStore, RowWrite, SledOptions, SledStore, Store, StoreError,
    Value, WriteBatch,
};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use super::fixture::SMALL;

#[test]
fn sled_behaves_as_a_map_does() {
    alone("differential::sled_behaves_as_a_map_does", || behaves_as_a_map_does(|| Box::new(OnSled::new())));
}

#[test]
fn memory_behaves_as_a_map_does() {
    alone("differential::memory_behaves_as_a_map_does", || behaves_as_a_map_does(|| Box::new(InMemory::new())));
}

/// A place that outlives stores, and what can happen to it.
trait Place {
    /// A store there, not yet loaded.
    fn store(&self) -> Box<dyn Store>;

    /// Makes what is written during the call fail, at least some of it.
    fn failing(&mut self, commit: &mut dyn FnMut());

    /// Leaves the place as a crash may leave it after the store was dropped.
    fn crash(&mut self);
}

struct InMemory {
    disk: MemoryDisk,
    failures: u32,
}

struct OnSled {
    dir: tempfile::TempDir,
    /// The mark of the newest acknowledged frame, as it was at an earlier crash.
    older_mark: Option<Vec<u8>>,
}

impl InMemory {
    fn new() -> Self {
        Self { disk: MemoryDisk::new(), failures: 0 }
    }
}

impl Place for InMemory {
    fn store(&self) -> Box<dyn Store> {
        Box::new(MemoryStore::on(&self.disk))
    }

    fn failing(&mut self, commit: &mut dyn FnMut()) {
        self.failures += 1;
        self.disk.fail_next(if self.failures.is_multiple_of(2) { Failure::AfterWrite } else { Failure::BeforeWrite });
        commit();
    }

    fn crash(&mut self) {}
}

impl OnSled {
    fn new() -> Self {
        Self { dir: tempfile::tempdir().expect("a directory"), older_mark: None }
    }

    fn path(&self) -> PathBuf {
        self.dir.path().join("data").join("store")
    }
}

impl Place for OnSled {
    fn store(&self) -> Box<dyn Store> {
        Box::new(SledStore::at(self.path(), TINY))
    }

    /// No file may grow or be written to but at its beginning. The whole process is told so; it runs nothing else.
    fn failing(&mut self, commit: &mut dyn FnMut()) {
        let (soft, hard) = getrlimit(Resource::RLIMIT_FSIZE).expect("the limit can be asked for");
        setrlimit(Resource::RLIMIT_FSIZE, 1, hard).expect("the limit can be lowered");
        commit();
        setrlimit(Resource::RLIMIT_FSIZE, soft, hard).expect("the limit can be raised again");
    }

    /// After a power cut the mark may be older than the journal.
    fn crash(&mut self) {
        let mark = self.path().join("TAIL");
        let newest = fs::read(&mark).expect("it is there");
        if let Some(older) = self.older_mark.replace(newest) {
            fs::write(mark, older).expect("it can be written");
        }
    }
}

#[derive(Clone, Debug)]
enum Action {
    Commit(Vec<RowWrite>),
    StaleCommit(Vec<RowWrite>),
    FailingCommit(Vec<RowWrite>),
    RaiseEpoch,
    LoadAgain,
    Reopen,
    Crash,
}

type Model = BTreeMap<Key, Value>;

/// A store that can be dropped and opened again, and what it must hold.
struct Subject {
    place: Box<dyn Place>,
    store: Option<Box<dyn Store>>,
    store_id: u128,
    epoch: Epoch,
    model: Model,
}

/// Runs the test again in a process of its own, in which it may lower limits of the process.
fn alone(name: &str, test: impl FnOnce()) {
    if std::env::var_os(ALONE).is_some() {
        return test();
    }
    // A signal that is ignored stays ignored in the program that is run; a write over a limit then fails instead.
    let mut command = Command::new("sh");
    command.args(["-c", "trap '' XFSZ; exec \"$0\" \"$@\""]);
    command.arg(std::env::current_exe().expect("this program has a path"));
    command.args(["--exact", name]).env(ALONE, "1").stdin(Stdio::null());
    let output = command.output().expect("a shell can be run");
    let text = [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).concat();
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
}

fn behaves_as_a_map_does(place: impl Fn() -> Box<dyn Place>) {
    let config = ProptestConfig { cases: 24, max_shrink_iters: 200, failure_persistence: None, ..Default::default() };
    let result = TestRunner::new(config).run(&any_actions(), |actions| Subject::new(place())?.follow(actions));
    result.unwrap_or_else(|failure| panic!("{failure}"));
}

impl Subject {
    fn new(place: Box<dyn Place>) -> Result<Self, TestCaseError> {
        let mut store = place.store();
        let first = store.load().expect("it opens");
        prop_assert_eq!((first.epoch, first.rows), (Epoch(0), Vec::new()));
        let epoch = store.raise_epoch().expect("it is raised");
        Ok(Self { place, store: Some(store), store_id: first.store_id, epoch, model: Model::new() })
    }

    fn follow(mut self, actions: Vec<Action>) -> Result<(), TestCaseError> {
        for action in actions {
            self.act(action)?;
            let space = self.store().space().expect("it is loaded");
            let live_bytes = self.model.iter().map(|(key, value)| key.0.len() + value.0.len()).sum::<usize>();
            prop_assert_eq!((space.live_rows, space.live_bytes), (self.model.len() as u64, live_bytes as u64));
            let low = [3];
            let expected: Vec<_> = self.model.iter().filter(|(key, _)| key.0.starts_with(&low)).collect();
            let found = self.store.as_ref().expect("it is open").scan(&low).expect("it is loaded");
            prop_assert_eq!(found.iter().map(|(key, value)| (key, value)).collect::<Vec<_>>(), expected);
        }
        self.act(Action::Reopen)
    }

    fn act(&mut self, action: Action) -> Result<(), TestCaseError> {
        let epoch = self.epoch;
        match action {
            Action::Commit(writes) => {
                let committed = self.store().commit(epoch, WriteBatch::from_iter(writes.clone()));
                prop_assert_eq!(committed.expect("it commits").writes(), writes.len());
                apply(&mut self.model, writes);
            }
            Action::StaleCommit(writes) => {
                let refused = self.store().commit(Epoch(epoch.0 - 1), WriteBatch::from_iter(writes));
                let is_stale = matches!(refused, Err(CommitError::StaleEpoch { current, .. }) if current == epoch);
                prop_assert!(is_stale);
            }
            Action::FailingCommit(writes) => self.fail(writes)?,
            Action::RaiseEpoch => {
                let raised = self.store().raise_epoch().expect("it is raised");
                prop_assert!(raised > epoch);
                self.epoch = raised;
            }
            Action::LoadAgain => {
                let loaded = self.store().load().expect("it opens");
                self.check(loaded)?;
            }
            Action::Reopen => {
                drop(self.store.take());
                self.open()?;
            }
            Action::Crash => {
                drop(self.store.take());
                self.place.crash();
                self.open()?;
            }
        }
        Ok(())
    }

    /// A commit that fails may have happened or not; loading tells which, and nothing can be written before.
    fn fail(&mut self, writes: Vec<RowWrite>) -> Result<(), TestCaseError> {
        let (epoch, batch) = (self.epoch, WriteBatch::from_iter(writes.clone()));
        let mut result = None;
        let store = self.store.as_mut().expect("it is open");
        self.place.failing(&mut || result = Some(store.commit(epoch, batch.clone())));
        let mut after = self.model.clone();
        apply(&mut after, writes);
        if let Some(Ok(_)) = result {
            self.model = after;
            return Ok(());
        }
        let refused = self.store().commit(epoch, WriteBatch::from_iter([RowWrite::Delete { key: Key(vec![9]) }]));
        let is_poisoned = matches!(refused, Err(CommitError::Store(StoreError::Poisoned { .. })));
        prop_assert!(is_poisoned, "{:?}", refused);
        let loaded = self.store().load().expect("it opens");
        let rows: Model = loaded.rows.iter().cloned().collect();
        if rows == after {
            self.model = after;
        }
        self.check(loaded)
    }

    fn open(&mut self) -> Result<(), TestCaseError> {
        self.store = Some(self.place.store());
        let loaded = self.store().load().expect("it opens");
        self.check(loaded)
    }

    fn check(&self, loaded: Loaded) -> Result<(), TestCaseError> {
        prop_assert_eq!((loaded.store_id, loaded.epoch), (self.store_id, self.epoch));
        let rows: Vec<_> = self.model.iter().map(|(key, value)| (key.clone(), value.clone())).collect();
        prop_assert!(loaded.rows == rows, "{} rows, expected {}", loaded.rows.len(), rows.len());
        Ok(())
    }

    fn store(&mut self) -> &mut dyn Store {
        self.store.as_mut().expect("only reopening takes it").as_mut()
    }
}

fn apply(model: &mut Model, writes: Vec<RowWrite>) {
    for write in writes {
        match write {
            RowWrite::Put { key, value } => model.insert(key, value),
            RowWrite::Delete { key } => model.remove(&key),
        };
    }
}

fn any_actions() -> impl Strategy<Value = Vec<Action>> {
    let action = prop_oneof![
        12 => any_writes().prop_map(Action::Commit),
        1 => any_writes().prop_map(Action::StaleCommit),
        1 => any_writes().prop_map(Action::FailingCommit),
        1 => Just(Action::RaiseEpoch),
        1 => Just(Action::LoadAgain),
        1 => Just(Action::Reopen),
        1 => Just(Action::Crash),
    ];
    proptest::collection::vec(action, 1..40)
}

fn any_writes() -> impl Strategy<Value = Vec<RowWrite>> {
    // Few keys, so that rows are replaced and deleted; now and then a value of several frames.
    let key = proptest::collection::vec(0_u8..6, 0..3).prop_map(Key);
    let length = prop_oneof![8 => 0_usize..60, 1 => 6_000_usize..30_000];
    let value = (any::<u8>(), length).prop_map(|(byte, length)| Value(vec![byte; length]));
    let write = (key, proptest::option::weighted(0.8, value)).prop_map(|(key, value)| match value {
        Some(value) => RowWrite::Put { key, value },
        None => RowWrite::Delete { key },
    });
    proptest::collection::vec(write, 0..8)
}

const ALONE: &str = "MUSTER_STORE_TEST_ALONE";
/// A generation after every few large rows.
const TINY: SledOptions = SledOptions { generation_bytes_min: 24 << 10, ..SMALL };
