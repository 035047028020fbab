//! Builds that were made elsewhere, laid out once for all shards of this agent that run their tests.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use muster_common::digest::Digest;
use muster_service::blob::BlobClient;
use muster_service::workspace::{BlobCache, Layer, MaterialiseError, Placement, TreePath, materialise, remove_tree};
use tokio::sync::{Mutex, OwnedMutexGuard};

/// The laid-out builds of an agent.
#[derive(Clone, Debug)]
pub(crate) struct SharedBuilds {
    folder: PathBuf,
    table: Arc<std::sync::Mutex<BTreeMap<Digest, Arc<Mutex<Slot>>>>>,
}

#[derive(Debug, Default)]
struct Slot {
    is_ready: bool,
}

/// A laid-out build in use. The folder goes when nobody uses it any more and other builds have come since.
#[derive(Clone, Debug)]
pub(crate) struct SharedBuild {
    path: PathBuf,
    _slot: Arc<Mutex<Slot>>,
}

impl SharedBuilds {
    pub(crate) fn new(folder: PathBuf) -> Self {
        Self { folder, table: Arc::default() }
    }

    /// The build with this root directory; it is laid out if it is not there.
    ///
    /// # Errors
    /// If it cannot be laid out.
    pub(crate) async fn get(
        &self,
        root: Digest,
        blobs: &BlobClient,
        cache: &BlobCache,
    ) -> Result<SharedBuild, MaterialiseError> {
        self.remove_unused(root).await;
        let slot = {
            let mut table = self.table.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            Arc::clone(table.entry(root).or_default())
        };
        let path = self.path(root);
        let mut state = slot.lock().await;
        if !state.is_ready {
            // What an earlier life or a failed try has left is not trusted.
            remove(path.clone()).await;
            let layer = Layer { root, path: TreePath::root(), placement: Placement::Link };
            materialise(blobs, cache, &[layer], &path).await?;
            state.is_ready = true;
        }
        drop(state);
        Ok(SharedBuild { path, _slot: slot })
    }

    /// Removes builds that nobody uses, but for the one that is asked for now.
    async fn remove_unused(&self, wanted: Digest) {
        let unused: Vec<(Digest, OwnedMutexGuard<Slot>)> = {
            let table = self.table.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            table
                .iter()
                .filter(|(root, slot)| **root != wanted && Arc::strong_count(slot) == 1)
                .filter_map(|(root, slot)| Some((*root, Arc::clone(slot).try_lock_owned().ok()?)))
                .collect()
        };
        for (root, mut slot) in unused {
            slot.is_ready = false;
            remove(self.path(root)).await;
        }
    }

    fn path(&self, root: Digest) -> PathBuf {
        self.folder.join(root.hash_hex())
    }
}

impl SharedBuild {
    /// Where it is.
    pub(crate) fn path(&self) -> PathBuf {
        self.path.clone()
    }
}

async fn remove(path: PathBuf) {
    let shown = path.display().to_string();
    let removed = tokio::task::spawn_blocking(move || remove_tree(&path)).await;
    if let Ok(Err(error)) = removed {
        tracing::warn!(path = %shown, %error, "a build that is not used any more cannot be removed");
    }
}
