//! Whether a store holds what was acknowledged, the last unacknowledged commit wholly or not at all, and nothing else.

use std::path::Path;

use muster_coordinator::store::{Loaded, SledStore, Store as _};

use super::workload::{Acknowledged, Expected, newest_commit, options};

/// A promise is broken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Something that was acknowledged is not there.
    #[error("lost: {0}")]
    Lost(String),
    /// The rows are those of no commit.
    #[error("half: {0}")]
    Half(String),
    /// The store cannot be used.
    #[error("refused: {0}")]
    Refused(String),
}

/// Opens the store as a coordinator would and looks. With `goes_on`, it also writes, and looks again.
///
/// # Errors
/// If a promise is broken.
pub fn check(dir: &Path, acknowledged: Acknowledged, expected: &mut Expected, goes_on: bool) -> Result<(), Fault> {
    let mut store = SledStore::at(dir, options());
    let loaded = store.load().map_err(|error| refused(&error))?;
    let commit = judge(&loaded, acknowledged, expected)?;
    if goes_on {
        let written = go_on(&mut store, &loaded, commit, expected)?;
        drop(store);
        let loaded = SledStore::at(dir, options()).load().map_err(|error| refused(&error))?;
        judge(&loaded, written, expected)?;
    }
    Ok(())
}

/// The number of the commit whose rows were loaded.
///
/// # Errors
/// If it is older than the newest that was acknowledged, or none.
pub fn judge(loaded: &Loaded, acknowledged: Acknowledged, expected: &mut Expected) -> Result<u64, Fault> {
    let (commit, epoch) = (newest_commit(&loaded.rows), loaded.epoch.0);
    let Acknowledged { epoch: epoch_min, commit: commit_min } = acknowledged;
    if commit < commit_min || epoch < epoch_min {
        let what =
            format!("commit {commit} of epoch {epoch} is the newest, {commit_min} of {epoch_min} was acknowledged");
        return Err(Fault::Lost(what));
    }
    if commit > commit_min + 1 || epoch > epoch_min + 1 {
        let what = format!("commit {commit} of epoch {epoch} is there, only {commit_min} of {epoch_min} was made");
        return Err(Fault::Half(what));
    }
    let rows = expected.at(commit);
    let found = loaded.rows.iter().map(|(key, value)| (key, value));
    if !found.eq(rows) {
        return Err(Fault::Half(format!("the rows are not those of commit {commit}")));
    }
    Ok(commit)
}

fn go_on(store: &mut SledStore, loaded: &Loaded, commit: u64, expected: &Expected) -> Result<Acknowledged, Fault> {
    let epoch = store.raise_epoch().map_err(|error| refused(&error))?;
    if epoch <= loaded.epoch {
        return Err(Fault::Lost(format!("epoch {epoch} follows epoch {}", loaded.epoch)));
    }
    for commit in commit + 1..=commit + COMMITS {
        let batch = expected.workload().batch(commit);
        store.commit(epoch, batch).map(drop).map_err(|error| refused(&error))?;
    }
    Ok(Acknowledged { epoch: epoch.0, commit: commit + COMMITS })
}

/// The error with its causes, as a refusal.
pub(super) fn refused(error: &dyn std::error::Error) -> Fault {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    Fault::Refused(text)
}

const COMMITS: u64 = 3;
