//! What a runner is given of kept lists.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use muster_common::digest::Digest;
use muster_common::spec::Env;

use super::key::Key;
use super::store::Store;
use super::whole::Basis;

/// The lists that a runner may take from, and what their keys are made of. The default has none and keeps none.
#[derive(Clone, Debug, Default)]
pub struct Lists {
    store: Option<Store>,
    built: Arc<BTreeMap<PathBuf, Digest>>,
    variables: Arc<Env>,
    whole: Option<Basis>,
}

impl Lists {
    /// Lists in `store`, for a job that names `variables`.
    #[must_use]
    pub fn new(store: Store, variables: Env) -> Self {
        Self { store: Some(store), variables: Arc::new(variables), ..Self::default() }
    }

    /// With the digests of the files of the build that is laid out, by their paths beneath it.
    #[must_use]
    pub fn with_built(self, built: BTreeMap<PathBuf, Digest>) -> Self {
        Self { built: Arc::new(built), ..self }
    }

    /// With the list of the whole suite, which follows from `basis`.
    #[must_use]
    pub fn with_whole(self, basis: Basis) -> Self {
        Self { whole: Some(basis), ..self }
    }

    /// Whether lists are kept at all.
    pub(crate) const fn are_kept(&self) -> bool {
        self.store.is_some()
    }

    /// What the list of the whole suite follows from, if that is kept.
    pub(crate) fn whole(&self) -> Option<&Basis> {
        self.whole.as_ref().filter(|_| self.are_kept())
    }

    /// Variables that the job names.
    pub(crate) fn variables(&self) -> &Env {
        &self.variables
    }

    /// Digest of a file of the build; none where it is not known.
    pub(crate) fn built(&self, file: &Path) -> Option<&Digest> {
        self.built.get(file)
    }

    /// The names that are kept under `key`, if they were listed within `age_max`.
    pub(crate) async fn get(&self, key: Key, age_max: Duration) -> Option<Vec<String>> {
        let store = self.store.clone()?;
        tokio::task::spawn_blocking(move || store.get(&key, age_max)).await.ok().flatten()
    }

    /// Keeps `names`. What cannot be kept is listed again next time.
    pub(crate) async fn keep(&self, key: Key, names: Vec<String>) {
        let Some(store) = self.store.clone() else { return };
        let kept = tokio::task::spawn_blocking(move || store.put(&key, &names)).await;
        if let Ok(Err(error)) = kept {
            tracing::warn!(%error, "a list of tests cannot be kept");
        }
    }

    /// Forgets what is kept under `key`.
    pub(crate) async fn forget(&self, key: Key) {
        let Some(store) = self.store.clone() else { return };
        // Without it the list grows old.
        let _ = tokio::task::spawn_blocking(move || store.forget(&key)).await;
    }
}
