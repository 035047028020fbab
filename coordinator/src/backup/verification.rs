//! Says what a data directory or a backup holds, and what in it is not as it must be.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use muster_common::digest::Digest;
use muster_scheduler::Row;
use muster_service::blob::content::digest_of_reader;
use serde::Serialize;

use super::taking::{Kind, files, scratch};
use super::{BackupError, Contents, Record, Totals};
use crate::store::codec::decode_all;
use crate::store::{Inspection, Key, Loaded, Value, inspect};

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Verification {
    /// Identity of the store.
    pub store_id: String,
    /// Highest epoch that was raised.
    pub epoch: u64,
    /// The store's generation; none in a backup.
    pub generation: Option<u64>,
    /// Frames in the journals; none in a backup.
    pub frames: Option<u64>,
    /// Number of the newest frame; none in a backup.
    pub newest_frame: Option<u64>,
    /// Rows by their kinds.
    pub rows: BTreeMap<&'static str, u64>,
    /// Bytes of rows.
    pub row_bytes: u64,
    /// Runs that have not ended, or are not retired yet.
    pub open_runs: u64,
    /// Runs of which a summary is kept.
    pub finished_runs: u64,
    /// When the store was made from a backup.
    pub restored_unix_ms: Option<u64>,
    /// Blobs that are whole.
    pub blobs: u64,
    /// Their bytes.
    pub blob_bytes: u64,
    /// Logs.
    pub logs: u64,
    /// Their bytes.
    pub log_bytes: u64,
    /// Things that can be mended or lived with, each with its place.
    pub remarks: Vec<String>,
    /// The first things that are not as they must be, each with its place.
    pub faults: Vec<String>,
}

/// There is nothing to verify, or it cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// Something cannot be read.
    #[error(transparent)]
    Backup(#[from] BackupError),
}

/// Reads a data directory that no coordinator has open, and changes nothing in it.
///
/// # Errors
/// If it is in use or cannot be read. What is damaged is no error but a fault in the answer.
pub fn verify(data: &Path) -> Result<Verification, VerifyError> {
    use crate::store::OpenError::{Io, Locked};
    let mut found = Verification::default();
    let scratch = scratch()?;
    match inspect(&data.join("state"), scratch.path()) {
        Ok(inspection) => found.store(&inspection),
        Err(error @ (Locked { .. } | Io { .. })) => return Err(BackupError::from(error).into()),
        Err(fault) => found.fault(fault.to_string()),
    }
    found.blobs(data)?;
    for (path, _) in files(data, Kind::Log)? {
        found.logs += 1;
        found.log_bytes += path.metadata().map_err(|source| unreadable(&path, source))?.len();
    }
    Ok(found)
}

/// Reads a backup.
///
/// # Errors
/// If it cannot be read. What is damaged is no error but a fault in the answer.
pub fn verify_backup(input: impl Read) -> Result<Verification, VerifyError> {
    let mut found = Verification::default();
    match read_backup(input, &mut found) {
        Ok(()) => {}
        Err(fault @ BackupError::Damaged { .. }) => found.fault(fault.to_string()),
        Err(error) => return Err(error.into()),
    }
    Ok(found)
}

impl Verification {
    /// Nothing is wrong.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.faults.is_empty()
    }

    fn store(&mut self, inspection: &Inspection) {
        let Inspection { loaded: Loaded { store_id, epoch, rows }, .. } = inspection;
        self.store_id = format!("{store_id:032x}");
        self.epoch = epoch.0;
        self.generation = Some(inspection.generation);
        self.frames = Some(inspection.frames);
        self.newest_frame = Some(inspection.ends_at);
        if inspection.has_leftovers {
            self.remarks.push(format!(
                "behind frame {} lie frames of a commit that was never acknowledged; they do not count",
                inspection.ends_at
            ));
        }
        if inspection.needs_repair {
            self.remarks
                .push("the storage engine's snapshot or settings are damaged; starting makes them anew".to_owned());
        }
        self.rows(rows);
    }

    fn rows(&mut self, rows: &[(Key, Value)]) {
        self.row_bytes = rows.iter().map(|(key, value)| (key.0.len() + value.0.len()) as u64).sum();
        let decoded = match decode_all(rows) {
            Ok(decoded) => decoded,
            Err(fault) => return self.fault(fault.to_string()),
        };
        for row in &decoded.rows {
            *self.rows.entry(kind(row)).or_default() += 1;
        }
        if decoded.unknown > 0 {
            self.rows.insert("unknown", decoded.unknown as u64);
            self.remarks.push(format!("{} rows are of kinds that only a newer coordinator knows", decoded.unknown));
        }
        self.restored_unix_ms = decoded.restored.map(|restored| restored.at.unix_ms);
        self.open_runs = self.rows.get("runs").copied().unwrap_or(0);
        self.finished_runs = self.rows.get("history").copied().unwrap_or(0);
    }

    fn blobs(&mut self, data: &Path) -> Result<(), BackupError> {
        for (path, name) in files(data, Kind::Blob)? {
            let hash = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            let mut file = File::open(&path).map_err(|source| unreadable(&path, source))?;
            let found = digest_of_reader(&mut file).map_err(|source| unreadable(&path, source))?;
            match Digest::from_parts(&hash, found.size_bytes) {
                Ok(expected) if expected == found => {
                    self.blobs += 1;
                    self.blob_bytes += found.size_bytes;
                }
                Ok(_) => self.fault(format!("the blob {name} is damaged: its content has the digest {found}")),
                Err(_) => self.remarks.push(format!("{name} is not a blob")),
            }
        }
        Ok(())
    }

    fn fault(&mut self, fault: String) {
        if self.faults.len() < FAULTS_MAX {
            self.faults.push(fault);
        }
    }
}

fn read_backup(input: impl Read, found: &mut Verification) -> Result<(), BackupError> {
    let mut contents = Contents::open(input)?;
    found.store_id = contents.head().store_id.clone();
    found.epoch = contents.head().epoch;
    let mut rows = Vec::new();
    loop {
        match contents.next_record()? {
            Record::Rows(more) => rows.extend(more),
            Record::File(_) | Record::Data(_) | Record::FileEnd | Record::FileDropped => {}
            Record::End(Totals { blobs, blob_bytes, logs, log_bytes, damaged_blobs, .. }) => {
                (found.blobs, found.blob_bytes) = (blobs, blob_bytes);
                (found.logs, found.log_bytes) = (logs, log_bytes);
                if damaged_blobs > 0 {
                    found.remarks.push(format!("{damaged_blobs} blobs were damaged when it was taken, and left out"));
                }
                break;
            }
        }
    }
    found.rows(&rows);
    Ok(())
}

fn unreadable(path: &Path, source: std::io::Error) -> BackupError {
    BackupError::Io { action: "read", path: PathBuf::from(path), source }
}

fn kind(row: &Row) -> &'static str {
    match row {
        Row::Counters(_) => "counters",
        Row::History(_) => "history",
        Row::MemorySuite(_) => "memory-suites",
        Row::MemoryTest(_) => "memory-tests",
        Row::AgentHealth(_) => "agent-health",
        Row::Run(_) => "runs",
        Row::Job(_) => "jobs",
        Row::TestNames(_) => "test-names",
        Row::Test(_) => "tests",
        Row::Lease(_) => "leases",
        Row::Batch(_) => "batches",
    }
}

/// Faults that are told; the others are like them.
const FAULTS_MAX: usize = 100;
