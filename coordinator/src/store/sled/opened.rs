//! A store that is open: the journal that is written to, the rows, the mark beside it, and the way to the next generation.

use std::io;
use std::path::{Path, PathBuf};

use muster_common::id::Epoch;
use uuid::Uuid;

use super::base::{BaseWriter, Identity, Seal};
use super::engine::{Engine, Fault};
use super::frame::{Hash, Kind, Position};
use super::journal::{self, Journal};
use super::layout;
use super::manifest::{Manifest, Next};
use super::recovery::{self, Found};
use super::room::{self, NoRoom};
use super::store::SledOptions;
use super::succession::{Succession, Task, prepare};
use super::tail::{self, TailMark};
use crate::store::rows::Rows;
use crate::store::{Loaded, ManifestFault, OpenError, RowWrite, Space, TailFault};

/// All parts of an open store. After a fault in [`write`](Self::write) it must be dropped.
pub(super) struct Opened {
    dir: PathBuf,
    options: SledOptions,
    manifest: Manifest,
    journal: Journal,
    tail: TailMark,
    rows: Rows,
    epoch: Epoch,
    succession: Succession,
    /// Removes what does not count any more.
    tidying: Option<Task<()>>,
    /// The journal's size above which the next generation is tried again after it was postponed.
    retry_above: u64,
}

/// The next generation could not be begun, or not ended.
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
        let (manifest, mut tail) = match (Manifest::read(dir)?, TailMark::open(dir)?) {
            (Some(manifest), Some(tail)) => (manifest, tail),
            (Some(_), None) => {
                return Err(OpenError::TailMark { path: dir.join(tail::NAME), fault: TailFault::Missing });
            }
            (None, tail) => create(dir, &options, tail.as_ref())?,
        };
        let failed = |action, source| OpenError::Io { action, path: dir.to_owned(), source };
        let Found { journal, content, is_repaired } =
            recovery::open(dir, &manifest, tail.newest(), options.cache_bytes)?;
        layout::remove_others(dir, &manifest).map_err(|source| failed("clean", source))?;
        let known = tail.newest().seq.max(manifest.complete.seq);
        let is_exact = !content.has_leftovers && content.end.seq <= known;
        let (rows, epoch) = (content.rows, content.epoch);
        let (manifest, journal) = if anew || is_repaired || !is_exact {
            require_room(dir, OPENING_BYTES + base_bytes(&rows))?;
            drop(journal);
            let generation = manifest.generation + 2;
            let start =
                Start { identity: Identity { generation, epoch, ..recovery::identity(&manifest) }, at: content.end };
            let begun = start.begin(dir, &rows, options.cache_bytes);
            let (manifest, journal) = begun.map_err(|fault| fault.into_open_error(dir))?;
            manifest.write(dir).map_err(|source| failed("write the manifest in", source))?;
            tail.move_to(content.end).map_err(|source| failed("move the tail mark in", source))?;
            layout::remove_others(dir, &manifest).map_err(|source| failed("clean", source))?;
            (manifest, journal)
        } else {
            (manifest, journal)
        };
        Ok(Self {
            dir: dir.to_owned(),
            options,
            manifest,
            journal,
            tail,
            rows,
            epoch,
            succession: Succession::Idle,
            tidying: None,
            retry_above: 0,
        })
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

    /// Goes on towards the next generation after a commit of so many bytes: begins it when the journal has grown beyond
    /// its share, and takes a part of the rows for it.
    pub(super) fn advance(&mut self, committed_bytes: usize) -> Result<(), NextFault> {
        let result = match std::mem::take(&mut self.succession) {
            Succession::Idle if self.is_next_due() => self.begin_next(),
            Succession::Idle => Ok(()),
            Succession::Preparing(task) if task.is_finished() => self.switch(task),
            Succession::Preparing(task) => {
                self.succession = Succession::Preparing(task);
                Ok(())
            }
            Succession::Writing(writer) => self.write_base(writer, committed_bytes),
        };
        if result.is_err() {
            self.retry_above = self.journal.bytes() + self.options.generation_bytes_min;
        }
        result
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
            written_bytes: self.manifest.base.bytes + self.journal.bytes(),
            generation: self.manifest.generation,
        }
    }

    fn is_next_due(&self) -> bool {
        let bytes = self.journal.bytes();
        // A base that was cut short by the end of a process is begun again at once.
        bytes > self.retry_above && (self.manifest.next.is_some() || bytes > self.journal_bytes_max())
    }

    /// What is replaced stays in the journal until the next generation: a share of what lives.
    fn journal_bytes_max(&self) -> u64 {
        self.options.generation_bytes_min.max(self.rows.bytes() / JOURNAL_SHARE)
    }

    fn begin_next(&mut self) -> Result<(), NextFault> {
        let needed = self.options.free_bytes_min + base_bytes(&self.rows);
        self.require_room(needed).map_err(NextFault::Postponed)?;
        self.succession = if let Some(next) = self.manifest.next {
            Succession::Writing(self.start_base(next)?)
        } else {
            let dir = layout::journal(&self.dir, self.manifest.generation + 1);
            Succession::Preparing(prepare(dir, self.options.cache_bytes).map_err(NextFault::Postponed)?)
        };
        Ok(())
    }

    /// From here on commits go to the next journal.
    fn switch(&mut self, task: Task<Result<Engine, Fault>>) -> Result<(), NextFault> {
        let broken = || Err(Fault::from(io::Error::other("the thread that makes the next journal broke down")));
        let engine = task.finish().unwrap_or_else(broken).map_err(NextFault::Postponed)?;
        let end = self.journal.end();
        let next = Next { epoch: self.epoch, before: end };
        let manifest = Manifest { next: Some(next), ..self.manifest };
        manifest.write(&self.dir).map_err(unclear)?;
        self.manifest = manifest;
        let closed = std::mem::replace(&mut self.journal, Journal::new(engine, end, 0)).into_engine();
        // Closing takes sled a while.
        self.tidying = Task::start("muster-tidy", move || drop(closed)).ok();
        self.succession = Succession::Writing(self.start_base(next)?);
        Ok(())
    }

    fn start_base(&self, next: Next) -> Result<BaseWriter, NextFault> {
        let Manifest { store_id, generation, .. } = self.manifest;
        let generation = generation + 1;
        let identity = Identity { store_id, generation, epoch: next.epoch };
        BaseWriter::start(layout::base(&self.dir, generation), identity).map_err(NextFault::Postponed)
    }

    fn write_base(&mut self, mut writer: BaseWriter, committed_bytes: usize) -> Result<(), NextFault> {
        let bytes = FEED_BYTES_MIN.max(committed_bytes.saturating_mul(FEED_SHARE));
        let is_behind = self.journal.bytes() > self.journal_bytes_max() / 2;
        writer.feed(&self.rows, bytes, is_behind);
        if !writer.is_finished() {
            self.succession = Succession::Writing(writer);
            return Ok(());
        }
        let seal = writer.finish().map_err(NextFault::Postponed)?;
        self.succeed(seal)
    }

    /// The next generation is whole: it counts, and the one before it does not any more.
    fn succeed(&mut self, base: Seal) -> Result<(), NextFault> {
        let Some(Next { epoch, before }) = self.manifest.next else {
            unreachable!("its journal was begun before its base")
        };
        let (store_id, generation) = (self.manifest.store_id, self.manifest.generation + 1);
        let complete = self.journal.end();
        let manifest = Manifest { store_id, generation, epoch, base, before, complete, next: None };
        manifest.write(&self.dir).map_err(unclear)?;
        self.manifest = manifest;
        self.retry_above = 0;
        let dir = self.dir.clone();
        // What cannot be removed now does not count any more, and is tried again when the store is opened.
        let tidy = move || drop(remove(&dir, generation - 1));
        // The one before is awaited first: it holds the journal that is to be removed.
        self.tidying = None;
        self.tidying = Task::start("muster-tidy", tidy).ok();
        Ok(())
    }

    fn require_room(&self, needed: u64) -> Result<(), Fault> {
        room::require(&self.dir, needed)?.map_err(|NoRoom { needed, available }| Fault {
            detail: format!("{available} bytes are free, {needed} are needed"),
            is_no_space: true,
        })
    }
}

impl NextFault {
    /// The fault, whatever it means.
    pub(super) fn fault(&self) -> &Fault {
        match self {
            Self::Postponed(fault) | Self::Unclear(fault) => fault,
        }
    }
}

/// A generation that begins while nothing else happens.
struct Start {
    identity: Identity,
    /// The last frame before it.
    at: Position,
}

impl Start {
    /// Makes its base and its journal. It counts once the manifest is written.
    fn begin(self, dir: &Path, rows: &Rows, cache_bytes: u64) -> Result<(Manifest, Journal), Fault> {
        let Self { identity, at } = self;
        let Identity { store_id, generation, epoch } = identity;
        let engine = journal::create(&layout::journal(dir, generation), cache_bytes)?;
        let mut writer = BaseWriter::start(layout::base(dir, generation), identity)?;
        writer.feed(rows, usize::MAX, true);
        let base = writer.finish()?;
        let manifest = Manifest { store_id, generation, epoch, base, before: at, complete: at, next: None };
        Ok((manifest, Journal::new(engine, at, 0)))
    }
}

/// Creates an empty store. Where a crash comes in between, nothing was acknowledged and it begins again.
fn create(dir: &Path, options: &SledOptions, tail: Option<&TailMark>) -> Result<(Manifest, TailMark), OpenError> {
    let leftovers = layout::all(dir);
    let leftovers = leftovers.map_err(|source| OpenError::Io { action: "read", path: dir.to_owned(), source })?;
    if tail.map_or(!leftovers.is_empty(), |tail| tail.newest().seq > 0) {
        return Err(OpenError::Manifest { path: Manifest::path(dir), fault: ManifestFault::Missing });
    }
    let nothing = Loaded { store_id: Uuid::new_v4().as_u128(), epoch: Epoch(0), rows: Vec::new() };
    create_with(dir, options, nothing)
}

/// Creates a store that holds this: first the mark, then the generation, at last the manifest.
pub(super) fn create_with(
    dir: &Path,
    options: &SledOptions,
    content: Loaded,
) -> Result<(Manifest, TailMark), OpenError> {
    let failed = |action, source| OpenError::Io { action, path: dir.to_owned(), source };
    let Loaded { store_id, epoch, rows: content } = content;
    let mut rows = Rows::default();
    rows.apply(content.into_iter().map(|(key, value)| RowWrite::Put { key, value }));
    let at = Position { seq: 0, hash: Hash::of(&store_id.to_le_bytes()) };
    let tail = TailMark::create(dir, at).map_err(|source| failed("create the tail mark in", source))?;
    let start = Start { identity: Identity { store_id, generation: 1, epoch }, at };
    let begun = start.begin(dir, &rows, options.cache_bytes);
    let (manifest, journal) = begun.map_err(|fault| fault.into_open_error(dir))?;
    drop(journal);
    manifest.write(dir).map_err(|source| failed("write the manifest in", source))?;
    Ok((manifest, tail))
}

fn remove(dir: &Path, generation: u64) -> io::Result<()> {
    super::file::remove(&layout::base(dir, generation))?;
    super::file::remove_directory(&layout::journal(dir, generation))
}

fn require_room(dir: &Path, needed: u64) -> Result<(), OpenError> {
    let found = room::require(dir, needed);
    let found =
        found.map_err(|source| OpenError::Io { action: "ask for the free room of", path: dir.into(), source })?;
    found.map_err(|NoRoom { needed, available }| OpenError::NoSpace { dir: dir.into(), needed, available })
}

fn unclear(error: io::Error) -> NextFault {
    NextFault::Unclear(error.into())
}

/// What a base of these rows takes on the disk, rounded up.
fn base_bytes(rows: &Rows) -> u64 {
    rows.bytes() + rows.len() * BASE_ROW_BYTES
}

/// Recovery rewrites at most one segment of sled's (512 KiB), a snapshot and our own small files.
const OPENING_BYTES: u64 = 2 << 20;
/// A frame is written once by itself and about twice more with its page.
const WRITE_AMPLIFICATION: u64 = 4;
/// The journal may hold this part of the live bytes: with a base, its successor and what sled adds, the disk holds less
/// than three times what lives.
const JOURNAL_SHARE: u64 = 5;
/// Bytes of rows that go into the next base with each commit, and for each byte of it.
const FEED_BYTES_MIN: usize = 256 << 10;
const FEED_SHARE: usize = 16;
/// What stands around a row in a base.
const BASE_ROW_BYTES: u64 = 16;
