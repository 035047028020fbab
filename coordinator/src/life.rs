//! How a life of the coordinator begins: on what the store holds, as soon as its disk has room.

use std::collections::VecDeque;
use std::time::Duration;

use muster_common::control::Stamp;
use muster_common::id::Epoch;
use muster_scheduler::{RestoreError, Scheduler};
use muster_service::clock::SystemClock;
use tokio::sync::watch;

use crate::commits::{BeginError, Begun, Commits};
use crate::condition::Condition;
use crate::driver::{Driver, Parts, receive};
use crate::handle::Message;
use crate::reader::Reader;
use crate::store::Store;

/// A coordinator whose store has been opened, or waits for room to be.
#[derive(Debug)]
pub(crate) struct FirstLife {
    parts: Parts,
    commits: Commits,
    begun: Result<(Scheduler, Stamp), LifeError>,
    stamp_told: watch::Sender<Stamp>,
}

/// A life cannot begin.
#[derive(Debug, thiserror::Error)]
pub enum LifeError {
    /// The store does not let it.
    #[error(transparent)]
    Begin(#[from] BeginError),
    /// What is stored makes no whole.
    #[error("the stored rows do not fit together; keep a copy of the data directory and restore a backup")]
    Restore(#[source] RestoreError),
    /// The system gives no thread.
    #[error("cannot start the store's thread")]
    Thread(#[source] std::io::Error),
}

impl LifeError {
    /// Whether it may go away when somebody makes room on the disk.
    pub(crate) fn is_no_space(&self) -> bool {
        match self {
            Self::Begin(BeginError::Open(error)) => error.is_no_space(),
            Self::Begin(BeginError::Epoch(error)) => error.is_no_space(),
            Self::Begin(BeginError::Row(_) | BeginError::ThreadEnded) | Self::Restore(_) | Self::Thread(_) => false,
        }
    }
}

impl FirstLife {
    /// Opens the store and begins a life on it. Nothing is sent to anybody before [`Self::run`]. On a full disk the life
    /// begins only there.
    pub(crate) async fn open(store: Box<dyn Store>, parts: Parts) -> Result<Self, LifeError> {
        let mut commits = Commits::start(store).map_err(LifeError::Thread)?;
        let begun = match begin(&mut commits, &parts).await {
            Err(error) if !error.is_no_space() => return Err(error),
            begun => begun,
        };
        let none = Stamp { store_id: 0, epoch: Epoch(0) };
        let stamp = begun.as_ref().map_or(none, |(_, stamp)| *stamp);
        let condition = if begun.is_ok() { Condition::Serving } else { Condition::NoRoom };
        parts.condition.send_replace(condition);
        Ok(Self { parts, commits, begun, stamp_told: watch::Sender::new(stamp) })
    }

    /// The life that runs, as it changes.
    pub(crate) fn stamp(&self) -> watch::Receiver<Stamp> {
        self.stamp_told.subscribe()
    }

    /// Drives this life and those that follow it until the coordinator is told to end.
    ///
    /// # Errors
    /// If a commit has failed and no new life can begin. The store may hold what nobody was told of.
    pub(crate) async fn run(self) -> Result<(), LifeError> {
        let Self { mut parts, mut commits, begun, stamp_told } = self;
        let mut waiting = VecDeque::new();
        let begun = match begun {
            Ok(begun) => Some(begun),
            Err(error) => wait_for_room(&mut commits, &mut parts, &mut waiting, error).await?,
        };
        waiting.drain(..).for_each(Message::turn_away);
        let Some(begun) = begun else {
            commits.close().await;
            return Ok(());
        };
        stamp_told.send_replace(begun.1);
        parts.condition.send_replace(Condition::Serving);
        Driver::new(parts, commits, begun, stamp_told).run().await
    }
}

/// Begins a life in a new epoch.
pub(crate) async fn begin(commits: &mut Commits, parts: &Parts) -> Result<(Scheduler, Stamp), LifeError> {
    let Begun { store_id, epoch, rows, unknown_rows, restored } = commits.begin().await?;
    if unknown_rows > 0 {
        tracing::warn!(rows = unknown_rows, "the store holds rows of a newer coordinator; they are left as they are");
    }
    if let Some(restored) = &restored {
        let (open_runs, taken_unix_ms) = (restored.open_runs.len(), restored.taken.unix_ms);
        tracing::info!(open_runs, taken_unix_ms, "the store was made from a backup");
    }
    parts.history.reset(&rows, restored);
    let now = SystemClock.now();
    let scheduler = Scheduler::restore(parts.config.clone(), epoch, rows, now).map_err(LifeError::Restore)?;
    Ok((scheduler, Stamp { store_id, epoch }))
}

/// Begins a life once there is room for it on the disk. Meanwhile questions are answered from what is stored, and whoever
/// else comes is turned away. None: the coordinator is told to end.
pub(crate) async fn wait_for_room(
    commits: &mut Commits,
    parts: &mut Parts,
    waiting: &mut VecDeque<Message>,
    mut error: LifeError,
) -> Result<Option<(Scheduler, Stamp)>, LifeError> {
    parts.condition.send_replace(Condition::NoRoom);
    let mut reader = Reader::open(commits, parts).await?;
    let mut looks = 0_u64;
    loop {
        if looks.is_multiple_of(LOOKS_PER_WORD) {
            tracing::error!(error = &error as &dyn std::error::Error, "the coordinator waits for room on its disk");
        }
        looks += 1;
        let mut pause = std::pin::pin!(tokio::time::sleep(PAUSE));
        loop {
            tokio::select! {
                () = parts.shutdown.wait() => return Ok(None),
                () = &mut pause => break,
                _ = receive(&mut parts.inbox, waiting) => waiting.drain(..).for_each(|message| reader.take(message)),
            }
        }
        match begin(commits, parts).await {
            Ok(begun) => return Ok(Some(begun)),
            Err(next) if next.is_no_space() => error = next,
            Err(error) => return Err(error),
        }
    }
}

/// Time between two looks for room on a full disk.
const PAUSE: Duration = Duration::from_secs(1);
/// Looks for room of which the first is told.
const LOOKS_PER_WORD: u64 = 60;
