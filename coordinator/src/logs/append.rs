//! Appending.

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use muster_common::id::RunId;
use muster_common::limits::LOG_BYTES_MAX;
use tokio::sync::watch;

use super::attempt::{Attempt, folder};
use super::growth::Growth;

/// The logs of all attempts. All calls but [`Self::follow`] block.
#[derive(Debug)]
pub(crate) struct Logs {
    pub(super) directory: PathBuf,
    open: Mutex<OpenFiles>,
    growth: Growth,
}

/// A piece of a log.
#[derive(Clone, Debug)]
pub(crate) struct Chunk {
    pub(crate) attempt: Attempt,
    pub(crate) offset: u64,
    pub(crate) data: bytes::Bytes,
}

/// How much of a log is durable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stored {
    pub(crate) attempt: Attempt,
    pub(crate) durable_bytes: u64,
}

/// Pieces were not stored, or not all of them.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AppendError {
    /// A piece begins behind the end of what is stored.
    #[error("a piece of log begins at byte {offset}, but only {stored} bytes are stored; send what lies between first")]
    Gap {
        /// Where the piece begins.
        offset: u64,
        /// How much is stored.
        stored: u64,
    },
    /// A log grows over its limit.
    #[error("a log would grow to {bytes} bytes, the limit is {LOG_BYTES_MAX}; cut it and say so when the attempt ends")]
    TooLong {
        /// How long it would be.
        bytes: u64,
    },
    /// The disk refused.
    #[error("cannot write the log {}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

type Shared = Arc<Mutex<LogFile>>;

#[derive(Debug, Default)]
struct OpenFiles {
    files: HashMap<Attempt, (Shared, u64)>,
    uses: u64,
}

#[derive(Debug)]
struct LogFile {
    path: PathBuf,
    file: File,
    written: u64,
    durable: u64,
}

impl Logs {
    /// The logs beneath a directory, which is made.
    ///
    /// # Errors
    /// If it cannot be made.
    pub(crate) fn open(directory: PathBuf) -> io::Result<Self> {
        fs::create_dir_all(&directory)?;
        if let Some(parent) = directory.parent() {
            sync_directory(parent)?;
        }
        // An earlier life may have been killed before the folder of a run was durable.
        sync_directory(&directory)?;
        Ok(Self { directory, open: Mutex::default(), growth: Growth::default() })
    }

    /// Stores pieces and makes them durable together. Answers with how much of each log is durable then.
    ///
    /// # Errors
    /// At the first piece that cannot be stored. Those before it may be stored; sending them again is safe.
    pub(crate) fn append(&self, chunks: &[Chunk]) -> Result<Vec<Stored>, AppendError> {
        let mut touched: BTreeMap<&Attempt, Shared> = BTreeMap::new();
        for chunk in chunks {
            let shared = match touched.get(&chunk.attempt) {
                Some(shared) => Arc::clone(shared),
                None => self.file(&chunk.attempt)?,
            };
            lock(&shared).write(chunk.offset, &chunk.data)?;
            touched.insert(&chunk.attempt, shared);
        }
        let mut stored = Vec::with_capacity(touched.len());
        for (attempt, shared) in touched {
            let durable_bytes = lock(&shared).sync()?;
            stored.push(Stored { attempt: attempt.clone(), durable_bytes });
            self.growth.tell(attempt.job.run);
        }
        Ok(stored)
    }

    /// Changes whenever a log of the run has grown.
    pub(crate) fn follow(&self, run: RunId) -> watch::Receiver<()> {
        self.growth.follow(run)
    }

    /// Removes all logs of a run.
    ///
    /// # Errors
    /// If the folder cannot be removed.
    pub(crate) fn remove(&self, run: RunId) -> io::Result<()> {
        lock(&self.open).files.retain(|attempt, _| attempt.job.run != run);
        match fs::remove_dir_all(self.directory.join(folder(run))) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            result => result,
        }
    }

    /// How much of a log is known to be durable, if it is open for writing.
    pub(super) fn durable_bytes(&self, attempt: &Attempt) -> Option<u64> {
        let shared = lock(&self.open).files.get(attempt).map(|(shared, _)| Arc::clone(shared))?;
        let durable = lock(&shared).durable;
        Some(durable)
    }

    fn file(&self, attempt: &Attempt) -> Result<Shared, AppendError> {
        let mut open = lock(&self.open);
        open.uses += 1;
        let uses = open.uses;
        if let Some((shared, last_use)) = open.files.get_mut(attempt) {
            *last_use = uses;
            return Ok(Arc::clone(shared));
        }
        open.make_room();
        let shared = Arc::new(Mutex::new(LogFile::open(&self.directory, attempt)?));
        open.files.insert(attempt.clone(), (Arc::clone(&shared), uses));
        Ok(shared)
    }
}

impl OpenFiles {
    /// Closes files that nobody is writing to, longest unused first, until another one fits.
    fn make_room(&mut self) {
        while self.files.len() >= OPEN_FILES_MAX {
            let idle = self.files.iter().filter(|(_, (shared, _))| Arc::strong_count(shared) == 1);
            let Some(oldest) = idle.min_by_key(|(_, (_, last_use))| *last_use).map(|(attempt, _)| attempt.clone())
            else {
                return;
            };
            self.files.remove(&oldest);
        }
    }
}

impl LogFile {
    fn open(directory: &Path, attempt: &Attempt) -> Result<Self, AppendError> {
        let path = directory.join(attempt.path());
        let open = || -> io::Result<(File, u64)> {
            let run = directory.join(folder(attempt.job.run));
            if !run.is_dir() {
                fs::create_dir_all(&run)?;
                sync_directory(directory)?;
            }
            let file = OpenOptions::new().create(true).truncate(false).write(true).open(&path)?;
            let written = file.metadata()?.len();
            if written > 0 {
                // An earlier life may have written this without making it durable.
                file.sync_data()?;
            }
            sync_directory(&run)?;
            Ok((file, written))
        };
        let (file, written) = open().map_err(|source| AppendError::Io { path: path.clone(), source })?;
        Ok(Self { path, file, written, durable: written })
    }

    fn write(&mut self, offset: u64, data: &[u8]) -> Result<(), AppendError> {
        if offset > self.written {
            return Err(AppendError::Gap { offset, stored: self.written });
        }
        let end = offset.saturating_add(data.len() as u64);
        if end > LOG_BYTES_MAX {
            return Err(AppendError::TooLong { bytes: end });
        }
        let known = usize::try_from(self.written - offset).unwrap_or(usize::MAX).min(data.len());
        let new = &data[known..];
        self.file.write_all_at(new, self.written).map_err(|source| self.failed(source))?;
        self.written += new.len() as u64;
        Ok(())
    }

    fn sync(&mut self) -> Result<u64, AppendError> {
        if self.durable < self.written {
            if let Err(source) = self.file.sync_data() {
                // The system may have dropped what it could not write, and would not say so again: it has to be sent anew.
                self.written = self.durable;
                let _ = self.file.set_len(self.durable);
                return Err(self.failed(source));
            }
            self.durable = self.written;
        }
        Ok(self.durable)
    }

    fn failed(&self, source: io::Error) -> AppendError {
        AppendError::Io { path: self.path.clone(), source }
    }
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn sync_directory(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// Files that are kept open at one time, so long as not more are being written to.
const OPEN_FILES_MAX: usize = 256;

#[cfg(test)]
#[path = "append_tests.rs"]
mod tests;
