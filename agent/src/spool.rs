//! Messages that matter, on disk until the coordinator has acknowledged them.
//!
//! They have to outlive this process, not the machine: after a power cut the work itself is gone, and its leases run out.
//! So a message is written before it is sent, and nothing is synced. One file holds records, each a length, a CRC-32 and
//! the message as it goes over the wire; a torn record at the end is cut off. What is acknowledged is dropped when the
//! file becomes empty or is mostly garbage; if the process dies before that, it is sent once more, which changes nothing.
//!
//! Beside it stands for which store of a coordinator they are meant: tokens of another store mean other things.

use std::collections::VecDeque;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use muster_common::control::FromAgent;
use muster_common::limits::MESSAGE_BYTES_MAX;
use muster_proto::v1::SessionRequest;
use muster_service::wire::control::{from_agent, from_agent_to_proto};
use muster_session::Restored;
use prost::Message;

/// The spool's files, open for appending.
#[derive(Debug)]
pub(crate) struct Spool {
    folder: PathBuf,
    file: File,
    end: u64,
    live: VecDeque<Record>,
    live_bytes: u64,
}

#[derive(Clone, Copy, Debug)]
struct Record {
    sequence: u64,
    offset: u64,
    bytes: u64,
}

impl Spool {
    /// Opens the spool in `folder`, which is made if need be, and reads what an earlier life left in it.
    ///
    /// # Errors
    /// If it cannot be made, read or written.
    pub(crate) fn open(folder: &Path) -> io::Result<(Self, Restored)> {
        fs::create_dir_all(folder)?;
        let mut file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(folder.join(MESSAGES))?;
        let mut content = Vec::new();
        file.read_to_end(&mut content)?;
        let (found, end) = read_records(&content);
        if end < content.len() as u64 {
            tracing::warn!(cut_bytes = content.len() as u64 - end, "the end of the spool is torn and was cut off");
            file.set_len(end)?;
        }
        let live: VecDeque<Record> = found.iter().map(|(record, _)| *record).collect();
        let live_bytes = live.iter().map(|record| record.bytes).sum();
        let messages = found.into_iter().map(|(record, message)| (record.sequence, message)).collect();
        let restored = Restored { store_id: read_owner(folder)?, messages };
        Ok((Self { folder: folder.to_owned(), file, end, live, live_bytes }, restored))
    }

    /// Keeps a message. Returns once it outlives this process.
    pub(crate) fn append(&mut self, sequence: u64, message: &FromAgent) -> io::Result<()> {
        let payload = from_agent_to_proto(sequence, message).encode_to_vec();
        let mut bytes = Vec::with_capacity(payload.len() + HEADER_BYTES);
        bytes.extend(u32::try_from(payload.len()).map_err(io::Error::other)?.to_le_bytes());
        bytes.extend(crc32fast::hash(&payload).to_le_bytes());
        bytes.extend(payload);
        self.file.write_all_at(&bytes, self.end)?;
        let record = Record { sequence, offset: self.end, bytes: bytes.len() as u64 };
        self.end += record.bytes;
        self.live.push_back(record);
        self.live_bytes += record.bytes;
        Ok(())
    }

    /// Forgets every message up to this number.
    pub(crate) fn trim(&mut self, up_to: u64) -> io::Result<()> {
        while let Some(record) = self.live.front().filter(|record| record.sequence <= up_to) {
            self.live_bytes -= record.bytes;
            self.live.pop_front();
        }
        if self.live.is_empty() {
            self.file.set_len(0)?;
            self.end = 0;
        } else if self.end - self.live_bytes > self.live_bytes.max(GARBAGE_BYTES_MAX) {
            self.rewrite()?;
        }
        Ok(())
    }

    /// Notes for which store the messages are meant.
    pub(crate) fn set_owner(&self, store_id: u128) -> io::Result<()> {
        let new = self.folder.join(format!("{OWNER}.new"));
        fs::write(&new, format!("{store_id:032x}\n"))?;
        fs::rename(new, self.folder.join(OWNER))
    }

    fn rewrite(&mut self) -> io::Result<()> {
        let new = self.folder.join(format!("{MESSAGES}.new"));
        let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(true).open(&new)?;
        let mut offset = 0;
        let mut moved = VecDeque::with_capacity(self.live.len());
        for record in &self.live {
            let mut bytes = vec![0; usize::try_from(record.bytes).map_err(io::Error::other)?];
            self.file.read_exact_at(&mut bytes, record.offset)?;
            file.write_all(&bytes)?;
            moved.push_back(Record { offset, ..*record });
            offset += record.bytes;
        }
        fs::rename(&new, self.folder.join(MESSAGES))?;
        (self.file, self.live, self.end) = (file, moved, offset);
        Ok(())
    }
}

/// The whole records at the beginning of `content`, and where they end.
fn read_records(content: &[u8]) -> (Vec<(Record, FromAgent)>, u64) {
    let mut found: Vec<(Record, FromAgent)> = Vec::new();
    let mut offset = 0;
    while let Some((payload, bytes)) = content.get(offset..).and_then(next_record) {
        let Some((sequence, message)) = SessionRequest::decode(payload).ok().and_then(|read| from_agent(read).ok())
        else {
            break;
        };
        if found.last().is_some_and(|(last, _)| last.sequence >= sequence) {
            break;
        }
        found.push((Record { sequence, offset: offset as u64, bytes: bytes as u64 }, message));
        offset += bytes;
    }
    (found, offset as u64)
}

fn next_record(content: &[u8]) -> Option<(&[u8], usize)> {
    let length = u32::from_le_bytes(content.get(..4)?.try_into().ok()?) as usize;
    let checksum = u32::from_le_bytes(content.get(4..HEADER_BYTES)?.try_into().ok()?);
    if length > RECORD_BYTES_MAX {
        return None;
    }
    let payload = content.get(HEADER_BYTES..HEADER_BYTES + length)?;
    (crc32fast::hash(payload) == checksum).then_some((payload, HEADER_BYTES + length))
}

fn read_owner(folder: &Path) -> io::Result<Option<u128>> {
    match fs::read_to_string(folder.join(OWNER)) {
        Ok(text) => Ok(u128::from_str_radix(text.trim(), 16).ok()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

const MESSAGES: &str = "messages";
const OWNER: &str = "store";
const HEADER_BYTES: usize = 8;
const RECORD_BYTES_MAX: usize = 2 * MESSAGE_BYTES_MAX;
const GARBAGE_BYTES_MAX: u64 = 1 << 20;

#[cfg(test)]
#[path = "spool_kill_tests.rs"]
mod kill_tests;

#[cfg(test)]
mod tests {
    use muster_common::error_code::{Reason, ReasonCode};
    use muster_common::id::{Epoch, Token};

    use super::*;

    fn message(counter: u64) -> FromAgent {
        let reason = Reason::new(ReasonCode::AgentRefused, "x".repeat(1_000));
        FromAgent::Refused { token: Token { epoch: Epoch(1), counter }, reason }
    }

    fn sequences(restored: &Restored) -> Vec<u64> {
        restored.messages.iter().map(|(sequence, _)| *sequence).collect()
    }

    #[test]
    fn what_was_kept_and_not_acknowledged_is_there_in_the_next_life() -> anyhow::Result<()> {
        let folder = tempfile::tempdir()?;
        let (mut spool, restored) = Spool::open(folder.path())?;
        assert_eq!(restored, Restored::default());
        spool.set_owner(77)?;
        for sequence in 1..=3 {
            spool.append(sequence, &message(sequence))?;
        }
        drop(spool);
        let (mut spool, restored) = Spool::open(folder.path())?;
        assert_eq!(restored.store_id, Some(77));
        assert_eq!(restored.messages, vec![(1, message(1)), (2, message(2)), (3, message(3))]);
        spool.trim(3)?;
        spool.append(4, &message(4))?;
        let (_, restored) = Spool::open(folder.path())?;
        assert_eq!(sequences(&restored), [4]);
        Ok(())
    }

    #[test]
    fn a_torn_or_changed_end_is_cut_off() -> anyhow::Result<()> {
        let folder = tempfile::tempdir()?;
        let (mut spool, _) = Spool::open(folder.path())?;
        for sequence in 1..=3 {
            spool.append(sequence, &message(sequence))?;
        }
        let path = folder.path().join(MESSAGES);
        let whole = fs::read(&path)?;
        for length in (0..whole.len()).step_by(13) {
            fs::write(&path, &whole[..length])?;
            let (_, restored) = Spool::open(folder.path())?;
            assert_eq!(restored.messages.len(), length * 3 / whole.len(), "cut at {length}");
        }
        let mut changed = whole.clone();
        changed[whole.len() - 1] ^= 1;
        fs::write(&path, &changed)?;
        let (mut spool, restored) = Spool::open(folder.path())?;
        assert_eq!(sequences(&restored), [1, 2]);
        spool.append(3, &message(3))?;
        assert_eq!(sequences(&Spool::open(folder.path())?.1), [1, 2, 3]);
        Ok(())
    }

    #[test]
    fn the_file_does_not_grow_for_ever() -> anyhow::Result<()> {
        let folder = tempfile::tempdir()?;
        let (mut spool, _) = Spool::open(folder.path())?;
        for sequence in 1..=5_000 {
            spool.append(sequence, &message(sequence))?;
            spool.trim(sequence.saturating_sub(10))?;
        }
        let length = fs::metadata(folder.path().join(MESSAGES))?.len();
        assert!(length < 2 * GARBAGE_BYTES_MAX, "{length}");
        assert_eq!(sequences(&Spool::open(folder.path())?.1).last(), Some(&5_000));
        Ok(())
    }
}
