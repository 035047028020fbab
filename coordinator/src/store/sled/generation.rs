//! One sled directory: begins with the live rows, takes commits, and is thrown away as a whole.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::engine::{Engine, Fault};
use super::file;
use super::frame::{Kind, Position};
use super::journal::Journal;
use super::manifest::Manifest;
use super::replay::{Replayed, replay};
use crate::store::OpenError;
use crate::store::rows::Rows;

/// Writes a generation that holds these rows, and makes it durable. It counts once a manifest names it; the answer says
/// what that manifest must say about it. What lay in its place before did not count.
pub(super) fn create(root: &Path, plan: Manifest, rows: &Rows, cache_bytes: u64) -> Result<(Journal, Manifest), Fault> {
    let dir = directory(root, plan.generation);
    remove(&dir)?;
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

/// Opens the generation that the manifest names. All that it holds is durable afterwards.
pub(super) fn open(
    root: &Path,
    manifest: &Manifest,
    acknowledged: Position,
    cache_bytes: u64,
) -> Result<(Journal, Replayed), OpenError> {
    let dir = directory(root, manifest.generation);
    if !dir.join("db").is_file() {
        // sled would begin a new log.
        return Err(OpenError::Engine { dir, detail: "its log file `db` is missing".to_owned() });
    }
    let engine = Engine::open(&dir, cache_bytes);
    let engine = engine.map_err(|fault| fault.into_open_error(&dir))?;
    let replayed = replay(&dir, engine.entries(), manifest, acknowledged)?;
    Ok((Journal::new(engine, replayed.end, replayed.bytes), replayed))
}

/// Removes every generation but this one: those that no longer count, and those that never did.
pub(super) fn remove_others(root: &Path, kept: u64) -> io::Result<()> {
    for dir in all(root)? {
        if dir != directory(root, kept) {
            remove(&dir)?;
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

fn remove(dir: &Path) -> io::Result<()> {
    match fs::remove_dir_all(dir) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

const PREFIX: &str = "generation-";
