//! The file of a backup: a title, then records, each with its length and checksum, the last with the sums of all.

use std::io::Write;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::BackupError;
use crate::store::{Key, Value};

/// What a backup says of itself at its beginning.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// Version of the coordinator that took it.
    pub version: String,
    /// Identity of the store, 32 hexadecimal digits.
    pub store_id: String,
    /// The store's epoch.
    pub epoch: u64,
    /// When its rows were copied.
    pub taken_unix_ms: u64,
}

/// What a backup holds, said at its end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    /// Rows of the store.
    pub rows: u64,
    /// Blobs.
    pub blobs: u64,
    /// Bytes of blobs.
    pub blob_bytes: u64,
    /// Logs.
    pub logs: u64,
    /// Bytes of logs.
    pub log_bytes: u64,
    /// Blobs that were left out because they were damaged on the disk.
    pub damaged_blobs: u64,
}

/// Writes a backup, record after record.
#[derive(Debug)]
pub struct Archive<W> {
    output: W,
    hasher: Sha256,
}

/// The kinds of records, as they are written.
pub(super) mod kind {
    pub(in crate::backup) const HEAD: u8 = 1;
    pub(in crate::backup) const ROWS: u8 = 2;
    pub(in crate::backup) const FILE: u8 = 3;
    pub(in crate::backup) const DATA: u8 = 4;
    pub(in crate::backup) const FILE_END: u8 = 5;
    pub(in crate::backup) const FILE_DROPPED: u8 = 6;
    pub(in crate::backup) const END: u8 = 7;
}

impl<W: Write> Archive<W> {
    /// Begins a backup.
    pub fn begin(output: W, head: &Head) -> Result<Self, BackupError> {
        let mut archive = Self { output, hasher: Sha256::new() };
        archive.write(TITLE)?;
        archive.json(kind::HEAD, head)?;
        Ok(archive)
    }

    /// Adds rows.
    pub fn rows(&mut self, rows: &[(Key, Value)]) -> Result<(), BackupError> {
        let mut payload = Vec::new();
        for (key, value) in rows {
            for part in [&key.0, &value.0] {
                let length = u32::try_from(part.len()).expect("a store's limits are far below 4 GiB");
                payload.extend(length.to_le_bytes());
                payload.extend(part);
            }
            if payload.len() >= ROWS_BYTES {
                self.record(kind::ROWS, &payload)?;
                payload.clear();
            }
        }
        if payload.is_empty() { Ok(()) } else { self.record(kind::ROWS, &payload) }
    }

    /// Begins a file, by its path in the data directory.
    pub fn file(&mut self, path: &str) -> Result<(), BackupError> {
        self.record(kind::FILE, path.as_bytes())
    }

    /// Adds a piece of the file that was begun, of at most 256 KiB.
    pub fn data(&mut self, piece: &[u8]) -> Result<(), BackupError> {
        self.record(kind::DATA, piece)
    }

    /// Ends the file that was begun.
    pub fn end_file(&mut self) -> Result<(), BackupError> {
        self.record(kind::FILE_END, &[])
    }

    /// Takes the file that was begun back: it turned out to be damaged.
    pub fn drop_file(&mut self) -> Result<(), BackupError> {
        self.record(kind::FILE_DROPPED, &[])
    }

    /// Ends the backup.
    pub fn end(mut self, totals: &Totals) -> Result<W, BackupError> {
        let sum: [u8; 32] = self.hasher.clone().finalize().into();
        let mut payload = sum.to_vec();
        payload.extend(serde_json::to_vec(totals).expect("numbers can be written"));
        self.record(kind::END, &payload)?;
        self.output.flush().map_err(BackupError::Output)?;
        Ok(self.output)
    }

    fn json(&mut self, kind: u8, value: &impl Serialize) -> Result<(), BackupError> {
        self.record(kind, &serde_json::to_vec(value).expect("text and numbers can be written"))
    }

    fn record(&mut self, kind: u8, payload: &[u8]) -> Result<(), BackupError> {
        let length = u32::try_from(payload.len()).expect("rows and pieces are far below 4 GiB");
        let mut header = vec![kind];
        header.extend(length.to_le_bytes());
        header.extend(checksum(&header, payload).to_le_bytes());
        self.write(&header)?;
        self.write(payload)
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), BackupError> {
        self.hasher.update(bytes);
        self.output.write_all(bytes).map_err(BackupError::Output)
    }
}

pub(super) fn checksum(header: &[u8], payload: &[u8]) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    crc.update(header);
    crc.update(payload);
    crc.finalize()
}

pub(super) const TITLE: &[u8] = b"muster backup 1\n";
/// Bytes of a piece of a file.
pub(super) const PIECE_BYTES: usize = 256 << 10;
/// Bytes of rows in a record; one row more may follow.
const ROWS_BYTES: usize = 256 << 10;
