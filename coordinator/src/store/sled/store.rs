//! The contract on sled.

use std::path::{Path, PathBuf};

use muster_common::id::Epoch;

use super::ballast::Ballast;
use super::engine::Fault;
use super::file;
use super::frame::Kind;
use super::lock::DirectoryLock;
use super::opened::{NextFault, Opened, create_with};
use super::room::{self, NoRoom};
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
    /// Bytes that a journal holds at least before the next generation is begun.
    pub generation_bytes_min: u64,
    /// Bytes that must stay free on the disk; a commit that would use them is refused. Opening needs 2 MiB.
    pub free_bytes_min: u64,
    /// Bytes of a file that only takes up room, so that the store can be opened on a disk that others have filled.
    pub ballast_bytes: u64,
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

    /// Makes a store that holds this, in a directory where there is none. It is durable when this returns.
    ///
    /// # Errors
    /// If the directory holds anything, or cannot be written to.
    pub fn create(dir: &Path, options: SledOptions, content: Loaded) -> Result<(), OpenError> {
        let failed = |action, source| OpenError::Io { action, path: dir.to_owned(), source };
        file::create_root(dir).map_err(|source| failed("create the directory", source))?;
        let mut entries = dir.read_dir().map_err(|source| failed("read", source))?;
        if entries.next().is_some() {
            return Err(failed("make a store in", std::io::ErrorKind::DirectoryNotEmpty.into()));
        }
        let _lock = DirectoryLock::take(dir)?;
        create_with(dir, &options, content).map(drop)
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

    fn write(&mut self, kind: Kind, epoch: Epoch, writes: Vec<RowWrite>, bytes: usize) -> Result<(), StoreError> {
        self.ready()?;
        let State::Open(opened) = &mut self.state else { return Err(StoreError::NotLoaded) };
        if let Err(fault) = opened.write(kind, epoch, writes) {
            return Err(self.poison("write to", &fault));
        }
        if let Err(fault) = opened.advance(bytes) {
            let reason = &fault.fault().detail;
            tracing::warn!(dir = %self.dir.display(), reason, "the store's next generation is put off");
            if let NextFault::Unclear(fault) = &fault {
                // The commit itself is durable.
                let _ = self.poison("begin the next generation of", fault);
            }
        }
        Ok(())
    }

    fn open(&self, is_after_failure: bool) -> Result<Opened, OpenError> {
        let ballast = self.ballast();
        let opened = match Opened::open(&self.dir, self.options, is_after_failure) {
            Err(error) if error.is_no_space() && ballast.release() => {
                tracing::warn!(dir = %self.dir.display(), "the disk is full: the store is opened in the room of its ballast");
                Opened::open(&self.dir, self.options, is_after_failure)?
            }
            opened => opened?,
        };
        if self.room().is_ok()
            && let Err(error) = ballast.make()
        {
            tracing::warn!(dir = %self.dir.display(), %error, "the store has no ballast");
        }
        Ok(opened)
    }

    fn ballast(&self) -> Ballast {
        Ballast::of(&self.dir, self.options.ballast_bytes)
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
    fn room(&self) -> Result<(), OpenError> {
        if !self.dir.exists() {
            return Ok(());
        }
        let needed = self.options.free_bytes_min + self.ballast().missing_bytes();
        let failed = |source| OpenError::Io { action: "ask for the free room of", path: self.dir.clone(), source };
        let found = room::require(&self.dir, needed).map_err(failed)?;
        found.map_err(|NoRoom { needed, available }| OpenError::NoSpace { dir: self.dir.clone(), needed, available })
    }

    fn load(&mut self) -> Result<Loaded, OpenError> {
        let is_after_failure = matches!(self.state, State::Poisoned(_));
        if !is_after_failure {
            self.state = State::Closed;
        }
        if self.lock.is_none() {
            let created = file::create_root(&self.dir);
            let path = || self.dir.clone();
            created.map_err(|source| OpenError::Io { action: "create the directory", path: path(), source })?;
            self.lock = Some(DirectoryLock::take(&self.dir)?);
        }
        let opened = self.open(is_after_failure)?;
        let loaded = Loaded { store_id: opened.store_id(), epoch: opened.epoch(), rows: opened.rows().scan(&[]) };
        self.state = State::Open(Box::new(opened));
        Ok(loaded)
    }

    fn raise_epoch(&mut self) -> Result<Epoch, StoreError> {
        let opened = self.ready()?;
        let epoch = opened.epoch().0.checked_add(1).map(Epoch).ok_or(StoreError::EpochsUsedUp)?;
        opened.require_room_for(0).map_err(|fault| self.error("write to", &fault))?;
        self.write(Kind::Epoch, epoch, Vec::new(), 0)?;
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
            let bytes = batch.bytes();
            opened.require_room_for(bytes).map_err(|fault| self.error("write to", &fault))?;
            self.write(Kind::Commit, epoch, batch.into_writes(), bytes)?;
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
        Self { generation_bytes_min: 6 << 20, free_bytes_min: 16 << 20, ballast_bytes: 16 << 20, cache_bytes: 16 << 20 }
    }
}
