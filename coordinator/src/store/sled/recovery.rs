//! Opens what the manifest names: the base, and the journals behind it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::base::{self, Identity};
use super::engine::{Engine, Fault};
use super::frame::Position;
use super::journal::Journal;
use super::layout;
use super::manifest::Manifest;
use super::original::Original;
use super::replay::{Replay, Replayed};
use crate::store::OpenError;
use crate::store::rows::Rows;

/// What has been opened.
pub(super) struct Found {
    /// The last journal, to be written on.
    pub(super) journal: Journal,
    pub(super) content: Replayed,
    /// sled could only read its files after some that it can do without were removed.
    pub(super) is_repaired: bool,
}

/// Opens everything. All that it holds is durable afterwards; when it is refused, its files are as they were.
pub(super) fn open(
    root: &Path,
    manifest: &Manifest,
    acknowledged: Position,
    cache_bytes: u64,
) -> Result<Found, OpenError> {
    let rows = read_base(root, manifest)?;
    let dirs = layout::journals(root, manifest);
    let failed = |source| OpenError::Io { action: "keep a copy of the journal in", path: root.to_owned(), source };
    let original = Original::keep(root, &dirs).map_err(failed)?;
    let attempt = |rows: Rows| read(&dirs, Replay::new(rows, manifest, acknowledged), manifest, cache_bytes);
    match (attempt(rows), original) {
        (Ok(found), Some(original)) => {
            original.discard().map_err(failed)?;
            Ok(found)
        }
        (Err(reason), Some(original)) => {
            let again = || attempt(read_base(root, manifest)?);
            repair(&dirs, original, again).map_err(failed)?.ok_or(reason)
        }
        (result, None) => result,
    }
}

/// Which base the manifest names.
pub(super) fn identity(manifest: &Manifest) -> Identity {
    let Manifest { store_id, generation, epoch, .. } = *manifest;
    Identity { store_id, generation, epoch }
}

fn read_base(root: &Path, manifest: &Manifest) -> Result<Rows, OpenError> {
    base::read(&layout::base(root, manifest.generation), identity(manifest), manifest.base)
}

fn read(dirs: &[PathBuf], mut replay: Replay, manifest: &Manifest, cache_bytes: u64) -> Result<Found, OpenError> {
    let Some((last, closed)) = dirs.split_last() else { unreachable!("a manifest names a journal") };
    for dir in closed {
        let engine = open_engine(dir, cache_bytes)?;
        replay.read(dir, engine.entries())?;
        if let Some(next) = manifest.next {
            replay.require_end(dir, next.before)?;
        }
    }
    let engine = open_engine(last, cache_bytes)?;
    replay.read(last, engine.entries())?;
    let content = replay.finish(last)?;
    Ok(Found { journal: Journal::new(engine, content.end, content.bytes), content, is_repaired: false })
}

fn open_engine(dir: &Path, cache_bytes: u64) -> Result<Engine, OpenError> {
    if !dir.join("db").is_file() {
        // sled would begin a new log.
        return Err(OpenError::Engine { dir: dir.to_owned(), detail: "its log file `db` is missing".to_owned() });
    }
    let refused = |fault: Fault| fault.into_open_error(dir);
    let engine = Engine::open(dir, cache_bytes).map_err(refused)?;
    engine.sync_all(dir).map_err(refused)?;
    Ok(engine)
}

/// Tries once more without sled's snapshots and settings, which it makes anew from its log and its defaults; the chain of
/// frames tells whether that is right. Otherwise all files are put back.
fn repair(
    dirs: &[PathBuf],
    original: Original,
    attempt: impl FnOnce() -> Result<Found, OpenError>,
) -> io::Result<Option<Found>> {
    original.put_back()?;
    for dir in dirs.iter().filter(|dir| dir.is_dir()) {
        for entry in fs::read_dir(dir)? {
            let entry = entry?;
            let name = entry.file_name();
            if name == "conf" || name.to_string_lossy().starts_with("snap.") {
                fs::remove_file(entry.path())?;
            }
        }
    }
    let Ok(found) = attempt() else {
        original.restore()?;
        return Ok(None);
    };
    original.discard()?;
    tracing::warn!(?dirs, "the storage engine's snapshots or settings were damaged and have been made anew");
    Ok(Some(Found { is_repaired: true, ..found }))
}
