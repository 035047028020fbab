//! [`Uploads`]: content that is arriving piece by piece, and may go on over another connection where it was cut.

use std::collections::HashMap;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use muster_common::limits::BLOB_BYTES_MAX;
use muster_service::blob::content::Hasher;
use muster_service::blob::resource::WriteName;
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::disk::DiskBlobs;
use super::error::BlobError;

/// The uploads of one coordinator. Cheap to clone. They end with the process: a client then begins anew.
#[derive(Clone, Debug)]
pub struct Uploads {
    blobs: DiskBlobs,
    open: Arc<Mutex<HashMap<WriteName, Open>>>,
}

#[derive(Clone, Debug)]
struct Open {
    arriving: Arc<Mutex<Arriving>>,
    used: Instant,
}

/// What has arrived of one upload.
#[derive(Debug)]
struct Arriving {
    path: PathBuf,
    hasher: Hasher,
    stored: u64,
    /// Whether it has become a blob or was thrown away: whoever still holds it begins anew.
    is_ended: bool,
}

/// How far an upload is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UploadState {
    /// Bytes that are stored.
    pub stored: u64,
    /// Whether the blob is complete and durable.
    pub is_complete: bool,
}

impl Uploads {
    /// Uploads into `blobs`.
    #[must_use]
    pub fn new(blobs: DiskBlobs) -> Self {
        Self { blobs, open: Arc::default() }
    }

    /// How far an upload is; none if there is no such upload and no such blob.
    ///
    /// # Errors
    /// If the disk fails.
    pub async fn state(&self, name: &WriteName) -> Result<Option<UploadState>, BlobError> {
        if self.blobs.contains(name.digest).await? {
            return Ok(Some(UploadState { stored: name.digest.size_bytes, is_complete: true }));
        }
        let open = self.open.lock().await.get(name).cloned();
        match open {
            Some(open) => Ok(Some(UploadState { stored: open.arriving.lock().await.stored, is_complete: false })),
            None => Ok(None),
        }
    }

    /// Stores the piece of an upload that begins at `offset`. Says how many bytes are stored then.
    ///
    /// # Errors
    /// If it does not go on where the last piece ended, exceeds the blob's size, or the disk is full or fails.
    pub async fn append(&self, name: &WriteName, offset: u64, piece: Vec<u8>) -> Result<u64, BlobError> {
        let arriving = self.begun(name).await?;
        let mut arriving = arriving.lock_owned().await;
        if offset != arriving.stored || arriving.is_ended {
            return Err(BlobError::Offset { offset, stored: arriving.stored });
        }
        if arriving.stored + piece.len() as u64 > name.digest.size_bytes {
            drop(arriving);
            self.forget(name).await;
            return Err(BlobError::TooLarge { digest: name.digest, bytes_max: name.digest.size_bytes });
        }
        let write = move || {
            let outcome = arriving.write(&piece);
            (arriving, outcome)
        };
        let (arriving, outcome) = tokio::task::spawn_blocking(write).await.map_err(|_| BlobError::Stopping)?;
        let stored = arriving.stored;
        if let Err(error) = outcome {
            let path = arriving.path.clone();
            drop(arriving);
            // How much of the piece was written is not known.
            self.forget(name).await;
            return Err(self.blobs.error(&path, error));
        }
        Ok(stored)
    }

    /// Ends an upload: makes the blob durable if its content is what its digest says, and throws it away otherwise.
    ///
    /// # Errors
    /// If the content is another, or the disk is full or fails.
    pub async fn finish(&self, name: &WriteName) -> Result<(), BlobError> {
        let arriving = self.begun(name).await?;
        let mut arriving = arriving.lock().await;
        arriving.is_ended = true;
        let actual = arriving.hasher.clone().finish();
        let published = if actual == name.digest {
            self.blobs.publish(arriving.path.clone(), name.digest).await
        } else {
            Err(BlobError::WrongContent { expected: name.digest, actual })
        };
        drop(arriving);
        self.forget(name).await;
        published
    }

    /// The upload, begun now if it was not.
    async fn begun(&self, name: &WriteName) -> Result<Arc<Mutex<Arriving>>, BlobError> {
        let mut all = self.open.lock().await;
        let now = Instant::now();
        if let Some(open) = all.get_mut(name) {
            open.used = now;
            return Ok(Arc::clone(&open.arriving));
        }
        if name.digest.size_bytes > BLOB_BYTES_MAX {
            return Err(BlobError::TooLarge { digest: name.digest, bytes_max: BLOB_BYTES_MAX });
        }
        let idle: Vec<WriteName> = all
            .iter()
            .filter(|(_, open)| now.duration_since(open.used) > IDLE_MAX)
            .map(|(name, _)| name.clone())
            .collect();
        for name in idle {
            discard(all.remove(&name)).await;
        }
        if all.len() == UPLOADS_MAX {
            return Err(BlobError::TooManyUploads { uploads_max: UPLOADS_MAX });
        }
        self.blobs.check_room(name.digest.size_bytes).await?;
        let arriving = Arriving { path: self.blobs.new_path(), hasher: Hasher::default(), stored: 0, is_ended: false };
        let open = Open { arriving: Arc::new(Mutex::new(arriving)), used: now };
        let arriving = Arc::clone(&open.arriving);
        all.insert(name.clone(), open);
        Ok(arriving)
    }

    async fn forget(&self, name: &WriteName) {
        let open = self.open.lock().await.remove(name);
        discard(open).await;
    }
}

impl Arriving {
    fn write(&mut self, piece: &[u8]) -> std::io::Result<()> {
        OpenOptions::new().append(true).create(true).open(&self.path)?.write_all(piece)?;
        self.hasher.update(piece);
        self.stored += piece.len() as u64;
        Ok(())
    }
}

/// Removes the file of an upload, unless it has become a blob.
async fn discard(open: Option<Open>) {
    if let Some(open) = open {
        let mut arriving = open.arriving.lock().await;
        arriving.is_ended = true;
        // Nothing is lost if it cannot be removed: it is when the coordinator starts again.
        drop(tokio::fs::remove_file(&arriving.path).await);
    }
}

/// Uploads that have begun and not ended.
const UPLOADS_MAX: usize = 1_024;
/// How long an upload may stand still before another may take its place.
const IDLE_MAX: Duration = Duration::from_secs(10 * 60);
