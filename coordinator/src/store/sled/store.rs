//! The contract on sled.

use std::path::{Path, PathBuf};

use muster_common::id::Epoch;

use super::engine::Fault;
use super::file;
use super::frame::Kind;
use super::lock::DirectoryLock;
use super::opened::{NextFault, Opened};
use crate::store::{
    CommitError, Committed, Key, Loaded, OpenError, RowWrite, Space, Store, StoreError, Value, WriteBatch,
};

/// The store in a directory. The directory is its alone from the first [`load`](Store::load) until it is dropped.
pub struct SledStore {
    dir: PathBuf,
    options: SledOptions,
    state: State,
    /// Dropped last: the directory is free once sled has let go of it.
    lock: Option<DirectoryLock>,
}

/// Sizes that trade space for speed. The defaults serve a coordinator.
#[derive(Clone, Copy, Debug)]
pub struct SledOptions {
    /// Bytes that a generation holds at least before it gives way to the next.
    pub generation_bytes_min: u64,
    /// Bytes that must stay free on the disk; a commit that would use them is refused. Opening needs 2 MiB.
    pub free_bytes_min: u64,
    /// Bytes of sled's page cache. The live rows are in memory anyway.
    pub cache_bytes: u64,
}

enum State {
    Closed,
    Open(Box<Opened>),
    /// What failed first. Nothing is known about the disk until the next load.
    Poisoned(String),
}

impl SledStore {
    /// The store in this directory, which is created when it is loaded. Touches nothing yet.
    pub fn at(dir: impl Into<PathBuf>, options: SledOptions) -> Self {
        Self { dir: dir.into(), options, state: State::Closed, lock: None }
    }

    /// The store's directory.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    fn ready(&self) -> Result<&Opened, StoreError> {
        match &self.state {
            State::Open(opened) => Ok(opened),
            State::Closed => Err(StoreError::NotLoaded),
            State::Poisoned(earlier) => Err(StoreError::Poisoned { earlier: earlier.clone() }),
        }
    }

    fn write(&mut self, kind: Kind, epoch: Epoch, writes: Vec<RowWrite>) -> Result<(), StoreError> {
        self.ready()?;
        let State::Open(opened) = &mut self.state else { return Err(StoreError::NotLoaded) };
        let written = opened.write(kind, epoch, writes);
        let next = if written.is_ok() && opened.is_next_due() { opened.begin_generation() } else { Ok(()) };
        match next {
            Ok(()) => {}
            Err(NextFault::Postponed(fault)) => {
                tracing::warn!(dir = %self.dir.display(), reason = fault.detail, "the store's next generation is postponed");
            }
            Err(NextFault::Unclear(fault)) => {
                tracing::warn!(dir = %self.dir.display(), reason = fault.detail, "the store's generations are unclear");
                self.poison("begin the next generation of", &fault);
            }
        }
        written.map_err(|fault| self.poison("write to", &fault))
    }

    fn poison(&mut self, action: &'static str, fault: &Fault) -> StoreError {
        self.state = State::Poisoned(format!("cannot {action} it: {}", fault.detail));
        self.error(action, fault)
    }

    fn error(&self, action: &'static str, fault: &Fault) -> StoreError {
        let (dir, detail) = (self.dir.clone(), fault.detail.clone());
        if fault.is_no_space { StoreError::NoSpace { dir, detail } } else { StoreError::Failed { action, dir, detail } }
    }
}

impl Store for SledStore {
    fn load(&mut self) -> Result<Loaded, OpenError> {
        let is_after_failure = matches!(self.state, State::Poisoned(_));
        if !is_after_failure {
            self.state = State::Closed;
        }
        if self.lock.is_none() {
            let created = file::create_directory(&self.dir);
            let path = || self.dir.clone();
            created.map_err(|source| OpenError::Io { action: "create the directory", path: path(), source })?;
            self.lock = Some(DirectoryLock::take(&self.dir)?);
        }
        let opened = Opened::open(&self.dir, self.options, is_after_failure)?;
        let loaded = Loaded { store_id: opened.store_id(), epoch: opened.epoch(), rows: opened.rows().scan(&[]) };
        self.state = State::Open(Box::new(opened));
        Ok(loaded)
    }

    fn raise_epoch(&mut self) -> Result<Epoch, StoreError> {
        let opened = self.ready()?;
        let epoch = opened.epoch().0.checked_add(1).map(Epoch).ok_or(StoreError::EpochsUsedUp)?;
        opened.require_room_for(0).map_err(|fault| self.error("write to", &fault))?;
        self.write(Kind::Epoch, epoch, Vec::new())?;
        Ok(epoch)
    }

    fn commit(&mut self, epoch: Epoch, batch: WriteBatch) -> Result<Committed, CommitError> {
        let opened = self.ready()?;
        if epoch != opened.epoch() {
            return Err(CommitError::StaleEpoch { given: epoch, current: opened.epoch() });
        }
        batch.check()?;
        let committed = Committed::new(epoch, batch.len());
        if !batch.is_empty() {
            opened.require_room_for(batch.bytes()).map_err(|fault| self.error("write to", &fault))?;
            self.write(Kind::Commit, epoch, batch.into_writes())?;
        }
        Ok(committed)
    }

    fn scan(&self, prefix: &[u8]) -> Result<Vec<(Key, Value)>, StoreError> {
        Ok(self.ready()?.rows().scan(prefix))
    }

    fn space(&self) -> Result<Space, StoreError> {
        Ok(self.ready()?.space())
    }
}

impl Default for SledOptions {
    fn default() -> Self {
        Self { generation_bytes_min: 16 << 20, free_bytes_min: 16 << 20, cache_bytes: 16 << 20 }
    }
}
