//! sled, with its errors and panics contained and with the syncs that it leaves out.

use std::fs::{self, File};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use sled::{Db, IVec, Iter};

use super::{file, room};
use crate::store::OpenError;

/// One sled directory and our own descriptor of its log file.
pub(super) struct Engine {
    /// Taken only when dropped.
    db: Option<Db>,
    log: File,
}

/// Something below the journal failed.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) detail: String,
    /// The reason was a lack of room.
    pub(super) is_no_space: bool,
}

/// All entries, in the order of their keys. Ends after the first error.
pub(super) struct Entries {
    iter: Option<Iter>,
}

impl Engine {
    /// Opens or creates the sled directory. Both may write to it without a sync; see [`sync_all`](Self::sync_all).
    pub(super) fn open(dir: &Path, cache_bytes: u64) -> Result<Self, Fault> {
        await_release(&dir.join(LOG))?;
        remove_unfinished(dir)?;
        // No timer: every flush is asked for, and its error is seen.
        let config = sled::Config::new().path(dir).cache_capacity(cache_bytes).flush_every_ms(None);
        let db = contained(|| config.open())?;
        let log = File::options().read(true).write(true).open(dir.join(LOG)).map_err(Fault::from)?;
        Ok(Self { db: Some(db), log })
    }

    /// Adds an entry; it is durable after the next [`sync`](Self::sync).
    pub(super) fn insert(&self, seq: u64, bytes: Vec<u8>) -> Result<(), Fault> {
        contained(|| self.db().insert(seq.to_be_bytes(), bytes)).map(drop)
    }

    /// Makes all entries durable. May not be repeated after an error: the system reports a lost write only once.
    pub(super) fn sync(&self) -> Result<(), Fault> {
        contained(|| self.db().flush())?;
        Ok(self.log.sync_data()?)
    }

    /// Makes durable what creating or recovering a sled directory leaves to chance: its settings, its snapshot, and
    /// the names of all its files.
    pub(super) fn sync_all(&self, dir: &Path) -> Result<(), Fault> {
        contained(|| self.db().flush())?;
        for entry in fs::read_dir(dir)? {
            File::open(entry?.path())?.sync_all()?;
        }
        file::sync_directory(dir)?;
        Ok(file::sync_directory(dir.parent().unwrap_or(Path::new(".")))?)
    }

    pub(super) fn entries(&self) -> Entries {
        Entries { iter: Some(self.db().iter()) }
    }

    fn db(&self) -> &Db {
        self.db.as_ref().expect("it is taken only by drop")
    }
}

impl Iterator for Entries {
    type Item = Result<(IVec, IVec), Fault>;

    fn next(&mut self) -> Option<Self::Item> {
        let iter = self.iter.as_mut()?;
        let next = contained(|| iter.next().transpose()).transpose();
        if !matches!(next, Some(Ok(_))) {
            // Its destructor runs code that has just failed.
            let iter = self.iter.take();
            let _ = catch_unwind(AssertUnwindSafe(|| drop(iter)));
        }
        next
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        let db = self.db.take();
        // sled flushes when it is dropped and panics where that fails; what was acknowledged is durable without it.
        let _ = catch_unwind(AssertUnwindSafe(|| drop(db)));
    }
}

impl Fault {
    /// The fault as the reason why a generation could not be opened.
    pub(super) fn into_open_error(self, dir: &Path) -> OpenError {
        let (dir, detail) = (dir.to_owned(), self.detail);
        if self.is_no_space {
            let source = io::Error::new(io::ErrorKind::StorageFull, detail);
            return OpenError::Io { action: "find room to open", path: dir, source };
        }
        OpenError::Engine { dir, detail }
    }
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        Self { detail: error.to_string(), is_no_space: room::is_used_up(&error) }
    }
}

impl From<sled::Error> for Fault {
    fn from(error: sled::Error) -> Self {
        match error {
            sled::Error::Io(error) => error.into(),
            error @ (sled::Error::CollectionNotFound(_)
            | sled::Error::Unsupported(_)
            | sled::Error::ReportableBug(_)
            | sled::Error::Corruption { .. }) => Self { detail: error.to_string(), is_no_space: false },
        }
    }
}

/// Runs a call of sled's; a panic in it becomes an error.
fn contained<T>(call: impl FnOnce() -> sled::Result<T>) -> Result<T, Fault> {
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(result) => result.map_err(Fault::from),
        Err(panic) => {
            let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
            let text = text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
            Err(Fault { detail: format!("it broke down: {text}"), is_no_space: false })
        }
    }
}

/// Waits until sled's threads have let go of a log file that this process closed a moment ago; the directory's own lock
/// keeps other processes away.
fn await_release(log: &PathBuf) -> Result<(), Fault> {
    for _ in 0..RELEASE_CHECKS_MAX {
        let file = match File::options().read(true).write(true).open(log) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(_) => return Ok(()),
            Err((_, Errno::EWOULDBLOCK | Errno::EINTR)) => std::thread::sleep(RELEASE_CHECK_INTERVAL),
            Err((_, errno)) => return Err(io::Error::from(errno).into()),
        }
    }
    let detail = format!("{} is still held after it was closed; start the coordinator again", log.display());
    Err(Fault { detail, is_no_space: false })
}

/// Removes snapshots that sled had not finished when it was killed: it would refuse to open with one.
fn remove_unfinished(dir: &Path) -> Result<(), Fault> {
    let entries = match fs::read_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let path = entry?.path();
        if path.extension().is_some_and(|ending| ending == UNFINISHED) {
            fs::remove_file(path)?;
        }
    }
    Ok(())
}

/// The name of sled's log file.
const LOG: &str = "db";
/// What follows the name of a snapshot while sled writes it.
const UNFINISHED: &str = "generating";
const RELEASE_CHECK_INTERVAL: Duration = Duration::from_millis(2);
const RELEASE_CHECKS_MAX: u32 = 5_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snapshot_that_was_never_finished_is_no_obstacle() {
        let dir = tempfile::tempdir().expect("a directory");
        let engine = Engine::open(dir.path(), 1 << 20).expect("it is new");
        engine.insert(1, b"entry".to_vec()).expect("there is room");
        engine.sync().expect("there is room");
        drop(engine);
        let unfinished = dir.path().join("snap.0000000000000045.generating");
        fs::write(&unfinished, b"half of").expect("there is room");
        let engine = Engine::open(dir.path(), 1 << 20).expect("the snapshot does not count");
        assert_eq!(engine.entries().filter_map(Result::ok).count(), 1);
        assert!(!unfinished.exists());
    }
}
