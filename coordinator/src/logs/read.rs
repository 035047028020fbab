//! Reading.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;

use muster_common::id::{JobIndex, RunId};
use muster_common::limits::LOG_CHUNK_BYTES_MAX;

use super::Logs;
use super::attempt::{Attempt, folder};

/// A log cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("cannot read the log {}", path.display())]
pub(crate) struct ReadError {
    path: PathBuf,
    source: io::Error,
}

impl Logs {
    /// The attempts of a run, or of one of its jobs, that have a log; by job, in the order in which they were granted.
    ///
    /// # Errors
    /// If the folder cannot be read.
    pub(crate) fn attempts(&self, run: RunId, job: Option<JobIndex>) -> Result<Vec<Attempt>, ReadError> {
        let path = self.directory.join(folder(run));
        let list = || -> io::Result<Vec<Attempt>> {
            let entries = match fs::read_dir(&path) {
                Ok(entries) => entries,
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
                Err(error) => return Err(error),
            };
            let mut attempts = Vec::new();
            for entry in entries {
                let name = entry?.file_name();
                let attempt = name.to_str().and_then(|name| Attempt::from_file_name(run, name));
                attempts.extend(attempt.filter(|attempt| job.is_none_or(|job| attempt.job.job == job)));
            }
            attempts.sort();
            Ok(attempts)
        };
        list().map_err(|source| ReadError { path: path.clone(), source })
    }

    /// The next piece of a log from `offset` on, at most [`LOG_CHUNK_BYTES_MAX`]; empty: there is no more now.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub(crate) fn read(&self, attempt: &Attempt, offset: u64) -> Result<Vec<u8>, ReadError> {
        let path = self.directory.join(attempt.path());
        let read = || -> io::Result<Vec<u8>> {
            let file = File::open(&path)?;
            let end = match self.durable_bytes(attempt) {
                Some(durable) => durable,
                None => file.metadata()?.len(),
            };
            let length = end.saturating_sub(offset).min(LOG_CHUNK_BYTES_MAX as u64);
            let mut piece = vec![0; usize::try_from(length).unwrap_or(LOG_CHUNK_BYTES_MAX)];
            file.read_exact_at(&mut piece, offset)?;
            Ok(piece)
        };
        read().map_err(|source| ReadError { path: path.clone(), source })
    }
}
