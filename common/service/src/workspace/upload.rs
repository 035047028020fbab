//! Stores a directory, or what a job hands over of it, at the coordinator.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use muster_common::digest::Digest;

use super::collect::collect;
use super::hashing::hash_files;
use super::listing::{ListError, Listing};
use super::progress::{Phase, Progress, ProgressSink};
use super::root::Root;
use super::scan::{ScanOptions, scan};
use super::tree::Tree;
use crate::blob::{BlobClient, UploadError};

/// A directory that is stored at the coordinator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UploadedWorkspace {
    /// Digest of its root's `Directory` message.
    pub root: Digest,
    /// Number of its files.
    pub files: u64,
    /// Bytes of its files.
    pub bytes: u64,
    /// Bytes that the coordinator did not have.
    pub uploaded_bytes: u64,
    /// Paths of sockets, pipes and devices in it, which were left out; worth a warning.
    pub left_out: Vec<String>,
}

/// A directory could not be stored.
#[derive(Debug, thiserror::Error)]
pub enum WorkspaceError {
    /// It could not be listed or read.
    #[error(transparent)]
    List(#[from] ListError),
    /// The coordinator did not take it.
    #[error(transparent)]
    Upload(#[from] UploadError),
    /// It changes all the time.
    #[error(
        "{0} changed again and again while the workspace was being uploaded; stop what writes to it, or name it in .musterignore"
    )]
    Changing(String),
}

/// Stores the directory at `path` as [`scan`] lists it. Only what the coordinator does not have is sent; what changes
/// meanwhile is read again, a few times.
///
/// # Errors
/// If the directory cannot be listed or read, keeps changing, or the coordinator does not take it.
pub async fn upload_workspace(
    client: &BlobClient,
    path: &Path,
    options: &ScanOptions,
    progress: ProgressSink,
) -> Result<UploadedWorkspace, WorkspaceError> {
    let options = options.clone();
    let what = move |root: &Root| {
        let left_out = options.left_out.iter().map(|path| path.canonicalize().unwrap_or_else(|_| path.clone()));
        scan(root.path(), &ScanOptions { left_out: left_out.collect() })
    };
    store(client, path, Arc::new(what), progress).await
}

/// Stores what `patterns` name beneath the directory `path`, as [`collect`] lists it.
///
/// # Errors
/// If nothing is found, it cannot be read, keeps changing, or the coordinator does not take it.
pub async fn upload_artifact(
    client: &BlobClient,
    path: &Path,
    patterns: &[String],
    progress: ProgressSink,
) -> Result<UploadedWorkspace, WorkspaceError> {
    let patterns = patterns.to_vec();
    store(client, path, Arc::new(move |root: &Root| collect(root, &patterns)), progress).await
}

type Lister = Arc<dyn Fn(&Root) -> Result<Listing, ListError> + Send + Sync>;

async fn store(
    client: &BlobClient,
    path: &Path,
    lister: Lister,
    progress: ProgressSink,
) -> Result<UploadedWorkspace, WorkspaceError> {
    let mut tries = 0;
    loop {
        tries += 1;
        let (tree, left_out) = match read(path.to_owned(), Arc::clone(&lister), Arc::clone(&progress)).await {
            Ok(read) => read,
            Err(ListError::Read { source, .. }) if is_gone(&source) && tries < TRIES_MAX => continue,
            Err(error) => return Err(error.into()),
        };
        let (root, files, bytes) = (tree.root, tree.files, tree.bytes);
        match send(client, tree, &progress).await {
            Ok(uploaded_bytes) => {
                return Ok(UploadedWorkspace { root, files, bytes, uploaded_bytes, left_out });
            }
            Err(UploadError::Changed(path)) if tries == TRIES_MAX => return Err(WorkspaceError::Changing(path)),
            Err(UploadError::Changed(_) | UploadError::Read { .. }) if tries < TRIES_MAX => {}
            Err(error) => return Err(error.into()),
        }
    }
}

async fn read(path: PathBuf, lister: Lister, progress: ProgressSink) -> Result<(Tree, Vec<String>), ListError> {
    let shown = path.display().to_string();
    let work = move || {
        let open = || Root::open(&path.canonicalize()?);
        let root = open().map_err(|source| ListError::Read { path: path.display().to_string(), source })?;
        let listing = lister(&root)?;
        let hashed = hash_files(&root, &listing.entries, &progress)?;
        Ok((Tree::new(Arc::new(root), &listing.entries, &hashed), listing.left_out))
    };
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| ListError::Read { path: shown, source: std::io::Error::other(error) })?
}

async fn send(client: &BlobClient, tree: Tree, progress: &ProgressSink) -> Result<u64, UploadError> {
    let digests = tree.digests();
    let bytes_total = digests.iter().map(|digest| digest.size_bytes).sum();
    let done = AtomicU64::new(0);
    let progress = Arc::clone(progress);
    let report = move |bytes: u64| {
        let bytes = done.fetch_add(bytes, Ordering::Relaxed) + bytes;
        progress(Progress { phase: Phase::Upload, files: 0, bytes, bytes_total });
    };
    client.upload(&digests, Arc::new(tree), Arc::new(report)).await
}

/// Whether something was listed and then removed before it was read. A missing workspace is gone on every try.
fn is_gone(error: &std::io::Error) -> bool {
    error.kind() == std::io::ErrorKind::NotFound
}

const TRIES_MAX: u32 = 3;
