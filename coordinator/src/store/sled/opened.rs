//! A store that is open: the generation that counts, the rows in it, and the mark beside it.

use std::io;
use std::path::{Path, PathBuf};

use muster_common::id::Epoch;
use uuid::Uuid;

use super::engine::Fault;
use super::frame::{Hash, Kind, Position};
use super::generation::{self, Found};
use super::journal::Journal;
use super::manifest::Manifest;
use super::room::{self, NoRoom};
use super::store::SledOptions;
use super::tail::{self, TailMark};
use crate::store::rows::Rows;
use crate::store::{ManifestFault, OpenError, RowWrite, Space, TailFault};

/// All parts of an open store. After a fault in [`write`](Self::write) it must be dropped.
pub(super) struct Opened {
    dir: PathBuf,
    options: SledOptions,
    manifest: Manifest,
    journal: Journal,
    tail: TailMark,
    rows: Rows,
    epoch: Epoch,
    /// The journal's size above which the next generation is considered.
    next_above: u64,
}

/// The next generation could not be begun.
pub(super) enum NextFault {
    /// The present one goes on as if nothing had been tried.
    Postponed(Fault),
    /// It is not known which of the two counts.
    Unclear(Fault),
}

impl Opened {
    /// Opens the store, or creates one where there is none. With `anew` the rows move to a new generation whatever was
    /// found: what a failed sync left in memory may never reach the disk.
    pub(super) fn open(dir: &Path, options: SledOptions, anew: bool) -> Result<Self, OpenError> {
        require_room(dir, OPENING_BYTES)?;
        let (manifest, tail) = match (Manifest::read(dir)?, TailMark::open(dir)?) {
            (Some(manifest), Some(tail)) => (manifest, tail),
            (Some(_), None) => {
                return Err(OpenError::TailMark { path: dir.join(tail::NAME), fault: TailFault::Missing });
            }
            (None, tail) => Self::create(dir, &options, tail.as_ref())?,
        };
        let Found { journal, content, is_repaired } =
            generation::open(dir, &manifest, tail.newest(), options.cache_bytes)?;
        let is_exact = !content.has_leftovers && content.end.seq <= tail.newest().seq.max(manifest.base.seq);
        let (rows, epoch) = (content.rows, content.epoch);
        let next_above = options.generation_bytes_min;
        let mut opened = Self { dir: dir.to_owned(), options, manifest, journal, tail, rows, epoch, next_above };
        generation::remove_others(dir, manifest.generation).map_err(|source| opened.failed("clean", source))?;
        if anew || is_repaired || !is_exact {
            require_room(dir, OPENING_BYTES + 2 * opened.rows.bytes())?;
            let next = generation::directory(dir, opened.manifest.generation + 1);
            opened.begin_generation().map_err(|fault| fault.into_fault().into_open_error(&next))?;
        }
        Ok(opened)
    }

    /// Writes one commit and makes it durable, then carries it out on the rows.
    pub(super) fn write(&mut self, kind: Kind, epoch: Epoch, writes: Vec<RowWrite>) -> Result<(), Fault> {
        let mut append = self.journal.append(kind, epoch);
        for write in &writes {
            append.write(write)?;
        }
        append.finish()?;
        self.journal.sync()?;
        self.tail.move_to(self.journal.end())?;
        self.rows.apply(writes);
        self.epoch = epoch;
        Ok(())
    }

    /// Garbage outweighs the live rows.
    pub(super) fn is_next_due(&self) -> bool {
        let written = self.journal.bytes();
        written > self.next_above && written.saturating_sub(self.rows.bytes()) > self.rows.bytes()
    }

    /// Moves the live rows to a new generation and removes the old one.
    pub(super) fn begin_generation(&mut self) -> Result<(), NextFault> {
        let written = self.journal.bytes();
        self.next_above = written.max(self.options.generation_bytes_min) + self.options.generation_bytes_min;
        let postponed = |fault: Fault| NextFault::Postponed(fault);
        let needed = self.options.free_bytes_min + 2 * self.rows.bytes();
        self.require_room(needed).map_err(postponed)?;
        let plan = Manifest {
            generation: self.manifest.generation + 1,
            epoch: self.epoch,
            before: self.journal.end(),
            ..self.manifest
        };
        let (journal, manifest) =
            generation::create(&self.dir, plan, &self.rows, self.options.cache_bytes).map_err(postponed)?;
        let unclear = |error: io::Error| NextFault::Unclear(error.into());
        manifest.write(&self.dir).map_err(unclear)?;
        self.tail.move_to(manifest.base).map_err(unclear)?;
        (self.journal, self.manifest) = (journal, manifest);
        self.next_above = self.options.generation_bytes_min;
        // What cannot be removed now does not count any more, and is tried again by the next one and when opening.
        let _ = generation::remove_others(&self.dir, manifest.generation);
        Ok(())
    }

    /// Refuses while the disk has less room than the writes need and the next opening may need.
    pub(super) fn require_room_for(&self, bytes: usize) -> Result<(), Fault> {
        self.require_room(self.options.free_bytes_min + WRITE_AMPLIFICATION * bytes as u64)
    }

    pub(super) fn store_id(&self) -> u128 {
        self.manifest.store_id
    }

    pub(super) fn epoch(&self) -> Epoch {
        self.epoch
    }

    pub(super) fn rows(&self) -> &Rows {
        &self.rows
    }

    pub(super) fn space(&self) -> Space {
        Space {
            live_rows: self.rows.len(),
            live_bytes: self.rows.bytes(),
            written_bytes: self.journal.bytes(),
            generation: self.manifest.generation,
        }
    }

    /// Creates an empty store: first the mark, then the generation, at last the manifest. Where a crash came between,
    /// nothing was acknowledged and it begins again.
    fn create(dir: &Path, options: &SledOptions, tail: Option<&TailMark>) -> Result<(Manifest, TailMark), OpenError> {
        let failed = |action, source| OpenError::Io { action, path: dir.to_owned(), source };
        let leftovers = generation::all(dir).map_err(|source| failed("read", source))?;
        if tail.map_or(!leftovers.is_empty(), |tail| tail.newest().seq > 0) {
            return Err(OpenError::Manifest { path: Manifest::path(dir), fault: ManifestFault::Missing });
        }
        let store_id = Uuid::new_v4().as_u128();
        let before = Position { seq: 0, hash: Hash::of(&store_id.to_le_bytes()) };
        let tail = TailMark::create(dir, before).map_err(|source| failed("create the tail mark in", source))?;
        let plan = Manifest { store_id, generation: 1, epoch: Epoch(0), before, base: before };
        let created = generation::create(dir, plan, &Rows::default(), options.cache_bytes);
        let created_dir = generation::directory(dir, plan.generation);
        let (journal, manifest) = created.map_err(|fault| fault.into_open_error(&created_dir))?;
        drop(journal);
        manifest.write(dir).map_err(|source| failed("write the manifest in", source))?;
        Ok((manifest, tail))
    }

    fn require_room(&self, needed: u64) -> Result<(), Fault> {
        room::require(&self.dir, needed)?.map_err(|NoRoom { needed, available }| Fault {
            detail: format!("{available} bytes are free, {needed} are needed"),
            is_no_space: true,
        })
    }

    fn failed(&self, action: &'static str, source: io::Error) -> OpenError {
        OpenError::Io { action, path: self.dir.clone(), source }
    }
}

impl NextFault {
    fn into_fault(self) -> Fault {
        match self {
            Self::Postponed(fault) | Self::Unclear(fault) => fault,
        }
    }
}

fn require_room(dir: &Path, needed: u64) -> Result<(), OpenError> {
    let found = room::require(dir, needed);
    let found =
        found.map_err(|source| OpenError::Io { action: "ask for the free room of", path: dir.into(), source })?;
    found.map_err(|NoRoom { needed, available }| OpenError::NoSpace { dir: dir.into(), needed, available })
}

/// Recovery rewrites at most one segment of sled's (512 KiB), a snapshot and our own small files.
const OPENING_BYTES: u64 = 2 << 20;
/// A frame is written once by itself and about twice more with its page.
const WRITE_AMPLIFICATION: u64 = 4;
