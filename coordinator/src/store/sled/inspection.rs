//! Reads a store without changing anything in its directory.

use std::io;
use std::path::{Path, PathBuf};

use super::lock::DirectoryLock;
use super::manifest::Manifest;
use super::replay::Replay;
use super::store::SledOptions;
use super::tail::{self, TailMark};
use super::{layout, original, recovery};
use crate::store::{Loaded, ManifestFault, OpenError, TailFault};

/// What a store's directory holds.
#[derive(Clone, Debug)]
pub struct Inspection {
    /// What loading it would answer.
    pub loaded: Loaded,
    /// Number of the generation that counts.
    pub generation: u64,
    /// Bytes of the file of rows with which it begins.
    pub base_bytes: u64,
    /// Frames in the journals behind it.
    pub frames: u64,
    /// Number of the last whole frame.
    pub ends_at: u64,
    /// Number of the newest frame that is known to have been acknowledged.
    pub acknowledged: u64,
    /// Behind the last whole frame lie frames of a commit that was never finished; they do not count.
    pub has_leftovers: bool,
    /// sled's snapshot or settings are damaged; opening the store makes them anew.
    pub needs_repair: bool,
}

/// Reads all of a store that no coordinator has open. sled sees a copy of the journals, which is made in `scratch`.
///
/// # Errors
/// At the first thing that is not as it must be, with its place.
pub fn inspect(dir: &Path, scratch: &Path) -> Result<Inspection, OpenError> {
    let failed = |action, source| OpenError::Io { action, path: dir.to_owned(), source };
    if !dir.is_dir() {
        return Err(failed("read", io::ErrorKind::NotFound.into()));
    }
    let _lock = DirectoryLock::take(dir)?;
    let Some(manifest) = Manifest::read(dir)? else {
        return Err(OpenError::Manifest { path: Manifest::path(dir), fault: ManifestFault::Missing });
    };
    let Some(tail) = TailMark::open(dir)? else {
        return Err(OpenError::TailMark { path: dir.join(tail::NAME), fault: TailFault::Missing });
    };
    let rows = recovery::read_base(dir, &manifest)?;
    let names = layout::journals(dir, &manifest);
    let places: Vec<PathBuf> = names.iter().map(|name| scratch.join(name.file_name().unwrap_or_default())).collect();
    let copy_all = || -> io::Result<()> {
        for (name, place) in names.iter().zip(&places).filter(|(name, _)| name.is_dir()) {
            super::file::remove_directory(place)?;
            original::copy(name, place)?;
        }
        Ok(())
    };
    let cache_bytes = SledOptions::default().cache_bytes;
    let attempt =
        |rows| recovery::read(&places, &names, Replay::new(rows, &manifest, tail.newest()), &manifest, cache_bytes);
    copy_all().map_err(|source| failed("copy the journals of", source))?;
    let (content, needs_repair) = match attempt(rows) {
        Ok(found) => (found.content, false),
        Err(reason) => {
            copy_all().map_err(|source| failed("copy the journals of", source))?;
            recovery::remove_replaceable(&places).map_err(|source| failed("copy the journals of", source))?;
            match attempt(recovery::read_base(dir, &manifest)?) {
                Ok(found) => (found.content, true),
                Err(_) => return Err(reason),
            }
        }
    };
    Ok(Inspection {
        loaded: Loaded { store_id: manifest.store_id, epoch: content.epoch, rows: content.rows.scan(&[]) },
        generation: manifest.generation,
        base_bytes: manifest.base.bytes,
        frames: content.end.seq - manifest.before.seq,
        ends_at: content.end.seq,
        acknowledged: tail.newest().seq.max(manifest.complete.seq),
        has_leftovers: content.has_leftovers,
        needs_repair,
    })
}
