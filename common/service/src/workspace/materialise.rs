//! [`materialise`]: makes a directory of trees that are stored at the coordinator.

use std::io;
use std::path::Path;
use std::sync::Arc;

use muster_common::digest::Digest;

use super::cache::BlobCache;
use super::fetch::{blocking, visit_each};
use super::path::{PathError, TreePath};
use super::placement::Placer;
use super::plan::Plan;
use super::root::Root;
use super::tree::DirectoryError;
use crate::blob::{BlobClient, DownloadError};

/// A tree, and where it is to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layer {
    /// Digest of its root's `Directory` message.
    pub root: Digest,
    /// Folder beneath the target into which it is laid.
    pub path: TreePath,
    /// How its files are made.
    pub placement: Placement,
}

/// How files are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placement {
    /// Each a file of its own, which a job may write to.
    Copy,
    /// Read-only names of the cache's own files, where that can be. For large things that no job writes to.
    Link,
}

/// What was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Materialised {
    /// Number of files.
    pub files: u64,
    /// Bytes of all files.
    pub bytes: u64,
    /// Bytes that were not in the cache, of files and directories.
    pub fetched_bytes: u64,
}

/// A directory could not be made. What was made of it so far is still there.
#[derive(Debug, thiserror::Error)]
pub enum MaterialiseError {
    /// A blob could not be fetched.
    #[error(transparent)]
    Download(#[from] DownloadError),
    /// A directory of a tree is not sound.
    #[error("directory {digest} of the tree is not sound")]
    Directory {
        /// Digest of the directory's message.
        digest: Digest,
        /// What is wrong with it.
        source: DirectoryError,
    },
    /// A path cannot be in a workspace.
    #[error(transparent)]
    Path(#[from] PathError),
    /// A folder and a file would have to be at one place.
    #[error("{0} is a folder in one of the trees that are laid over each other, and a file or link in another")]
    Conflict(TreePath),
    /// A link leads out.
    #[error("the symbolic link {path} -> {target} leads out of the workspace")]
    LinkEscapes {
        /// The link.
        path: TreePath,
        /// Where it leads.
        target: String,
    },
    /// There are too many files and folders.
    #[error("the workspace has more than {entries_max} files and folders")]
    TooMany {
        /// The bound.
        entries_max: usize,
    },
    /// The files are too large together.
    #[error("the files of the workspace have more than {bytes_max} bytes together")]
    TooLarge {
        /// The bound.
        bytes_max: u64,
    },
    /// Something cannot be written.
    #[error("cannot write {path} of the workspace")]
    Write {
        /// What.
        path: TreePath,
        /// Why.
        source: io::Error,
    },
    /// The target directory cannot be made or opened.
    #[error("cannot make the directory {path} for the workspace")]
    Target {
        /// The directory.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// Something cannot be read from the cache.
    #[error("cannot read blob {digest} from the cache")]
    Cache {
        /// What.
        digest: Digest,
        /// Why.
        source: io::Error,
    },
    /// The process is ending.
    #[error("the making of the workspace was stopped")]
    Stopped(#[source] tokio::task::JoinError),
}

impl MaterialiseError {
    /// Whether there was no room left on this machine's disk.
    #[must_use]
    pub fn is_disk_full(&self) -> bool {
        let (Self::Write { source, .. }
        | Self::Target { source, .. }
        | Self::Cache { source, .. }
        | Self::Download(DownloadError::Write { source, .. })) = self
        else {
            return false;
        };
        matches!(source.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
    }
}

/// Makes `layers`, each laid over those before it, in the directory `target`, which is made if need be. A file takes the
/// place of a file or link that a layer before, or an earlier call, has put there; folders are united.
///
/// # Errors
/// If something cannot be fetched, is not sound, or cannot be written.
pub async fn materialise(
    client: &BlobClient,
    cache: &BlobCache,
    layers: &[Layer],
    target: &Path,
) -> Result<Materialised, MaterialiseError> {
    let (plan, mut fetched_bytes) = Plan::load(client, cache, layers).await?;
    let placer = {
        let (target, cache) = (target.to_owned(), cache.clone());
        blocking(move || {
            let open = || std::fs::create_dir_all(&target).and_then(|()| Root::open(&target));
            let root =
                open().map_err(|source| MaterialiseError::Target { path: target.display().to_string(), source })?;
            let placer = Placer::new(root, cache, plan);
            placer.make_directories()?;
            Ok(Arc::new(placer))
        })
        .await?
    };
    let visit = {
        let placer = Arc::clone(&placer);
        move |digest: &Digest, content| placer.place(digest, content)
    };
    fetched_bytes += visit_each(client, cache, placer.digests(), Arc::new(visit)).await?;
    let (files, bytes) = placer.size();
    blocking(move || placer.make_links()).await?;
    Ok(Materialised { files, bytes, fetched_bytes })
}
