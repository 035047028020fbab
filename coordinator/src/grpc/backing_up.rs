//! `AdminService.Backup`: a backup as a stream of bytes, while work goes on.

use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;

use futures::StreamExt as _;
use futures::stream::BoxStream;
use muster_common::control::Stamp;
use muster_proto::v1;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Status};

use super::status::{from_no_answer, internal, refused};
use crate::backup::{BackupError, Source, take};
use crate::handle::{CopyError, Handle};
use crate::store::Loaded;

/// Takes one backup at a time.
#[derive(Clone, Debug)]
pub(super) struct BackingUp {
    handle: Handle,
    data: PathBuf,
    stamp: watch::Receiver<Stamp>,
    turns: Arc<Semaphore>,
}

type Response = Result<v1::BackupResponse, Status>;

impl BackingUp {
    /// Of the coordinator whose data directory this is.
    pub(super) fn new(handle: Handle, data: PathBuf, stamp: watch::Receiver<Stamp>) -> Self {
        Self { handle, data, stamp, turns: Arc::new(Semaphore::new(1)) }
    }

    /// Begins a backup.
    pub(super) fn begin(&self) -> Result<BoxStream<'static, Response>, Status> {
        let turn = Arc::clone(&self.turns).try_acquire_owned();
        let turn = turn.map_err(|_| {
            refused(Code::Unavailable, "BACKUP_UNDER_WAY", "another backup is being taken; try again when it has ended")
        })?;
        let (sender, receiver) = mpsc::channel(PIECES_WAITING_MAX);
        // A task of its own: it holds the turn until the rows are copied, also when its caller has gone.
        tokio::spawn(self.clone().run(turn, sender));
        Ok(ReceiverStream::new(receiver).boxed())
    }

    async fn run(self, turn: OwnedSemaphorePermit, sender: mpsc::Sender<Response>) {
        let rows = match self.handle.copy().await {
            Ok(rows) => rows,
            Err(error) => {
                let status = match error {
                    CopyError::NoAnswer(error) => from_no_answer(error),
                    CopyError::Store(error) => internal("the rows cannot be copied", &error),
                };
                drop(sender.send(Err(status)).await);
                return;
            }
        };
        let Stamp { store_id, epoch } = *self.stamp.borrow();
        let source = Source { data: self.data, state: Loaded { store_id, epoch, rows } };
        let taking = tokio::task::spawn_blocking(move || {
            let output = Pieces { sender: sender.clone(), piece: Vec::with_capacity(PIECE_BYTES) };
            match take(source, output) {
                Ok(taken) => tracing::info!(totals = ?taken.totals, "a backup was taken"),
                Err(BackupError::Output(error)) => tracing::warn!(%error, "a backup was given up by its caller"),
                Err(error) => drop(sender.blocking_send(Err(internal("the backup cannot be taken", &error)))),
            }
        });
        if let Err(error) = taking.await {
            tracing::error!(%error, "taking a backup broke down");
        }
        drop(turn);
    }
}

/// Sends what is written, piece by piece.
struct Pieces {
    sender: mpsc::Sender<Response>,
    piece: Vec<u8>,
}

impl Write for Pieces {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = bytes.len().min(PIECE_BYTES - self.piece.len());
        self.piece.extend(&bytes[..taken]);
        if self.piece.len() == PIECE_BYTES {
            self.flush()?;
        }
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.piece.is_empty() {
            return Ok(());
        }
        let data = std::mem::replace(&mut self.piece, Vec::with_capacity(PIECE_BYTES)).into();
        let sent = self.sender.blocking_send(Ok(v1::BackupResponse { data }));
        sent.map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe))
    }
}

const PIECE_BYTES: usize = 256 << 10;
const PIECES_WAITING_MAX: usize = 8;
