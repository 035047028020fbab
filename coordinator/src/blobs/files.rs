//! The layout of the directory of blobs, and how a file in it becomes durable.
//!
//! `ab/abcd…` holds the blob whose hash is `abcd…`; `new/` what is not complete, and is emptied at every start;
//! `damaged/` what was found to be another content than its name says.

use std::collections::{BTreeSet, HashSet};
use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard};

use muster_common::digest::Digest;
use nix::fcntl::{Flock, FlockArg, PosixFadviseAdvice, posix_fadvise};
use nix::sys::statvfs::statvfs;

use super::error::BlobError;

/// The directory of blobs, used by this process alone.
#[derive(Debug)]
pub(crate) struct Files {
    directory: PathBuf,
    free_bytes_min: u64,
    next_new: AtomicU64,
    /// Blobs whose names are there and not durable yet; those where that failed remain.
    publishing: Mutex<HashSet<Digest>>,
    /// Folders in which the names that earlier lives left are durable.
    settled: [AtomicBool; FOLDERS],
    _lock: Flock<File>,
}

impl Files {
    /// Makes the directory if need be, takes it for this process and clears what an earlier one did not complete.
    pub(crate) fn open(directory: &Path, free_bytes_min: u64) -> Result<Self, BlobError> {
        let error = |source| io_error(directory, source);
        for name in (0..=u8::MAX).map(|number| format!("{number:02x}")).chain([DAMAGED.to_owned()]) {
            fs::create_dir_all(directory.join(name)).map_err(error)?;
        }
        let lock = OpenOptions::new()
            .create(true)
            .write(true)
            .truncate(false)
            .open(directory.join("lock"))
            .and_then(|file| match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
                Ok(lock) => Ok(Some(lock)),
                Err((_, nix::errno::Errno::EWOULDBLOCK)) => Ok(None),
                Err((_, errno)) => Err(errno.into()),
            })
            .map_err(error)?
            .ok_or_else(|| BlobError::InUse(directory.display().to_string()))?;
        match fs::remove_dir_all(directory.join(NEW)) {
            Err(failure) if failure.kind() != io::ErrorKind::NotFound => return Err(error(failure)),
            Ok(()) | Err(_) => fs::create_dir(directory.join(NEW)).map_err(error)?,
        }
        sync_directory(directory)?;
        Ok(Self {
            directory: directory.to_owned(),
            free_bytes_min,
            next_new: AtomicU64::new(0),
            publishing: Mutex::default(),
            settled: [const { AtomicBool::new(false) }; FOLDERS],
            _lock: lock,
        })
    }

    /// Where a blob is, if it is there.
    pub(crate) fn blob(&self, digest: &Digest) -> PathBuf {
        let hash = digest.hash_hex();
        self.directory.join(&hash[..2]).join(hash)
    }

    /// Whether a blob is there with its size, durably.
    pub(crate) fn has(&self, digest: &Digest) -> Result<bool, BlobError> {
        let path = self.blob(digest);
        let is_there = match fs::metadata(&path) {
            Ok(status) => status.len() == digest.size_bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => false,
            Err(error) => return Err(self.error(&path, error)),
        };
        if !is_there || self.publishing().contains(digest) {
            return Ok(false);
        }
        // An earlier life may have been killed between a rename and the synchronisation that belongs to it.
        let is_settled = &self.settled[usize::from(digest.hash[0])];
        if !is_settled.load(Ordering::Acquire) {
            sync_directory(path.parent().unwrap_or(&self.directory))?;
            is_settled.store(true, Ordering::Release);
        }
        Ok(true)
    }

    /// A path for something new, which nothing else has.
    pub(crate) fn new_path(&self) -> PathBuf {
        self.directory.join(NEW).join(self.next_new.fetch_add(1, Ordering::Relaxed).to_string())
    }

    /// Refuses if the file system would be left with less than its reserve, which the coordinator's own state needs.
    pub(crate) fn check_room(&self, bytes: u64) -> Result<(), BlobError> {
        let status = statvfs(&self.directory).map_err(|errno| io_error(&self.directory, errno.into()))?;
        // Their widths differ between systems.
        #[allow(clippy::useless_conversion)]
        let free = u64::from(status.blocks_available()).saturating_mul(u64::from(status.fragment_size()));
        if free < self.free_bytes_min.saturating_add(bytes) { Err(self.full()) } else { Ok(()) }
    }

    /// Makes complete files from [`Files::new_path`] durable blobs. Their digests have been checked.
    ///
    /// The kernel is told to write all of them before the first is waited for, so that most of them have reached the disk
    /// in one go; each directory is synchronised once.
    pub(crate) fn publish(&self, files: &[(PathBuf, Digest)]) -> Result<(), BlobError> {
        let mut open = Vec::with_capacity(files.len());
        for (path, _) in files {
            let file = File::open(path).map_err(|error| self.error(path, error))?;
            // Only a hint: what it does not achieve, the synchronisation below does.
            let _ = posix_fadvise(&file, 0, 0, PosixFadviseAdvice::POSIX_FADV_DONTNEED);
            open.push(file);
        }
        for (file, (path, _)) in open.iter().zip(files) {
            file.sync_data().map_err(|error| self.error(path, error))?;
        }
        self.publishing().extend(files.iter().map(|(_, digest)| *digest));
        let mut directories = BTreeSet::new();
        for (path, digest) in files {
            let blob = self.blob(digest);
            fs::rename(path, &blob).map_err(|error| self.error(&blob, error))?;
            directories.extend(blob.parent().map(Path::to_owned));
        }
        directories.iter().try_for_each(|directory| sync_directory(directory))?;
        let mut publishing = self.publishing();
        for (_, digest) in files {
            publishing.remove(digest);
        }
        Ok(())
    }

    /// Takes a damaged blob out of the way.
    pub(crate) fn set_aside(&self, digest: &Digest) -> Result<(), BlobError> {
        let path = self.blob(digest);
        let aside = self.directory.join(DAMAGED).join(digest.hash_hex());
        fs::rename(&path, aside).map_err(|error| self.error(&path, error))
    }

    /// Removes a blob. That it is not there is no error.
    pub(crate) fn delete(&self, digest: &Digest) -> Result<(), BlobError> {
        let path = self.blob(digest);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(self.error(&path, error)),
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// The error for a failure at `path`.
    pub(crate) fn error(&self, path: &Path, source: io::Error) -> BlobError {
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => self.full(),
            _ => io_error(path, source),
        }
    }

    fn publishing(&self) -> MutexGuard<'_, HashSet<Digest>> {
        self.publishing.lock().expect("nothing panics while it is held")
    }

    fn full(&self) -> BlobError {
        BlobError::DiskFull { directory: self.directory.display().to_string() }
    }
}

fn sync_directory(directory: &Path) -> Result<(), BlobError> {
    File::open(directory).and_then(|file| file.sync_all()).map_err(|error| io_error(directory, error))
}

fn io_error(path: &Path, source: io::Error) -> BlobError {
    BlobError::Io { path: path.display().to_string(), source }
}

/// One for each first byte of a hash.
const FOLDERS: usize = 1 << u8::BITS;
const NEW: &str = "new";
const DAMAGED: &str = "damaged";
