//! Appends commits to a journal.

use std::path::Path;

use muster_common::id::Epoch;

use super::body;
use super::engine::{Engine, Fault};
use super::file;
use super::frame::{BODY_BYTES_MAX, Frame, Hash, Kind, Position};
use crate::store::RowWrite;

/// The writing end of a journal. After a fault its memory and its disk may differ: it takes no more appends.
pub(super) struct Journal {
    engine: Engine,
    end: Position,
    bytes: u64,
}

/// One commit on its way into the journal. Without [`finish`](Self::finish) it never counts.
pub(super) struct Append<'a> {
    journal: &'a mut Journal,
    kind: Kind,
    epoch: Epoch,
    body: Vec<u8>,
}

/// Makes an empty journal in this directory, durable. What was there did not count.
pub(super) fn create(dir: &Path, cache_bytes: u64) -> Result<Engine, Fault> {
    file::remove_directory(dir)?;
    file::create_directory(dir)?;
    let engine = Engine::open(dir, cache_bytes)?;
    engine.sync_all(dir)?;
    Ok(engine)
}

impl Journal {
    /// Goes on after the frame at `end`. `bytes` is the size of the frames that are there.
    pub(super) fn new(engine: Engine, end: Position, bytes: u64) -> Self {
        Self { engine, end, bytes }
    }

    /// Begins a commit.
    pub(super) fn append(&mut self, kind: Kind, epoch: Epoch) -> Append<'_> {
        Append { journal: self, kind, epoch, body: Vec::new() }
    }

    /// Makes all finished commits durable.
    pub(super) fn sync(&self) -> Result<(), Fault> {
        self.engine.sync()
    }

    /// Stops writing; what is left is to close the engine.
    pub(super) fn into_engine(self) -> Engine {
        self.engine
    }

    /// The newest frame.
    pub(super) fn end(&self) -> Position {
        self.end
    }

    /// Bytes of all frames.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    fn push(&mut self, kind: Kind, epoch: Epoch, is_last: bool, body: &[u8]) -> Result<(), Fault> {
        let frame = Frame { kind, is_last, epoch, seq: self.end.seq + 1, previous: self.end.hash, body };
        let bytes = frame.encode();
        self.end = Position { seq: frame.seq, hash: Hash::of(&bytes) };
        self.bytes += bytes.len() as u64;
        self.engine.insert(self.end.seq, bytes)
    }
}

impl Append<'_> {
    /// Adds a write.
    pub(super) fn write(&mut self, write: &RowWrite) -> Result<(), Fault> {
        body::write(&mut self.body, write);
        self.spill()
    }

    /// Adds the frame that makes the commit count once the journal is synced.
    pub(super) fn finish(self) -> Result<(), Fault> {
        self.journal.push(self.kind, self.epoch, true, &self.body)
    }

    /// Moves what fills a frame into the journal and keeps a rest, so that the last frame is never missing.
    fn spill(&mut self) -> Result<(), Fault> {
        let mut spilled = 0;
        while self.body.len() - spilled > BODY_BYTES_MAX {
            let part = &self.body[spilled..spilled + BODY_BYTES_MAX];
            self.journal.push(self.kind, self.epoch, false, part)?;
            spilled += BODY_BYTES_MAX;
        }
        self.body.drain(..spilled);
        Ok(())
    }
}
