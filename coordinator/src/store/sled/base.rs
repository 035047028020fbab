//! The live rows with which a generation begins: one file, written once, never changed.
//!
//! It is written while commits go on, block by block, from the rows as they are at that moment. So it may hold a part of
//! what was committed since it was begun; replaying the journal from that beginning on carries all of it out, since every
//! write says what a row is, not how it changes. The manifest names the base only once it is durable.

use std::fs::File;
use std::io::{self, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;

use muster_common::id::Epoch;

use super::body;
use super::engine::Fault;
use super::file;
use super::frame::{Frame, HEADER_BYTES, Hash, Kind};
use crate::store::rows::Rows;
use crate::store::{BaseFault, KEY_BYTES_MAX, Key, OpenError, VALUE_BYTES_MAX};

/// What the manifest says of a base, so that every byte of it is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Seal {
    /// The file's length.
    pub(super) bytes: u64,
    /// The hash of its last block, and through the chain of all before it.
    pub(super) hash: Hash,
}

/// Which base it is; its chain begins with this.
#[derive(Clone, Copy, Debug)]
pub(super) struct Identity {
    pub(super) store_id: u128,
    pub(super) generation: u64,
    pub(super) epoch: Epoch,
}

/// A base on its way to the disk: rows are taken from the live ones here, a thread writes and syncs.
pub(super) struct BaseWriter {
    /// Taken when everything was handed over.
    blocks: Option<SyncSender<Block>>,
    thread: Option<JoinHandle<Result<Seal, Fault>>>,
    /// A block that found no room in the queue.
    held: Option<Block>,
    /// The last row that was taken.
    cursor: Option<Key>,
    is_all_taken: bool,
}

struct Block {
    body: Vec<u8>,
    is_last: bool,
}

impl BaseWriter {
    /// Begins to write a base to this file. What was there did not count.
    pub(super) fn start(path: PathBuf, identity: Identity) -> Result<Self, Fault> {
        let (blocks, queue) = sync_channel(BLOCKS_WAITING_MAX);
        let writing = move || {
            // What was cut short takes up room for nothing.
            write(&path, identity, &queue).inspect_err(|_| drop(file::remove(&path)))
        };
        let thread = std::thread::Builder::new().name("muster-base".to_owned()).spawn(writing)?;
        Ok(Self { blocks: Some(blocks), thread: Some(thread), held: None, cursor: None, is_all_taken: false })
    }

    /// Takes about so many bytes of rows more. Without `may_wait` it takes less when the disk does not keep up.
    pub(super) fn feed(&mut self, rows: &Rows, bytes: usize, may_wait: bool) {
        let mut taken = 0;
        while taken < bytes {
            let Some(block) = self.held.take().or_else(|| self.next_block(rows)) else { break };
            let Some(blocks) = &self.blocks else { return };
            taken += block.body.len();
            let is_last = block.is_last;
            if may_wait {
                // A thread that has ended has a reason, which is told by `finished`.
                let _ = blocks.send(block);
            } else if let Err(TrySendError::Full(block)) = blocks.try_send(block) {
                self.held = Some(block);
                return;
            }
            if is_last {
                self.blocks = None;
                return;
            }
        }
    }

    /// Whether the base is durable, or will never be.
    pub(super) fn is_finished(&self) -> bool {
        self.thread.as_ref().is_none_or(JoinHandle::is_finished)
    }

    /// Waits for the end of it.
    pub(super) fn finish(mut self) -> Result<Seal, Fault> {
        self.blocks = None;
        let ended = self.thread.take().map(JoinHandle::join);
        ended.and_then(Result::ok).unwrap_or_else(|| Err(Fault::from(io::Error::other("the thread broke down"))))
    }

    fn next_block(&mut self, rows: &Rows) -> Option<Block> {
        if self.is_all_taken {
            return None;
        }
        let mut block = Block { body: Vec::with_capacity(BLOCK_BYTES), is_last: true };
        let mut last = None;
        for (key, value) in rows.after(self.cursor.as_ref()) {
            if block.body.len() >= BLOCK_BYTES {
                block.is_last = false;
                break;
            }
            body::put(&mut block.body, key, value);
            last = Some(key);
        }
        self.is_all_taken = block.is_last;
        self.cursor = last.cloned();
        Some(block)
    }
}

impl Drop for BaseWriter {
    fn drop(&mut self) {
        self.blocks = None;
        if let Some(thread) = self.thread.take() {
            // The file must not be written to by a thread of which nobody knows; a base without its last block never counts.
            let _ = thread.join();
        }
    }
}

/// Reads a base. Every byte of it is what was written, or it is refused with the place.
pub(super) fn read(path: &Path, identity: Identity, seal: Seal) -> Result<Rows, OpenError> {
    let refused = |offset, fault| OpenError::Base { path: path.to_owned(), offset, fault };
    let failed = |action, source| OpenError::Io { action, path: path.to_owned(), source };
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(refused(0, BaseFault::Missing)),
        opened => opened.map_err(|source| failed("open", source))?,
    };
    let found = file.metadata().map_err(|source| failed("read", source))?.len();
    let mut reader = BufReader::with_capacity(READ_BYTES, file);
    let mut chain = Chain::new(identity);
    let mut rows = Rows::default();
    let mut block = Vec::new();
    let mut offset = 0;
    loop {
        if !read_block(&mut reader, seal.bytes.saturating_sub(offset), &mut block)
            .map_err(|source| failed("read", source))?
        {
            return Err(refused(offset, BaseFault::Cut { found, expected: seal.bytes }));
        }
        let frame = chain.take(&block).map_err(|fault| refused(offset, fault))?;
        let (is_last, writes) = (frame.is_last, body::decode(frame.body));
        rows.apply(writes.map_err(|fault| refused(offset, BaseFault::Rows(fault)))?);
        if is_last {
            break;
        }
        offset += block.len() as u64;
    }
    let end = offset + block.len() as u64;
    if chain.previous != seal.hash || end != seal.bytes || found != seal.bytes {
        return Err(refused(offset, BaseFault::WrongEnd { found, expected: seal.bytes }));
    }
    Ok(rows)
}

/// Reads the next block, which has at most `bytes_max` bytes; false when the file is cut there.
fn read_block(reader: &mut impl Read, bytes_max: u64, block: &mut Vec<u8>) -> io::Result<bool> {
    let mut header = [0; HEADER_BYTES];
    block.clear();
    if !read_whole(reader, &mut header)? {
        return Ok(false);
    }
    let body_bytes = Frame::body_bytes(&header).min(bytes_max).min(BLOCK_BYTES_MAX);
    block.extend(header);
    block.resize(HEADER_BYTES + usize::try_from(body_bytes).map_err(io::Error::other)?, 0);
    read_whole(reader, &mut block[HEADER_BYTES..])
}

fn read_whole(reader: &mut impl Read, bytes: &mut [u8]) -> io::Result<bool> {
    match reader.read_exact(bytes) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
        Ok(()) => Ok(true),
    }
}

fn write(path: &Path, identity: Identity, queue: &Receiver<Block>) -> Result<Seal, Fault> {
    let mut file = File::create(path)?;
    let mut chain = Chain::new(identity);
    let (mut bytes, mut unsynced) = (0, 0);
    // The queue ends without a last block when the writer is given up.
    while let Ok(Block { body, is_last }) = queue.recv() {
        let frame = chain.next(is_last, &body);
        file.write_all(&frame)?;
        bytes += frame.len() as u64;
        unsynced += frame.len();
        if is_last {
            file.sync_all()?;
            file::sync_directory(path.parent().unwrap_or(Path::new(".")))?;
            return Ok(Seal { bytes, hash: chain.previous });
        }
        if unsynced >= SYNC_BYTES {
            // Little by little, so that no commit's own sync waits for all of it at once.
            file.sync_data()?;
            unsynced = 0;
        }
    }
    Err(Fault::from(io::Error::other("it was given up")))
}

/// The place in the chain of blocks.
struct Chain {
    epoch: Epoch,
    seq: u64,
    previous: Hash,
}

impl Chain {
    fn new(identity: Identity) -> Self {
        let Identity { store_id, generation, epoch } = identity;
        let mut name = store_id.to_le_bytes().to_vec();
        name.extend(generation.to_le_bytes());
        Self { epoch, seq: 0, previous: Hash::of(&name) }
    }

    fn next(&mut self, is_last: bool, body: &[u8]) -> Vec<u8> {
        self.seq += 1;
        let (epoch, seq, previous) = (self.epoch, self.seq, self.previous);
        let bytes = Frame { kind: Kind::Base, is_last, epoch, seq, previous, body }.encode();
        self.previous = Hash::of(&bytes);
        bytes
    }

    fn take<'a>(&mut self, bytes: &'a [u8]) -> Result<Frame<'a>, BaseFault> {
        let frame = Frame::decode(bytes)?;
        self.seq += 1;
        let expected = (Kind::Base, self.epoch, self.seq, self.previous);
        if (frame.kind, frame.epoch, frame.seq, frame.previous) != expected {
            return Err(BaseFault::Foreign);
        }
        self.previous = Hash::of(bytes);
        Ok(frame)
    }
}

/// Bytes of rows in a block; one row more may follow.
const BLOCK_BYTES: usize = 128 << 10;
/// No block is larger: what another length says is damaged.
const BLOCK_BYTES_MAX: u64 = (BLOCK_BYTES + KEY_BYTES_MAX + VALUE_BYTES_MAX + 32) as u64;
const BLOCKS_WAITING_MAX: usize = 16;
const SYNC_BYTES: usize = 2 << 20;
const READ_BYTES: usize = 256 << 10;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{RowWrite, Value};

    const IDENTITY: Identity = Identity { store_id: 7, generation: 3, epoch: Epoch(2) };

    fn rows(count: u32) -> Rows {
        let mut rows = Rows::default();
        rows.apply(
            (0..count).map(|row| RowWrite::Put {
                key: Key(row.to_be_bytes().to_vec()),
                value: Value(vec![row as u8; 1_000]),
            }),
        );
        rows
    }

    fn written(path: &Path, rows: &Rows) -> Seal {
        let mut writer = BaseWriter::start(path.to_owned(), IDENTITY).expect("a thread can be started");
        writer.feed(rows, usize::MAX, true);
        writer.finish().expect("it can be written")
    }

    #[test]
    fn a_base_is_read_as_it_was_written() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("base");
        for count in [0, 1, 500] {
            let rows = rows(count);
            let seal = written(&path, &rows);
            let read = read(&path, IDENTITY, seal).expect("nothing is wrong with it");
            assert!(read.after(None).eq(rows.after(None)), "{count} rows");
        }
    }

    #[test]
    fn what_is_committed_meanwhile_is_in_the_journal_or_in_the_base() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("base");
        let mut rows = rows(500);
        let mut writer = BaseWriter::start(path.clone(), IDENTITY).expect("a thread can be started");
        writer.feed(&rows, 1, true);
        let late = |row: u32| Key(row.to_be_bytes().to_vec());
        let mut journal = Vec::new();
        for row in [0, 499] {
            journal.push(RowWrite::Delete { key: late(row) });
            journal.push(RowWrite::Put { key: late(row + 1_000), value: Value(vec![9]) });
        }
        rows.apply(journal.clone());
        writer.feed(&rows, usize::MAX, true);
        let seal = writer.finish().expect("it can be written");
        let mut read = read(&path, IDENTITY, seal).expect("nothing is wrong with it");
        assert!(read.after(None).any(|(key, _)| *key == late(0)), "it was taken before it was deleted");
        read.apply(journal);
        assert!(read.after(None).eq(rows.after(None)));
    }

    #[test]
    fn every_flipped_bit_and_every_cut_is_refused_with_its_place() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("base");
        let seal = written(&path, &rows(300));
        let bytes = std::fs::read(&path).expect("it is there");
        let refused = |damaged: &[u8]| {
            std::fs::write(&path, damaged).expect("it can be written");
            match read(&path, IDENTITY, seal) {
                Err(OpenError::Base { offset, .. }) => offset,
                other => panic!("expected a refusal, got {:?}", other.map(|rows| rows.len())),
            }
        };
        for bit in (0..bytes.len() * 8).step_by(4_099).chain(0..HEADER_BYTES * 8) {
            let mut damaged = bytes.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert!(refused(&damaged) <= bit as u64 / 8, "bit {bit}");
        }
        for length in (0..bytes.len()).step_by(9_001) {
            assert!(refused(&bytes[..length]) <= length as u64, "cut to {length}");
        }
        refused(&[&bytes[..], &[0]].concat());
    }

    #[test]
    fn the_base_of_another_generation_is_refused() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("base");
        let seal = written(&path, &rows(3));
        let refused = read(&path, Identity { generation: 4, ..IDENTITY }, seal);
        assert!(matches!(refused, Err(OpenError::Base { offset: 0, fault: BaseFault::Foreign, .. })));
    }
}
