//! Takes a backup of a coordinator that runs, or of a data directory that nobody uses.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use muster_service::clock::SystemClock;
use muster_service::version::VERSION;
use sha2::{Digest as _, Sha256};

use super::archive::PIECE_BYTES;
use super::{Archive, BackupError, Head, Totals};
use crate::store::{Loaded, inspect};

/// What a backup is taken of.
#[derive(Debug)]
pub struct Source {
    /// The data directory, of which the blobs and the logs are read.
    pub data: PathBuf,
    /// The rows, as they were at one moment before this call.
    pub state: Loaded,
}

/// What a backup holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taken {
    /// What it says at its beginning.
    pub head: Head,
    /// What it says at its end.
    pub totals: Totals,
}

/// Writes a backup. Blobs and logs are read after the rows were: whatever the rows speak of is durable before they do, so
/// it is there, unless it has been removed with a run that has fallen out of history since.
///
/// # Errors
/// If something cannot be read, or the backup cannot be written.
pub fn take(source: Source, output: impl Write) -> Result<Taken, BackupError> {
    let Source { data, state: Loaded { store_id, epoch, rows } } = source;
    let head = Head {
        version: VERSION.to_owned(),
        store_id: format!("{store_id:032x}"),
        epoch: epoch.0,
        taken_unix_ms: SystemClock.now().wall.unix_ms,
    };
    let mut taking = Taking {
        archive: Archive::begin(output, &head)?,
        totals: Totals { rows: rows.len() as u64, ..Totals::default() },
        piece: vec![0; PIECE_BYTES],
    };
    taking.archive.rows(&rows)?;
    drop(rows);
    for kind in [Kind::Blob, Kind::Log] {
        taking.folders(&data, kind)?;
    }
    let Taking { archive, totals, .. } = taking;
    archive.end(&totals)?;
    Ok(Taken { head, totals })
}

/// The same of a data directory that no coordinator has open.
///
/// # Errors
/// If the store is in use or damaged, and as [`take`] does.
pub fn take_stopped(data: &Path, output: impl Write) -> Result<Taken, BackupError> {
    let scratch = scratch()?;
    let state = inspect(&data.join("state"), scratch.path())?.loaded;
    take(Source { data: data.to_owned(), state }, output)
}

/// A folder for copies, outside the data directory, whose disk may be full.
pub(super) fn scratch() -> Result<tempfile::TempDir, BackupError> {
    tempfile::tempdir().map_err(|source| BackupError::Io {
        action: "make a folder in",
        path: std::env::temp_dir(),
        source,
    })
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Blob,
    Log,
}

impl Kind {
    pub(super) fn folder(self) -> &'static str {
        match self {
            Self::Blob => "blobs",
            Self::Log => "logs",
        }
    }
}

struct Taking<W> {
    archive: Archive<W>,
    totals: Totals,
    piece: Vec<u8>,
}

impl<W: Write> Taking<W> {
    fn folders(&mut self, data: &Path, kind: Kind) -> Result<(), BackupError> {
        for (path, name) in files(data, kind)? {
            let file = match File::open(&path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                opened => opened.map_err(|source| BackupError::Io { action: "read", path: path.clone(), source })?,
            };
            self.file(&path, &name, file, kind)?;
        }
        Ok(())
    }

    fn file(&mut self, path: &Path, name: &str, file: File, kind: Kind) -> Result<(), BackupError> {
        let failed = |source| BackupError::Io { action: "read", path: path.to_owned(), source };
        // A log that grows is taken as long as it was when it was begun.
        let length = file.metadata().map_err(failed)?.len();
        let mut rest = file.take(length);
        let (mut bytes, mut hasher) = (0, Sha256::new());
        self.archive.file(name)?;
        loop {
            let count = rest.read(&mut self.piece).map_err(failed)?;
            if count == 0 {
                break;
            }
            bytes += count as u64;
            if kind == Kind::Blob {
                hasher.update(&self.piece[..count]);
            }
            self.archive.data(&self.piece[..count])?;
        }
        match kind {
            Kind::Blob if !is_named(path, &hasher.finalize()) => {
                tracing::warn!(path = %path.display(), "a blob is damaged and is not in the backup");
                self.totals.damaged_blobs += 1;
                return self.archive.drop_file();
            }
            Kind::Blob => {
                self.totals.blobs += 1;
                self.totals.blob_bytes += bytes;
            }
            Kind::Log => {
                self.totals.logs += 1;
                self.totals.log_bytes += bytes;
            }
        }
        self.archive.end_file()
    }
}

/// Whether a blob's file is named after this hash.
pub(super) fn is_named(path: &Path, hash: &[u8]) -> bool {
    let hash: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    path.file_name().is_some_and(|name| name == hash.as_str())
}

/// The files of this kind: where they are, and their paths in the data directory.
pub(super) fn files(data: &Path, kind: Kind) -> Result<Vec<(PathBuf, String)>, BackupError> {
    let root = data.join(kind.folder());
    let mut found = Vec::new();
    for folder in entries(&root)? {
        let is_wanted = match kind {
            // Beside these there is what is not complete, and what was damaged.
            Kind::Blob => folder.len() == 2,
            Kind::Log => folder.bytes().all(|byte| byte.is_ascii_digit()),
        };
        if !is_wanted {
            continue;
        }
        for name in entries(&root.join(&folder))? {
            let path = root.join(&folder).join(&name);
            found.push((path, format!("{}/{folder}/{name}", kind.folder())));
        }
    }
    Ok(found)
}

fn entries(folder: &Path) -> Result<Vec<String>, BackupError> {
    let list = || -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(folder)? {
            names.extend(entry?.file_name().into_string());
        }
        names.sort();
        Ok(names)
    };
    match list() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        listed => listed.map_err(|source| BackupError::Io { action: "read", path: folder.to_owned(), source }),
    }
}
