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
    let attempt = |rows: Rows| read(&dirs, &dirs, Replay::new(rows, manifest, acknowledged), manifest, cache_bytes);
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

/// The rows of the base that the manifest names.
pub(super) fn read_base(root: &Path, manifest: &Manifest) -> Result<Rows, OpenError> {
    base::read(&layout::base(root, manifest.generation), identity(manifest), manifest.base)
}

/// Reads the journals that are found at these places, under the names that errors show.
pub(super) fn read(
    places: &[PathBuf],
    names: &[PathBuf],
    mut replay: Replay,
    manifest: &Manifest,
    cache_bytes: u64,
) -> Result<Found, OpenError> {
    let mut last = None;
    for (place, name) in places.iter().zip(names) {
        if let (Some(_), Some(next)) = (last.take(), manifest.next) {
            replay.require_end(name, next.before)?;
        }
        let engine = open_engine(place, name, cache_bytes)?;
        replay.read(name, engine.entries())?;
        last = Some((engine, name));
    }
    let Some((engine, name)) = last else { unreachable!("a manifest names a journal") };
    let content = replay.finish(name)?;
    Ok(Found { journal: Journal::new(engine, content.end, content.bytes), content, is_repaired: false })
}

/// Removes what sled makes anew from its log and its defaults: its snapshots and settings.
pub(super) fn remove_replaceable(dirs: &[PathBuf]) -> io::Result<()> {
    for dir in dirs.iter().filter(|dir| dir.is_dir()) {
        for entry in fs::read_dir(dir)? {
            let entry = entry?;
            let name = entry.file_name();
            if name == "conf" || name.to_string_lossy().starts_with("snap.") {
                fs::remove_file(entry.path())?;
            }
        }
    }
    Ok(())
}

fn open_engine(place: &Path, name: &Path, cache_bytes: u64) -> Result<Engine, OpenError> {
    if !place.join("db").is_file() {
        // sled would begin a new log.
        return Err(OpenError::Engine { dir: name.to_owned(), detail: "its log file `db` is missing".to_owned() });
    }
    let refused = |fault: Fault| fault.into_open_error(name);
    let engine = Engine::open(place, cache_bytes).map_err(refused)?;
    engine.sync_all(place).map_err(refused)?;
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
    remove_replaceable(dirs)?;
    let Ok(found) = attempt() else {
        original.restore()?;
        return Ok(None);
    };
    original.discard()?;
    tracing::warn!(?dirs, "the storage engine's snapshots or settings were damaged and have been made anew");
    Ok(Some(Found { is_repaired: true, ..found }))
}
