//! How far the handling of a workspace has come.

use std::sync::Arc;

/// What is being done, and how much of it is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// What is being done.
    pub phase: Phase,
    /// Files done so far.
    pub files: u64,
    /// Bytes done so far.
    pub bytes: u64,
    /// Bytes to be done; 0 as long as that is not known.
    pub bytes_total: u64,
}

/// What is being done with a workspace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Its files are read and hashed.
    Hash,
    /// What the coordinator does not have is sent; `files` stays 0.
    Upload,
}

/// Takes reports of progress. Called from any thread, often; must not block.
pub type ProgressSink = Arc<dyn Fn(Progress) + Send + Sync>;

/// A sink that drops every report.
#[must_use]
pub fn unwatched() -> ProgressSink {
    Arc::new(|_| ())
}
