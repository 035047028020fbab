//! Reads a backup and checks every byte of it.

use std::io::{self, Read};

use sha2::{Digest as _, Sha256};

use super::archive::{PIECE_BYTES, TITLE, checksum, kind};
use super::{BackupError, BackupFault, Head, Totals};
use crate::store::{KEY_BYTES_MAX, Key, VALUE_BYTES_MAX, Value};

/// A backup that is being read, behind its head.
#[derive(Debug)]
pub struct Contents<R> {
    input: R,
    hasher: Sha256,
    /// Where the next record begins.
    offset: u64,
    head: Head,
}

/// A part of a backup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record {
    /// Some rows.
    Rows(Vec<(Key, Value)>),
    /// A file begins.
    File(String),
    /// A piece of it.
    Data(Vec<u8>),
    /// It is whole.
    FileEnd,
    /// It does not count.
    FileDropped,
    /// The backup is whole, and this is what it held.
    End(Totals),
}

impl<R: Read> Contents<R> {
    /// Reads the beginning.
    pub fn open(input: R) -> Result<Self, BackupError> {
        let head = Head { version: String::new(), store_id: String::new(), epoch: 0, taken_unix_ms: 0 };
        let mut contents = Self { input, hasher: Sha256::new(), offset: 0, head };
        let mut title = [0; TITLE.len()];
        let fault = if contents.fill(&mut title)? && title == TITLE { None } else { Some(BackupFault::Title) };
        fault.map_or(Ok(()), |fault| contents.fail(fault))?;
        contents.hasher.update(title);
        contents.offset = TITLE.len() as u64;
        let (kind, payload, at) = contents.record()?;
        if kind != kind::HEAD {
            return damaged(at, BackupFault::Unexpected("a backup begins with its head"));
        }
        contents.head = serde_json::from_slice(&payload)
            .or_else(|_| damaged(at, BackupFault::Unexpected("the head cannot be read")))?;
        Ok(contents)
    }

    /// What the backup says of itself.
    pub fn head(&self) -> &Head {
        &self.head
    }

    /// Where the next record begins.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// The next record. Nothing may be asked after the end.
    pub fn next_record(&mut self) -> Result<Record, BackupError> {
        let sum: [u8; 32] = self.hasher.clone().finalize().into();
        let (kind, payload, at) = self.record()?;
        Ok(match kind {
            kind::ROWS => Record::Rows(rows(&payload).map_or_else(|| unexpected(at, "its rows cannot be read"), Ok)?),
            kind::FILE => match String::from_utf8(payload) {
                Ok(path) if is_path(&path) => Record::File(path),
                Ok(_) | Err(_) => return unexpected(at, "a file's path is not one of a data directory"),
            },
            kind::DATA => Record::Data(payload),
            kind::FILE_END => Record::FileEnd,
            kind::FILE_DROPPED => Record::FileDropped,
            kind::END => {
                let totals = payload.strip_prefix(&sum).and_then(|json| serde_json::from_slice(json).ok());
                let totals = totals.map_or_else(|| damaged(at, BackupFault::Sums), Ok)?;
                if self.fill(&mut [0])? {
                    return self.fail(BackupFault::Trailing);
                }
                Record::End(totals)
            }
            _ => return unexpected(at, "its kind is unknown"),
        })
    }

    fn record(&mut self) -> Result<(u8, Vec<u8>, u64), BackupError> {
        let at = self.offset;
        let mut header = [0; 9];
        if !self.fill(&mut header)? {
            return self.fail(BackupFault::Cut);
        }
        let (checked, crc) = header.split_at(5);
        let length = u32::from_le_bytes([checked[1], checked[2], checked[3], checked[4]]) as usize;
        if length > RECORD_BYTES_MAX {
            return self.fail(BackupFault::Checksum);
        }
        let mut payload = vec![0; length];
        if !self.fill(&mut payload)? {
            return self.fail(BackupFault::Cut);
        }
        if crc != checksum(checked, &payload).to_le_bytes() {
            return self.fail(BackupFault::Checksum);
        }
        self.hasher.update(header);
        self.hasher.update(&payload);
        self.offset += (header.len() + length) as u64;
        Ok((header[0], payload, at))
    }

    fn fail<T>(&self, fault: BackupFault) -> Result<T, BackupError> {
        damaged(self.offset, fault)
    }

    /// Reads so many bytes; false when there are fewer.
    fn fill(&mut self, bytes: &mut [u8]) -> Result<bool, BackupError> {
        match self.input.read_exact(bytes) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
            Err(source) => Err(BackupError::Io { action: "read", path: "the backup".into(), source }),
        }
    }
}

pub(super) fn damaged<T>(offset: u64, fault: BackupFault) -> Result<T, BackupError> {
    Err(BackupError::Damaged { offset, fault })
}

fn unexpected<T>(offset: u64, what: &'static str) -> Result<T, BackupError> {
    damaged(offset, BackupFault::Unexpected(what))
}

fn rows(mut payload: &[u8]) -> Option<Vec<(Key, Value)>> {
    let mut rows = Vec::new();
    while !payload.is_empty() {
        let key = Key(part(&mut payload)?);
        rows.push((key, Value(part(&mut payload)?)));
    }
    Some(rows)
}

fn part(payload: &mut &[u8]) -> Option<Vec<u8>> {
    let (length, rest) = payload.split_first_chunk::<4>()?;
    let (part, rest) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
    *payload = rest;
    Some(part.to_vec())
}

/// Whether it is where a data directory has blobs or logs: two folders deep, and nothing that leads elsewhere.
fn is_path(path: &str) -> bool {
    let parts: Vec<&str> = path.split('/').collect();
    let is_name = |part: &str| {
        let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'.';
        !part.is_empty() && !part.starts_with('.') && part.bytes().all(is_plain)
    };
    parts.len() == 3 && ["blobs", "logs"].contains(&parts[0]) && parts.iter().all(|part| is_name(part))
}

/// No record is longer: what says so is damaged.
const RECORD_BYTES_MAX: usize = PIECE_BYTES + KEY_BYTES_MAX + VALUE_BYTES_MAX + 64;

#[cfg(test)]
mod tests {
    use super::super::Archive;
    use super::*;

    fn backup() -> Vec<u8> {
        let head = Head { version: "1".to_owned(), store_id: "2a".to_owned(), epoch: 3, taken_unix_ms: 4 };
        let mut archive = Archive::begin(Vec::new(), &head).expect("memory takes everything");
        archive.rows(&[(Key(vec![1]), Value(vec![2; 40]))]).expect("memory takes everything");
        archive.file("logs/1/0-1.2-steps.log").expect("memory takes everything");
        archive.data(b"hello").expect("memory takes everything");
        archive.end_file().expect("memory takes everything");
        archive.end(&Totals { rows: 1, logs: 1, log_bytes: 5, ..Totals::default() }).expect("memory takes everything")
    }

    fn read(bytes: &[u8]) -> Result<Vec<Record>, BackupError> {
        let mut contents = Contents::open(bytes)?;
        let mut records = Vec::new();
        loop {
            records.push(contents.next_record()?);
            if matches!(records.last(), Some(Record::End(_))) {
                return Ok(records);
            }
        }
    }

    #[test]
    fn a_backup_is_read_as_it_was_written() {
        let records = read(&backup()).expect("nothing is wrong with it");
        assert_eq!(records[0], Record::Rows(vec![(Key(vec![1]), Value(vec![2; 40]))]));
        assert_eq!(records[1], Record::File("logs/1/0-1.2-steps.log".to_owned()));
        assert_eq!(records.len(), 5);
    }

    #[test]
    fn every_flipped_bit_and_every_cut_is_refused_with_its_place() {
        let bytes = backup();
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let refused = read(&flipped).expect_err("a bit is wrong");
            assert!(
                matches!(refused, BackupError::Damaged { offset, .. } if offset <= bit as u64 / 8),
                "bit {bit}: {refused}"
            );
        }
        for length in 0..bytes.len() {
            assert!(read(&bytes[..length]).is_err(), "cut to {length}");
        }
        assert!(read(&[&bytes[..], b"x"].concat()).is_err());
    }

    #[test]
    fn a_path_leads_nowhere_else() {
        assert!(is_path("blobs/ab/abcd") && is_path("logs/12/0-1.2-shard-3.log"));
        for path in ["blobs/../x", "/etc/passwd", "state/a/b", "logs/1", "logs/1/a/b", "logs//a", "logs/1/.."] {
            assert!(!is_path(path), "{path}");
        }
    }
}
