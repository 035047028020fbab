//! [`DiskBlobs`]: blobs in a directory.

use std::collections::{HashMap, HashSet};
use std::fs::{self, File};
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use muster_common::digest::Digest;
use muster_common::limits::BLOB_BYTES_MAX;
use muster_service::blob::content::{EMPTY, digest_of, digest_of_reader};
use tokio::sync::Semaphore;

use super::error::BlobError;
use super::files::Files;

/// Blobs in a directory. Cheap to clone.
///
/// What is written is durable when the call returns. The same blob may be written by many at one time. The empty blob
/// always exists. A blob is checked against its digest when it is first read in a process's life.
#[derive(Clone, Debug)]
pub struct DiskBlobs(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    files: Files,
    verified: Mutex<HashSet<[u8; 32]>>,
    threads: Semaphore,
}

/// Where blobs are, and how much room they leave.
#[derive(Clone, Debug)]
pub struct DiskSettings {
    /// The directory.
    pub directory: PathBuf,
    /// Bytes of the file system that blobs never use.
    pub free_bytes_min: u64,
}

impl DiskSettings {
    /// Blobs in `directory`, with the usual reserve.
    #[must_use]
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Self { directory: directory.into(), free_bytes_min: FREE_BYTES_MIN_DEFAULT }
    }
}

impl DiskBlobs {
    /// Opens the directory, which is made if need be. Only one process may have it open.
    ///
    /// # Errors
    /// If it cannot be made or read, or another process has it open.
    pub async fn open(settings: DiskSettings) -> Result<Self, BlobError> {
        let open = move || Files::open(&settings.directory, settings.free_bytes_min);
        let files = tokio::task::spawn_blocking(open).await.map_err(|_| BlobError::Stopping)??;
        Ok(Self(Arc::new(Inner { files, verified: Mutex::default(), threads: Semaphore::new(THREADS_MAX) })))
    }

    /// Whether a blob is stored.
    ///
    /// # Errors
    /// If the disk fails.
    pub async fn contains(&self, digest: Digest) -> Result<bool, BlobError> {
        Ok(self.missing(vec![digest]).await?.is_empty())
    }

    /// Those of `digests` that are not stored, each once.
    ///
    /// # Errors
    /// If the disk fails.
    pub async fn missing(&self, mut digests: Vec<Digest>) -> Result<Vec<Digest>, BlobError> {
        self.blocking(move |inner| {
            digests.sort_unstable();
            digests.dedup();
            let mut missing = Vec::new();
            for digest in digests {
                if digest != EMPTY && !inner.files.has(&digest)? {
                    missing.push(digest);
                }
            }
            Ok(missing)
        })
        .await
    }

    /// The content of a blob of at most `bytes_max` bytes.
    ///
    /// # Errors
    /// If it is not stored, too large or damaged, or the disk fails.
    pub async fn read(&self, digest: Digest, bytes_max: u64) -> Result<Bytes, BlobError> {
        if digest.size_bytes > bytes_max {
            return Err(BlobError::TooLarge { digest, bytes_max });
        }
        self.blocking(move |inner| inner.read(&digest)).await
    }

    /// The contents of small blobs, in the order of `digests`.
    pub(crate) async fn read_many(
        &self,
        digests: Vec<Digest>,
    ) -> Result<Vec<(Digest, Result<Bytes, BlobError>)>, BlobError> {
        self.blocking(move |inner| Ok(digests.into_iter().map(|digest| (digest, inner.read(&digest))).collect())).await
    }

    /// Opens a blob to be read piece by piece from `offset` on; none for the empty blob.
    pub(crate) async fn open_at(&self, digest: Digest, offset: u64) -> Result<Option<File>, BlobError> {
        self.blocking(move |inner| {
            if digest == EMPTY {
                return Ok(None);
            }
            let mut file = inner.open_verified(&digest)?;
            file.seek(SeekFrom::Start(offset)).map_err(|error| inner.files.error(&inner.files.blob(&digest), error))?;
            Ok(Some(file))
        })
        .await
    }

    /// Reads the next piece of an open blob; an empty one at its end.
    pub(crate) async fn read_piece(&self, mut file: File, bytes_max: usize) -> Result<(File, Vec<u8>), BlobError> {
        self.blocking(move |inner| {
            let mut piece = Vec::with_capacity(bytes_max);
            (&mut file)
                .take(bytes_max as u64)
                .read_to_end(&mut piece)
                .map_err(|error| inner.files.error(Path::new("an open blob"), error))?;
            Ok((file, piece))
        })
        .await
    }

    /// Stores content and says its digest.
    ///
    /// # Errors
    /// If it is too large, the disk is full or fails.
    pub async fn write(&self, content: impl Into<Bytes>) -> Result<Digest, BlobError> {
        let content = content.into();
        let digest = digest_of(&content);
        let mut outcomes = self.write_many(vec![(digest, content)]).await?;
        outcomes.pop().map_or(Ok(()), |(_, outcome)| outcome)?;
        Ok(digest)
    }

    /// Stores contents under the digests that they are said to have; each may fail for itself.
    pub(crate) async fn write_many(
        &self,
        contents: Vec<(Digest, Bytes)>,
    ) -> Result<Vec<(Digest, Result<(), BlobError>)>, BlobError> {
        self.blocking(move |inner| Ok(inner.write_many(&contents))).await
    }

    /// Removes a blob; that it is not stored is no error. Whoever needs it finds it missing afterwards.
    ///
    /// # Errors
    /// If the disk fails.
    pub async fn delete(&self, digest: Digest) -> Result<(), BlobError> {
        self.blocking(move |inner| {
            inner.verified().remove(&digest.hash);
            inner.files.delete(&digest)
        })
        .await
    }

    /// Makes a complete file from [`DiskBlobs::new_path`] a blob.
    pub(crate) async fn publish(&self, path: PathBuf, digest: Digest) -> Result<(), BlobError> {
        self.blocking(move |inner| {
            inner.files.publish(&[(path, digest)])?;
            inner.note_verified(&digest);
            Ok(())
        })
        .await
    }

    /// A path in the directory for content that is not complete.
    pub(crate) fn new_path(&self) -> PathBuf {
        self.0.files.new_path()
    }

    /// Refuses if `bytes` more would leave too little room.
    pub(crate) async fn check_room(&self, bytes: u64) -> Result<(), BlobError> {
        self.blocking(move |inner| inner.files.check_room(bytes)).await
    }

    /// The error for a failure at `path`.
    pub(crate) fn error(&self, path: &Path, source: std::io::Error) -> BlobError {
        self.0.files.error(path, source)
    }

    /// Runs work that blocks, on one of a bounded number of threads.
    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Inner) -> Result<T, BlobError> + Send + 'static,
    ) -> Result<T, BlobError> {
        let _thread = self.0.threads.acquire().await.map_err(|_| BlobError::Stopping)?;
        let inner = Arc::clone(&self.0);
        tokio::task::spawn_blocking(move || work(&inner)).await.map_err(|_| BlobError::Stopping)?
    }
}

impl Inner {
    fn read(&self, digest: &Digest) -> Result<Bytes, BlobError> {
        if *digest == EMPTY {
            return Ok(Bytes::new());
        }
        let path = self.files.blob(digest);
        let mut content = Vec::with_capacity(usize::try_from(digest.size_bytes).unwrap_or(0));
        self.open_sized(digest)?.read_to_end(&mut content).map_err(|error| self.files.error(&path, error))?;
        if !self.verified().contains(&digest.hash) {
            self.check(digest, digest_of(&content))?;
        }
        Ok(content.into())
    }

    fn open_verified(&self, digest: &Digest) -> Result<File, BlobError> {
        let mut file = self.open_sized(digest)?;
        if !self.verified().contains(&digest.hash) {
            let actual = digest_of_reader(&mut file);
            self.check(digest, actual.map_err(|error| self.files.error(&self.files.blob(digest), error))?)?;
        }
        Ok(file)
    }

    fn open_sized(&self, digest: &Digest) -> Result<File, BlobError> {
        let path = self.files.blob(digest);
        let file = match File::open(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Err(BlobError::NotFound(*digest)),
            opened => opened.map_err(|error| self.files.error(&path, error))?,
        };
        let size = file.metadata().map_err(|error| self.files.error(&path, error))?.len();
        // Either its size is not what its reader thinks, or it was cut off. The next one with the right size will tell.
        if size == digest.size_bytes { Ok(file) } else { Err(BlobError::NotFound(*digest)) }
    }

    fn check(&self, expected: &Digest, actual: Digest) -> Result<(), BlobError> {
        if actual == *expected {
            self.note_verified(expected);
            return Ok(());
        }
        self.files.set_aside(expected)?;
        Err(BlobError::Damaged(*expected))
    }

    fn write_many(&self, contents: &[(Digest, Bytes)]) -> Vec<(Digest, Result<(), BlobError>)> {
        let mut written: HashMap<Digest, PathBuf> = HashMap::new();
        let mut outcomes = Vec::with_capacity(contents.len());
        for (digest, content) in contents {
            let outcome = if written.contains_key(digest) { Ok(None) } else { self.write_new(digest, content) };
            outcomes.push((
                *digest,
                outcome.map(|path| {
                    written.extend(path.map(|path| (*digest, path)));
                }),
            ));
        }
        let files: Vec<(PathBuf, Digest)> = written.into_iter().map(|(digest, path)| (path, digest)).collect();
        if let Err(error) = self.files.publish(&files) {
            tracing::error!(error = &error as &dyn std::error::Error, "cannot make blobs durable");
            for (path, _) in &files {
                drop(fs::remove_file(path));
            }
            for (digest, outcome) in &mut outcomes {
                if outcome.is_ok() {
                    *outcome = Err(self.as_failure_of(&error, digest));
                }
            }
            return outcomes;
        }
        for (_, digest) in &files {
            self.note_verified(digest);
        }
        outcomes
    }

    /// Writes content that is not stored yet into a new file; none if there is nothing to be done.
    fn write_new(&self, digest: &Digest, content: &Bytes) -> Result<Option<PathBuf>, BlobError> {
        if digest.size_bytes > BLOB_BYTES_MAX {
            return Err(BlobError::TooLarge { digest: *digest, bytes_max: BLOB_BYTES_MAX });
        }
        let actual = digest_of(content);
        if actual != *digest {
            return Err(BlobError::WrongContent { expected: *digest, actual });
        }
        if *digest == EMPTY || self.files.has(digest)? {
            return Ok(None);
        }
        self.files.check_room(digest.size_bytes)?;
        let path = self.files.new_path();
        match fs::write(&path, content) {
            Ok(()) => Ok(Some(path)),
            Err(error) => {
                drop(fs::remove_file(&path));
                Err(self.files.error(&path, error))
            }
        }
    }

    /// What a failure to make a batch durable is for each of its blobs.
    fn as_failure_of(&self, error: &BlobError, digest: &Digest) -> BlobError {
        match error {
            BlobError::DiskFull { directory } => BlobError::DiskFull { directory: directory.clone() },
            other => self.files.error(&self.files.blob(digest), std::io::Error::other(other.to_string())),
        }
    }

    fn note_verified(&self, digest: &Digest) {
        let mut verified = self.verified();
        if verified.len() == VERIFIED_MAX {
            verified.clear();
        }
        verified.insert(digest.hash);
    }

    fn verified(&self) -> std::sync::MutexGuard<'_, HashSet<[u8; 32]>> {
        self.verified.lock().expect("nothing panics while it is held")
    }
}

/// Room that blobs leave on their file system where the configuration names none.
pub const FREE_BYTES_MIN_DEFAULT: u64 = 256 << 20;
const THREADS_MAX: usize = 16;
/// Hashes that are remembered as checked, 32 bytes each. Over it all are forgotten, and checked again when they are read.
const VERIFIED_MAX: usize = 1 << 20;
