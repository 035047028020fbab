//! Where things lie in a store's directory.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::file;
use super::manifest::Manifest;

/// The file of rows with which a generation begins.
pub(super) fn base(root: &Path, generation: u64) -> PathBuf {
    root.join(format!("{BASE}{generation:010}"))
}

/// The directory of the journal that begins with a generation.
pub(super) fn journal(root: &Path, generation: u64) -> PathBuf {
    root.join(format!("{JOURNAL}{generation:010}"))
}

/// The directories of the journals that count, in order.
pub(super) fn journals(root: &Path, manifest: &Manifest) -> Vec<PathBuf> {
    let last = manifest.generation + u64::from(manifest.next.is_some());
    (manifest.generation..=last).map(|generation| journal(root, generation)).collect()
}

/// All bases and journals, whether they count or not.
pub(super) fn all(root: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(root)? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if [BASE, JOURNAL].iter().any(|prefix| name.starts_with(prefix)) {
            found.push(entry.path());
        }
    }
    found.sort();
    Ok(found)
}

/// Removes what does not count any more, and what never did.
pub(super) fn remove_others(root: &Path, manifest: &Manifest) -> io::Result<()> {
    let mut counting = journals(root, manifest);
    counting.push(base(root, manifest.generation));
    for path in all(root)?.into_iter().filter(|path| !counting.contains(path)) {
        if path.is_dir() { file::remove_directory(&path)? } else { file::remove(&path)? }
    }
    Ok(())
}

const BASE: &str = "base-";
const JOURNAL: &str = "journal-";
