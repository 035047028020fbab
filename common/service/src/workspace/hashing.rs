//! Reads the files of a listing, several at one time.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::thread;

use muster_common::digest::Digest;
use muster_common::limits::BLOB_BYTES_MAX;

use super::listing::{Entry, EntryKind, ListError};
use super::path::TreePath;
use super::progress::{Phase, Progress, ProgressSink};
use super::root::{self, Root};
use crate::blob::content::digest_of_reader;

/// A file that was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HashedFile {
    /// Its content.
    pub digest: Digest,
    /// Whether its owner may execute it.
    pub is_executable: bool,
}

/// Reads all files among `entries`; the result has one place for each entry, empty for what is not a file. Blocks.
///
/// # Errors
/// If a file cannot be read or is too large.
pub fn hash_files(
    root: &Root,
    entries: &[Entry],
    progress: &ProgressSink,
) -> Result<Vec<Option<HashedFile>>, ListError> {
    let shared = Shared {
        root,
        entries,
        progress,
        next: AtomicUsize::new(0),
        files: AtomicU64::new(0),
        bytes: AtomicU64::new(0),
        is_failed: AtomicBool::new(false),
        failure: Mutex::new(None),
    };
    let threads = thread::available_parallelism().map_or(1, usize::from).min(THREADS_MAX);
    let mut hashed = vec![None; entries.len()];
    thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(|| shared.work())).collect();
        for worker in workers {
            for (index, file) in worker.join().expect("hashing does not panic") {
                hashed[index] = Some(file);
            }
        }
    });
    match shared.failure.into_inner().expect("nothing panics while it is held") {
        Some(error) => Err(error),
        None => Ok(hashed),
    }
}

struct Shared<'a> {
    root: &'a Root,
    entries: &'a [Entry],
    progress: &'a ProgressSink,
    next: AtomicUsize,
    files: AtomicU64,
    bytes: AtomicU64,
    is_failed: AtomicBool,
    failure: Mutex<Option<ListError>>,
}

impl Shared<'_> {
    fn work(&self) -> Vec<(usize, HashedFile)> {
        let mut done = Vec::new();
        while !self.is_failed.load(Ordering::Relaxed) {
            let index = self.next.fetch_add(1, Ordering::Relaxed);
            let Some(entry) = self.entries.get(index) else { break };
            match entry.kind {
                EntryKind::Directory | EntryKind::Link(_) => continue,
                EntryKind::File => {}
            }
            match hash_file(self.root, &entry.path) {
                Ok(file) => {
                    self.report(&file);
                    done.push((index, file));
                }
                Err(source) => {
                    self.is_failed.store(true, Ordering::Relaxed);
                    let error = ListError::Read { path: shown(self.root, &entry.path), source };
                    self.failure.lock().expect("nothing panics while it is held").get_or_insert(error);
                }
            }
        }
        done
    }

    fn report(&self, file: &HashedFile) {
        let files = self.files.fetch_add(1, Ordering::Relaxed) + 1;
        let bytes = self.bytes.fetch_add(file.digest.size_bytes, Ordering::Relaxed) + file.digest.size_bytes;
        (self.progress)(Progress { phase: Phase::Hash, files, bytes, bytes_total: 0 });
    }
}

fn hash_file(root: &Root, path: &TreePath) -> std::io::Result<HashedFile> {
    let mut file = root.file(path)?;
    if file.metadata()?.len() > BLOB_BYTES_MAX {
        return Err(std::io::Error::other(format!("it is larger than {BLOB_BYTES_MAX} bytes")));
    }
    Ok(HashedFile { is_executable: root::is_executable(&file)?, digest: digest_of_reader(&mut file)? })
}

/// The path of something beneath `root`, for messages.
pub(crate) fn shown(root: &Root, path: &TreePath) -> String {
    root.path().join(path.as_str()).display().to_string()
}

const THREADS_MAX: usize = 8;
