//! Every store behaves as a plain map does.

use std::collections::BTreeMap;

use muster_common::id::Epoch;
use muster_coordinator::store::{
    CommitError, Key, Loaded, MemoryDisk, MemoryStore, RowWrite, SledStore, Store, Value, WriteBatch,
};
use proptest::prelude::*;

use super::fixture::SMALL;

#[derive(Clone, Debug)]
enum Action {
    Commit(Vec<RowWrite>),
    StaleCommit(Vec<RowWrite>),
    RaiseEpoch,
    LoadAgain,
    Reopen,
}

/// A store that can be dropped and opened again.
struct Subject {
    store: Option<Box<dyn Store>>,
    open: Box<dyn Fn() -> Box<dyn Store>>,
}

impl Subject {
    fn new(open: impl Fn() -> Box<dyn Store> + 'static) -> Self {
        Self { store: Some(open()), open: Box::new(open) }
    }

    fn store(&mut self) -> &mut dyn Store {
        self.store.as_mut().expect("only reopening takes it").as_mut()
    }

    fn reopen(&mut self) -> Loaded {
        drop(self.store.take());
        self.store = Some((self.open)());
        self.store().load().expect("it opens")
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, max_shrink_iters: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn sled_behaves_as_a_map_does(actions in any_actions()) {
        let dir = tempfile::tempdir()?;
        let path = dir.path().join("data").join("store");
        follow(Subject::new(move || Box::new(SledStore::at(&path, SMALL))), actions)?;
    }

    #[test]
    fn memory_behaves_as_a_map_does(actions in any_actions()) {
        let disk = MemoryDisk::new();
        follow(Subject::new(move || Box::new(MemoryStore::on(&disk))), actions)?;
    }
}

fn follow(mut subject: Subject, actions: Vec<Action>) -> Result<(), TestCaseError> {
    let first = subject.store().load().expect("it opens");
    prop_assert_eq!((first.epoch, first.rows), (Epoch(0), Vec::new()));
    let mut epoch = subject.store().raise_epoch().expect("it is raised");
    let mut model = BTreeMap::new();
    for action in actions {
        match action {
            Action::Commit(writes) => {
                let committed = subject.store().commit(epoch, WriteBatch::from_iter(writes.clone()));
                prop_assert_eq!(committed.expect("it commits").writes(), writes.len());
                apply(&mut model, writes);
            }
            Action::StaleCommit(writes) => {
                let refused = subject.store().commit(Epoch(epoch.0 - 1), WriteBatch::from_iter(writes));
                let is_stale = matches!(refused, Err(CommitError::StaleEpoch { current, .. }) if current == epoch);
                prop_assert!(is_stale);
            }
            Action::RaiseEpoch => {
                let raised = subject.store().raise_epoch().expect("it is raised");
                prop_assert!(raised > epoch);
                epoch = raised;
            }
            Action::LoadAgain => {
                let loaded = subject.store().load().expect("it opens");
                check(loaded, first.store_id, epoch, &model)?;
            }
            Action::Reopen => check(subject.reopen(), first.store_id, epoch, &model)?,
        }
        let space = subject.store().space().expect("it is loaded");
        let live_bytes = model.iter().map(|(key, value): (&Key, &Value)| key.0.len() + value.0.len()).sum::<usize>();
        prop_assert_eq!((space.live_rows, space.live_bytes), (model.len() as u64, live_bytes as u64));
        let low = Key(vec![3]);
        let expected: Vec<_> = model.iter().filter(|(key, _)| key.0.starts_with(&low.0)).collect();
        let found = subject.store().scan(&low.0).expect("it is loaded");
        prop_assert_eq!(found.iter().map(|(key, value)| (key, value)).collect::<Vec<_>>(), expected);
    }
    check(subject.reopen(), first.store_id, epoch, &model)
}

fn check(loaded: Loaded, store_id: u128, epoch: Epoch, model: &BTreeMap<Key, Value>) -> Result<(), TestCaseError> {
    prop_assert_eq!((loaded.store_id, loaded.epoch), (store_id, epoch));
    let rows: Vec<_> = model.iter().map(|(key, value)| (key.clone(), value.clone())).collect();
    prop_assert!(loaded.rows == rows, "{} rows, expected {}", loaded.rows.len(), rows.len());
    Ok(())
}

fn apply(model: &mut BTreeMap<Key, Value>, writes: Vec<RowWrite>) {
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
        1 => Just(Action::RaiseEpoch),
        1 => Just(Action::LoadAgain),
        2 => Just(Action::Reopen),
    ];
    proptest::collection::vec(action, 1..25)
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
