//! One sled directory: begins with the live rows, takes commits, and is thrown away as a whole.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::engine::{Engine, Fault};
use super::file;
use super::frame::{Kind, Position};
use super::journal::Journal;
use super::manifest::Manifest;
use super::original::Original;
use super::replay::{Replayed, replay};
use crate::store::OpenError;
use crate::store::rows::Rows;

/// Writes a generation that holds these rows, and makes it durable. It counts once a manifest names it; the answer says
/// what that manifest must say about it. What lay in its place before did not count.
pub(super) fn create(root: &Path, plan: Manifest, rows: &Rows, cache_bytes: u64) -> Result<(Journal, Manifest), Fault> {
    let dir = directory(root, plan.generation);
    file::remove_directory(&dir)?;
    file::create_directory(&dir)?;
    let mut journal = Journal::new(Engine::open(&dir, cache_bytes)?, plan.before, 0);
    let mut base = journal.append(Kind::Base, plan.epoch);
    for (key, value) in rows.iter() {
        base.put(key, value)?;
    }
    base.finish()?;
    journal.engine().sync_all(&dir)?;
    let manifest = Manifest { base: journal.end(), ..plan };
    Ok((journal, manifest))
}

/// A generation that has been opened.
pub(super) struct Found {
    pub(super) journal: Journal,
    pub(super) content: Replayed,
    /// sled could only read it after files that it can do without were removed.
    pub(super) is_repaired: bool,
}

/// Opens the generation that the manifest names. All that it holds is durable afterwards; when it is refused, its files
/// are as they were.
pub(super) fn open(
    root: &Path,
    manifest: &Manifest,
    acknowledged: Position,
    cache_bytes: u64,
) -> Result<Found, OpenError> {
    let dir = directory(root, manifest.generation);
    let failed = |source| OpenError::Io { action: "keep a copy of", path: dir.clone(), source };
    let original = Original::keep(root, &dir).map_err(failed)?;
    let attempt = || read(&dir, manifest, acknowledged, cache_bytes);
    match (attempt(), original) {
        (Ok(found), Some(original)) => {
            original.discard().map_err(failed)?;
            Ok(found)
        }
        (Err(reason), Some(original)) => repair(&dir, original, attempt).map_err(failed)?.ok_or(reason),
        (result, None) => result,
    }
}

fn read(dir: &Path, manifest: &Manifest, acknowledged: Position, cache_bytes: u64) -> Result<Found, OpenError> {
    if !dir.join("db").is_file() {
        // sled would begin a new log.
        return Err(OpenError::Engine { dir: dir.to_owned(), detail: "its log file `db` is missing".to_owned() });
    }
    let refused = |fault: Fault| fault.into_open_error(dir);
    let engine = Engine::open(dir, cache_bytes).map_err(refused)?;
    engine.sync_all(dir).map_err(refused)?;
    let content = replay(dir, engine.entries(), manifest, acknowledged)?;
    Ok(Found { journal: Journal::new(engine, content.end, content.bytes), content, is_repaired: false })
}

/// Tries once more without sled's snapshot and settings, which it makes anew from its log and its defaults; the chain of
/// frames tells whether that is right. Otherwise all files are put back.
fn repair(
    dir: &Path,
    original: Original,
    attempt: impl FnOnce() -> Result<Found, OpenError>,
) -> io::Result<Option<Found>> {
    original.put_back()?;
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let name = entry.file_name();
        if name == "conf" || name.to_string_lossy().starts_with("snap.") {
            fs::remove_file(entry.path())?;
        }
    }
    let Ok(found) = attempt() else {
        original.restore()?;
        return Ok(None);
    };
    original.discard()?;
    tracing::warn!(dir = %dir.display(), "the storage engine's snapshot or settings were damaged and have been made anew");
    Ok(Some(Found { is_repaired: true, ..found }))
}

/// Removes every generation but this one: those that no longer count, and those that never did.
pub(super) fn remove_others(root: &Path, kept: u64) -> io::Result<()> {
    for dir in all(root)? {
        if dir != directory(root, kept) {
            file::remove_directory(&dir)?;
        }
    }
    Ok(())
}

/// The directories of all generations.
pub(super) fn all(root: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(root)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with(PREFIX) {
            found.push(entry.path());
        }
    }
    found.sort();
    Ok(found)
}

/// Where a generation lies.
pub(super) fn directory(root: &Path, generation: u64) -> PathBuf {
    root.join(format!("{PREFIX}{generation:010}"))
}

const PREFIX: &str = "generation-";
