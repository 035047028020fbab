//! Makes a data directory from a backup.

use std::collections::BTreeSet;
use std::fs::{self, DirBuilder, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use muster_common::id::{Epoch, RunId};
use muster_common::time::Wall;
use muster_scheduler::Row;
use muster_service::clock::SystemClock;
use sha2::{Digest as _, Sha256};

use super::reading::damaged;
use super::taking::is_named;
use super::{BackupError, BackupFault, Contents, Head, Record, Totals};
use crate::store::codec::{Restored, decode_all};
use crate::store::{Key, Loaded, SledOptions, SledStore, Value};

/// What was made.
#[derive(Clone, Debug)]
pub struct Restoration {
    /// What the backup said of itself.
    pub head: Head,
    /// What it held.
    pub totals: Totals,
    /// The epoch in which the restored coordinator's first life begins, at the earliest.
    pub epoch: Epoch,
    /// Runs that were open in the backup, and go on.
    pub open_runs: u64,
}

/// Makes a data directory from a backup. It is there as a whole when this returns, or not at all.
///
/// The store keeps its identity and begins a new incarnation: its epochs are above all that the old coordinator can have
/// raised since the backup was taken, so no token is given out a second time, and agents that have heard the new
/// coordinator do not listen to the old one any more.
///
/// # Errors
/// If the backup is damaged, or the directory is not empty or cannot be written.
pub fn restore(input: impl Read, data: &Path, options: SledOptions) -> Result<Restoration, BackupError> {
    let mut contents = Contents::open(input)?;
    if data.exists() && fs::read_dir(data).map_err(|source| io_error("read", data, source))?.next().is_some() {
        return Err(BackupError::NotEmpty(data.to_owned()));
    }
    let half = data.with_added_extension("restoring");
    let failed = |source| io_error("make", &half, source);
    match fs::remove_dir_all(&half) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
        Ok(()) | Err(_) => {}
    }
    DirBuilder::new().recursive(true).mode(0o700).create(&half).map_err(failed)?;
    let made = fill(&mut contents, &half, options);
    let restoration = match made {
        Ok(restoration) => restoration,
        Err(error) => {
            drop(fs::remove_dir_all(&half));
            return Err(error);
        }
    };
    let moved = || -> io::Result<()> {
        sync_all(&half)?;
        if data.exists() {
            fs::remove_dir(data)?;
        }
        fs::rename(&half, data)?;
        let parent = data.parent().filter(|parent| !parent.as_os_str().is_empty());
        File::open(parent.unwrap_or(Path::new(".")))?.sync_all()
    };
    moved().map_err(|source| io_error("make", data, source))?;
    Ok(restoration)
}

fn fill(contents: &mut Contents<impl Read>, half: &Path, options: SledOptions) -> Result<Restoration, BackupError> {
    let head = contents.head().clone();
    let Ok(store_id) = u128::from_str_radix(&head.store_id, 16) else {
        return damaged(0, BackupFault::Unexpected("the store's identity cannot be read"));
    };
    let (mut rows, mut found) = (Vec::new(), Totals::default());
    let totals = loop {
        let at = contents.offset();
        match contents.next_record()? {
            Record::Rows(more) => rows.extend(more),
            Record::File(path) => file(contents, half, &path, &mut found)?,
            Record::End(totals) => break totals,
            Record::Data(_) | Record::FileEnd | Record::FileDropped => {
                return damaged(at, BackupFault::Unexpected("no file was begun"));
            }
        }
    };
    found.rows = rows.len() as u64;
    if found != totals {
        return damaged(contents.offset(), BackupFault::Sums);
    }
    let now = SystemClock.now().wall;
    let open_runs = mark(&mut rows, &head, now)?;
    let epoch = next_incarnation(Epoch(head.epoch), now);
    SledStore::create(&half.join("state"), options, Loaded { store_id, epoch, rows })?;
    Ok(Restoration { head, totals, epoch, open_runs })
}

/// Takes one file out of the backup.
fn file(contents: &mut Contents<impl Read>, half: &Path, name: &str, found: &mut Totals) -> Result<(), BackupError> {
    let path = half.join(name);
    let failed = |source| io_error("write", &path, source);
    let folder = path.parent().unwrap_or(half);
    fs::create_dir_all(folder).map_err(failed)?;
    let mut output = File::create(&path).map_err(failed)?;
    let (mut bytes, mut hasher) = (0, Sha256::new());
    let is_blob = name.starts_with("blobs/");
    loop {
        let at = contents.offset();
        match contents.next_record()? {
            Record::Data(piece) => {
                bytes += piece.len() as u64;
                hasher.update(&piece);
                output.write_all(&piece).map_err(failed)?;
            }
            Record::FileEnd if is_blob => {
                if !is_named(&path, &hasher.finalize()) {
                    return damaged(at, BackupFault::Blob(name.to_owned()));
                }
                found.blobs += 1;
                found.blob_bytes += bytes;
                return output.sync_all().map_err(failed);
            }
            Record::FileEnd => {
                found.logs += 1;
                found.log_bytes += bytes;
                return output.sync_all().map_err(failed);
            }
            Record::FileDropped => {
                found.damaged_blobs += 1;
                return fs::remove_file(&path).map_err(failed);
            }
            Record::Rows(_) | Record::File(_) | Record::End(_) => {
                return damaged(at, BackupFault::Unexpected("a file was not ended"));
            }
        }
    }
}

/// Puts the mark of the restoration among the rows, and says how many runs it marks.
fn mark(rows: &mut Vec<(Key, Value)>, head: &Head, now: Wall) -> Result<u64, BackupError> {
    let decoded = decode_all(rows)?;
    let open_runs = decoded.rows.iter().filter_map(|row| if let Row::Run(run) = row { Some(run.run) } else { None });
    let open_runs: BTreeSet<RunId> = open_runs.collect();
    let count = open_runs.len() as u64;
    let key = Restored::key();
    rows.retain(|(other, _)| *other != key);
    let mark = Restored { at: now, taken: Wall { unix_ms: head.taken_unix_ms }, open_runs };
    rows.push((key, mark.encode()));
    Ok(count)
}

/// The epoch from which a restored store goes on. Lives raise it by one; a restoration by so much that no number of lives
/// of the old coordinator since the backup reaches it, and that a second restoration of the same backup is above the first.
fn next_incarnation(epoch: Epoch, now: Wall) -> Epoch {
    let next = (epoch.0 >> LIVES_BITS).saturating_add(1).max(now.unix_ms / 1_000);
    Epoch(next << LIVES_BITS)
}

/// Makes the names of all that lies in a directory durable.
fn sync_all(dir: &Path) -> io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            sync_all(&entry.path())?;
        }
    }
    File::open(dir)?.sync_all()
}

fn io_error(action: &'static str, path: &Path, source: io::Error) -> BackupError {
    BackupError::Io { action, path: PathBuf::from(path), source }
}

/// An epoch's lower bits count lives, the upper ones incarnations, by the second in which they were begun. Together they
/// stay below 2^53, which every reader of JSON can hold.
const LIVES_BITS: u32 = 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_incarnation_is_above_every_life_before_it() {
        let at = |seconds: u64| Wall { unix_ms: seconds * 1_000 };
        let first = next_incarnation(Epoch(77), at(1_700_000_000));
        assert!(first.0 > 77 + 1_000_000 && first.0 < 1 << 53);
        let second = next_incarnation(Epoch(77), at(1_700_000_001));
        assert!(second.0 > first.0 + 1_000_000, "a second restoration is above all lives of the first");
        let back = next_incarnation(Epoch(second.0 + 5), at(10));
        assert!(back.0 > second.0 + 5, "a clock that was set back does no harm");
    }
}
