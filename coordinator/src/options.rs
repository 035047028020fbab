//! What a coordinator is started with.

use std::path::PathBuf;

use muster_scheduler::Config;

use crate::blobs::disk::FREE_BYTES_MIN_DEFAULT;
use crate::grpc::Listen;
use crate::store::SledOptions;

/// What a coordinator is started with.
#[derive(Clone, Debug)]
pub struct Options {
    /// Its data directory, made if need be: rows, blobs, logs. Only one coordinator can use it at a time.
    pub data: PathBuf,
    /// Where it listens.
    pub listen: Listen,
    /// Whether plaintext may leave the machine.
    pub is_insecure_allowed: bool,
    /// Times and bounds by which the scheduler goes.
    pub scheduler: Config,
    /// Sizes of the store.
    pub store: SledOptions,
    /// Bytes of the file system that blobs never use.
    pub free_bytes_min: u64,
}

impl Options {
    /// Options with all defaults.
    #[must_use]
    pub fn new(data: impl Into<PathBuf>, listen: Listen) -> Self {
        Self {
            data: data.into(),
            listen,
            is_insecure_allowed: false,
            scheduler: Config::default(),
            store: SledOptions::default(),
            free_bytes_min: FREE_BYTES_MIN_DEFAULT,
        }
    }
}
