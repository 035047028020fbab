//! The same contract in memory, for simulations and tests.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use muster_common::id::Epoch;
use uuid::Uuid;

use super::rows::Rows;
use super::{CommitError, Committed, Key, Loaded, OpenError, Space, Store, StoreError, Value, WriteBatch};

/// What a [`MemoryStore`] writes to. Handles share it: it outlives the store as a disk outlives a process. There is no
/// lock on it, so a test can let an old and a new coordinator write to the same disk; the epoch tells them apart.
#[derive(Clone, Debug)]
pub struct MemoryDisk(Arc<Mutex<Disk>>);

/// A store on a [`MemoryDisk`]. Dropping it is a crash: what was committed is on the disk, nothing else is.
#[derive(Debug)]
pub struct MemoryStore {
    disk: MemoryDisk,
    state: State,
}

/// How a commit fails on demand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// Nothing of the batch is written.
    BeforeWrite,
    /// The batch is durable, and yet the commit fails.
    AfterWrite,
}

#[derive(Debug)]
struct Disk {
    store_id: u128,
    epoch: Epoch,
    rows: Rows,
    written_bytes: u64,
    fail_next: Option<Failure>,
}

#[derive(Debug)]
enum State {
    Closed,
    Open,
    Poisoned(String),
}

impl MemoryDisk {
    /// An empty disk under a random store identity.
    pub fn new() -> Self {
        Self::with_store_id(Uuid::new_v4().as_u128())
    }

    /// An empty disk under a given store identity, for runs that must repeat exactly.
    pub fn with_store_id(store_id: u128) -> Self {
        let rows = Rows::default();
        Self(Arc::new(Mutex::new(Disk { store_id, epoch: Epoch(0), rows, written_bytes: 0, fail_next: None })))
    }

    /// Lets the next commit fail.
    pub fn fail_next(&self, failure: Failure) {
        self.lock().fail_next = Some(failure);
    }

    fn lock(&self) -> MutexGuard<'_, Disk> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for MemoryDisk {
    fn default() -> Self {
        Self::new()
    }
}

impl MemoryStore {
    /// A store on this disk, not yet loaded.
    pub fn on(disk: &MemoryDisk) -> Self {
        Self { disk: disk.clone(), state: State::Closed }
    }

    fn ready(&self) -> Result<MutexGuard<'_, Disk>, StoreError> {
        match &self.state {
            State::Open => Ok(self.disk.lock()),
            State::Closed => Err(StoreError::NotLoaded),
            State::Poisoned(earlier) => Err(StoreError::Poisoned { earlier: earlier.clone() }),
        }
    }
}

impl Store for MemoryStore {
    fn load(&mut self) -> Result<Loaded, OpenError> {
        self.state = State::Open;
        let disk = self.disk.lock();
        Ok(Loaded { store_id: disk.store_id, epoch: disk.epoch, rows: disk.rows.scan(&[]) })
    }

    fn raise_epoch(&mut self) -> Result<Epoch, StoreError> {
        let mut disk = self.ready()?;
        let epoch = disk.epoch.0.checked_add(1).map(Epoch).ok_or(StoreError::EpochsUsedUp)?;
        disk.epoch = epoch;
        Ok(epoch)
    }

    fn commit(&mut self, epoch: Epoch, batch: WriteBatch) -> Result<Committed, CommitError> {
        let mut disk = self.ready()?;
        if epoch != disk.epoch {
            return Err(CommitError::StaleEpoch { given: epoch, current: disk.epoch });
        }
        batch.check()?;
        let committed = Committed::new(epoch, batch.len());
        let failure = disk.fail_next.take();
        if failure != Some(Failure::BeforeWrite) {
            disk.written_bytes += batch.bytes() as u64;
            disk.rows.apply(batch.into_writes());
        }
        drop(disk);
        let Some(failure) = failure else { return Ok(committed) };
        let detail = format!("it was told to fail: {failure:?}");
        self.state = State::Poisoned(detail.clone());
        Err(StoreError::Failed { action: "write to", dir: PathBuf::from("memory"), detail }.into())
    }

    fn scan(&self, prefix: &[u8]) -> Result<Vec<(Key, Value)>, StoreError> {
        Ok(self.ready()?.rows.scan(prefix))
    }

    fn space(&self) -> Result<Space, StoreError> {
        let disk = self.ready()?;
        let (live_rows, live_bytes) = (disk.rows.len(), disk.rows.bytes());
        Ok(Space { live_rows, live_bytes, written_bytes: disk.written_bytes, generation: 1 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::RowWrite;

    fn put(key: u8, value: u8) -> WriteBatch {
        WriteBatch::from_iter([RowWrite::Put { key: Key(vec![key]), value: Value(vec![value]) }])
    }

    #[test]
    fn an_older_life_on_the_same_disk_is_refused() {
        let disk = MemoryDisk::new();
        let (mut old, mut new) = (MemoryStore::on(&disk), MemoryStore::on(&disk));
        old.load().expect("memory opens");
        let old_epoch = old.raise_epoch().expect("memory writes");
        let _ = old.commit(old_epoch, put(1, 1)).expect("the current life writes");
        new.load().expect("memory opens");
        let new_epoch = new.raise_epoch().expect("memory writes");
        let refused = old.commit(old_epoch, put(1, 2)).expect_err("the older life must be refused");
        assert!(
            matches!(refused, CommitError::StaleEpoch { given, current } if given == old_epoch && current == new_epoch)
        );
        assert_eq!(new.scan(&[]).expect("loaded"), [(Key(vec![1]), Value(vec![1]))]);
    }

    #[test]
    fn a_failed_commit_stops_the_store_until_it_is_loaded_again() {
        let disk = MemoryDisk::new();
        for (failure, expected) in [(Failure::BeforeWrite, 0), (Failure::AfterWrite, 1)] {
            let mut store = MemoryStore::on(&disk);
            store.load().expect("memory opens");
            let epoch = store.raise_epoch().expect("memory writes");
            disk.fail_next(failure);
            assert!(store.commit(epoch, put(1, 1)).is_err());
            let refused = store.commit(epoch, put(2, 2)).expect_err("the outcome of the first is unknown");
            assert!(matches!(refused, CommitError::Store(StoreError::Poisoned { .. })));
            assert_eq!(store.load().expect("memory opens").rows.len(), expected);
        }
    }
}
