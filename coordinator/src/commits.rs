//! The thread that owns the store, and the rule that no effect leaves before the writes that it depends on are durable.
//!
//! Effects travel as [`Pending`], which nothing but a [`Committed`] opens; the only place that has one at the right time
//! is this thread, after the commit. What comes back to the driver are effects that may be carried out.

use std::sync::mpsc as std_mpsc;
use std::thread;

use muster_common::id::Epoch;
use muster_common::time::Monotonic;
use muster_scheduler::{Effect, Key, Row, Step, Write};
use tokio::sync::{mpsc, oneshot};

use crate::store::codec::{CodecError, Restored, decode_all, encode_writes};
use crate::store::{self, CommitError, Committed, OpenError, Store, StoreError, WriteBatch};

/// Effects that wait for a commit.
#[derive(Debug, Default)]
pub(crate) struct Pending(Vec<Effect>);

/// What the steps of one turn, or of several, have to store, and what they then want done.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    writes: WriteBatch,
    changes: Vec<Write>,
    pending: Pending,
    steps: usize,
}

/// A batch that is durable.
#[derive(Debug)]
pub(crate) struct Durable {
    /// The proof.
    pub(crate) proof: Committed,
    /// To be carried out now.
    pub(crate) effects: Vec<Effect>,
    /// Those of its writes that [`crate::history`] wants to know of.
    pub(crate) changes: Vec<Write>,
}

/// The beginning of one life of the coordinator on its store.
#[derive(Debug)]
pub(crate) struct Begun {
    /// Identity of the store.
    pub(crate) store_id: u128,
    /// The life's own epoch, durable; or of a store that was only read, the last one.
    pub(crate) epoch: Epoch,
    /// What is stored, in the order of keys.
    pub(crate) rows: Vec<Row>,
    /// How many rows are of kinds that are not known here, and stay as they are.
    pub(crate) unknown_rows: usize,
    /// The store was made from a backup.
    pub(crate) restored: Option<Restored>,
}

/// A life cannot begin on the store.
#[derive(Debug, thiserror::Error)]
pub enum BeginError {
    /// The store cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The epoch cannot be raised.
    #[error("cannot begin a new epoch")]
    Epoch(#[from] StoreError),
    /// What is stored cannot be taken over.
    #[error(transparent)]
    Row(#[from] CodecError),
    /// The thread that owns the store is gone.
    #[error("the thread that owns the store has ended")]
    ThreadEnded,
}

/// The driver's end of the thread. At most one batch is on its way.
#[derive(Debug)]
pub(crate) struct Commits {
    orders: std_mpsc::SyncSender<Order>,
    results: mpsc::Receiver<Result<Durable, CommitError>>,
    begun: mpsc::Receiver<Result<Begun, BeginError>>,
    since: Option<Monotonic>,
}

#[derive(Debug)]
enum Order {
    Begin,
    Read,
    Copy { answer: oneshot::Sender<Result<Rows, StoreError>> },
    Commit { epoch: Epoch, batch: Batch },
}

impl Pending {
    /// Opens the effects. Whoever has the proof of the newest commit before which they may not leave calls this.
    pub(crate) fn release(self, _proof: &Committed) -> Vec<Effect> {
        self.0
    }
}

impl Batch {
    /// Takes in what a step has given.
    pub(crate) fn add(&mut self, step: Step) {
        self.writes.extend(encode_writes(&step.writes));
        self.changes.extend(step.writes.into_iter().filter(is_seen_by_readers));
        self.pending.0.extend(step.effects);
        self.steps += 1;
    }

    /// Whether another step may be added before it is committed.
    pub(crate) fn has_room(&self) -> bool {
        self.steps < STEPS_PER_COMMIT_MAX && self.writes.bytes() < COMMIT_BYTES_AIM
    }

    /// Whether it has nothing to store and nothing to do.
    pub(crate) fn is_empty(&self) -> bool {
        self.writes.is_empty() && self.pending.0.is_empty()
    }

    /// Its effects, if it has nothing to store: they need only the proof of the commit before.
    pub(crate) fn without_writes(&mut self) -> Option<Pending> {
        if !self.writes.is_empty() {
            return None;
        }
        Some(std::mem::take(self).pending)
    }
}

impl Commits {
    /// Starts the thread. The store is not touched before [`Self::begin`].
    ///
    /// # Errors
    /// If the system gives no thread.
    pub(crate) fn start(store: Box<dyn Store>) -> std::io::Result<Self> {
        let (orders, inbox) = std_mpsc::sync_channel(ORDERS_MAX);
        let (results_out, results) = mpsc::channel(1);
        let (begun_out, begun) = mpsc::channel(1);
        let thread = Thread { store, results: results_out, begun: begun_out };
        thread::Builder::new().name("muster-store".to_owned()).spawn(move || thread.run(&inbox))?;
        Ok(Self { orders, results, begun, since: None })
    }

    /// Opens the store, or opens it again, and begins a new life on it.
    pub(crate) async fn begin(&mut self) -> Result<Begun, BeginError> {
        self.since = None;
        self.orders.try_send(Order::Begin).map_err(|_| BeginError::ThreadEnded)?;
        self.begun.recv().await.unwrap_or(Err(BeginError::ThreadEnded))
    }

    /// Opens the store only to see what it holds; its epoch stays as it is.
    pub(crate) async fn read(&mut self) -> Result<Begun, BeginError> {
        self.since = None;
        self.orders.try_send(Order::Read).map_err(|_| BeginError::ThreadEnded)?;
        self.begun.recv().await.unwrap_or(Err(BeginError::ThreadEnded))
    }

    /// Asks for all rows as they are between two commits. If the thread is busy with an earlier question of this kind,
    /// nobody answers.
    pub(crate) fn copy(&self, answer: oneshot::Sender<Result<Rows, StoreError>>) {
        drop(self.orders.try_send(Order::Copy { answer }));
    }

    /// Since when a batch is on its way.
    pub(crate) fn since(&self) -> Option<Monotonic> {
        self.since
    }

    /// Sends a batch on its way. Whether the thread still lives is seen by [`Self::done`].
    pub(crate) fn send(&mut self, epoch: Epoch, batch: Batch, now: Monotonic) {
        assert!(self.since.is_none(), "one batch at a time is made durable");
        self.since = Some(now);
        let _ = self.orders.try_send(Order::Commit { epoch, batch });
    }

    /// Waits for the batch that is on its way; for ever, if there is none. None: the thread has ended.
    /// What comes with it is when it was sent. Dropping the future loses nothing.
    pub(crate) async fn done(&mut self) -> Option<(Monotonic, Result<Durable, CommitError>)> {
        let Some(since) = self.since else { return std::future::pending().await };
        let result = self.results.recv().await;
        self.since = None;
        result.map(|result| (since, result))
    }

    /// Ends the thread and waits until the store is closed.
    pub(crate) async fn close(mut self) {
        drop(self.orders);
        // The thread drops its senders after the store.
        while self.results.recv().await.is_some() {}
    }
}

struct Thread {
    store: Box<dyn Store>,
    results: mpsc::Sender<Result<Durable, CommitError>>,
    begun: mpsc::Sender<Result<Begun, BeginError>>,
}

impl Thread {
    fn run(self, orders: &std_mpsc::Receiver<Order>) {
        let Self { mut store, results, begun } = self;
        while let Ok(order) = orders.recv() {
            let is_heard = match order {
                Order::Begin => begun.blocking_send(begin(store.as_mut())).is_ok(),
                Order::Read => begun.blocking_send(read(store.as_mut())).is_ok(),
                Order::Copy { answer } => {
                    // Whoever has gone needs none.
                    drop(answer.send(store.scan(&[])));
                    true
                }
                Order::Commit { epoch, batch } => results.blocking_send(commit(store.as_mut(), epoch, batch)).is_ok(),
            };
            if !is_heard {
                break;
            }
        }
        drop(store);
    }
}

fn begin(store: &mut dyn Store) -> Result<Begun, BeginError> {
    // Asked first: opening a store again and again on a full disk would take more time than it gives room.
    store.room()?;
    // Read before the epoch is raised: a store that cannot be taken over is left as it is.
    let begun = read(store)?;
    let epoch = store.raise_epoch()?;
    Ok(Begun { epoch, ..begun })
}

fn read(store: &mut dyn Store) -> Result<Begun, BeginError> {
    let loaded = store.load()?;
    let decoded = decode_all(&loaded.rows)?;
    Ok(Begun {
        store_id: loaded.store_id,
        epoch: loaded.epoch,
        rows: decoded.rows,
        unknown_rows: decoded.unknown,
        restored: decoded.restored,
    })
}

fn commit(store: &mut dyn Store, epoch: Epoch, batch: Batch) -> Result<Durable, CommitError> {
    let Batch { writes, changes, pending, steps: _ } = batch;
    let proof = store.commit(epoch, writes)?;
    let effects = pending.release(&proof);
    Ok(Durable { proof, effects, changes })
}

fn is_seen_by_readers(write: &Write) -> bool {
    match write {
        Write::Put(Row::History(_) | Row::Run(_)) | Write::Delete(Key::History(_) | Key::Run(_)) => true,
        Write::Put(
            Row::Counters(_)
            | Row::MemorySuite(_)
            | Row::MemoryTest(_)
            | Row::AgentHealth(_)
            | Row::Job(_)
            | Row::TestNames(_)
            | Row::Test(_)
            | Row::Lease(_)
            | Row::Batch(_),
        )
        | Write::Delete(
            Key::Counters
            | Key::MemorySuite(_)
            | Key::MemoryTest(..)
            | Key::AgentHealth(_)
            | Key::Job(_)
            | Key::TestNames(..)
            | Key::Test(..)
            | Key::Lease(_)
            | Key::Batch(_),
        ) => false,
    }
}

/// All rows of a store.
pub(crate) type Rows = Vec<(store::Key, store::Value)>;

/// A batch or a beginning, and one copy of all rows, for which the caller sees to it that there is one at a time.
const ORDERS_MAX: usize = 2;
/// Steps whose writes go into one commit.
const STEPS_PER_COMMIT_MAX: usize = 4_096;
/// Bytes of writes beyond which no further step is added: far below what a commit may have, and above the largest step.
const COMMIT_BYTES_AIM: usize = 8 << 20;
