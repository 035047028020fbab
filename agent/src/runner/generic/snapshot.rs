//! Result files that were there before a run, told from those that the run wrote.
//!
//! Files are not removed: a pattern may also match what belongs to the workspace. A file counts as new if anything of its
//! identity has changed; the file system's clock is coarse, so a snapshot waits until its youngest file is older than a
//! tick, and a later write cannot carry the same time.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use muster_common::error_code::ReasonCode;

use crate::report::files::{FilesError, matching_files};
use crate::runner::failure::RunnerFailure;

/// The result files of a moment.
#[derive(Debug, Default)]
pub(in crate::runner) struct Snapshot {
    files: BTreeMap<PathBuf, Identity>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Identity {
    device: u64,
    inode: u64,
    bytes: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Snapshot {
    /// What the patterns match beneath `directory` now.
    pub(in crate::runner) async fn take(directory: &Path, patterns: &[String]) -> Result<Self, RunnerFailure> {
        let files = look(directory, patterns)?;
        let youngest = files.values().map(|identity| identity.changed).max();
        let tick_ago =
            SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().saturating_sub(CLOCK_TICK);
        if youngest
            .is_some_and(|(seconds, _)| u64::try_from(seconds).is_ok_and(|seconds| seconds >= tick_ago.as_secs()))
        {
            tokio::time::sleep(CLOCK_TICK).await;
        }
        Ok(Self { files })
    }

    /// What has been written since, in the order of names.
    pub(in crate::runner) fn newer(
        &self,
        directory: &Path,
        patterns: &[String],
    ) -> Result<Vec<PathBuf>, RunnerFailure> {
        let now = look(directory, patterns)?;
        Ok(now
            .into_iter()
            .filter(|(path, identity)| self.files.get(path) != Some(identity))
            .map(|(path, _)| path)
            .collect())
    }
}

fn look(directory: &Path, patterns: &[String]) -> Result<BTreeMap<PathBuf, Identity>, RunnerFailure> {
    let found = matching_files(directory, patterns).map_err(|error| match error {
        FilesError::Pattern { .. } => RunnerFailure::user(ReasonCode::ResultsMissing, error.to_string()),
        FilesError::TooMany { .. } => RunnerFailure::user(ReasonCode::LimitExceeded, error.to_string()),
    })?;
    let identify = |path: PathBuf| {
        let metadata = path.metadata().ok()?;
        let identity = Identity {
            device: metadata.dev(),
            inode: metadata.ino(),
            bytes: metadata.size(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        };
        Some((path, identity))
    };
    Ok(found.into_iter().filter_map(identify).collect())
}

/// No file system clock that Linux offers is coarser in practice than this.
const CLOCK_TICK: Duration = Duration::from_millis(20);
