//! An attempt's log on its way to the coordinator.
//!
//! It is written to a file first ([`super::log_file`]) and sent from there, in chunks that follow each other without a
//! gap; the coordinator says how much of it is durable. After a broken stream it goes on from there. So a slow or absent
//! coordinator never slows the work, and nothing has to be kept in memory.

use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::BytesMut;
use muster_common::id::{JobId, Token};
use muster_common::limits::LOG_CHUNK_BYTES_MAX;
use muster_proto::v1::agent_service_client::AgentServiceClient;
use muster_proto::v1::{AppendLogRequest, AppendLogResponse};
use muster_service::endpoint::CONNECTION_SILENCE_MAX;
use muster_service::wire::types::{job_to_proto, token_to_proto};
use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncSeekExt};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio_stream::wrappers::ReceiverStream;
use tokio_stream::{Stream, StreamExt};
use tonic::transport::Channel;
use tonic::{Code, Status};

use super::log_file::{self, Written};
use crate::runner::Log;

/// Whose log it is.
#[derive(Clone, Debug)]
pub(crate) struct LogName {
    pub(crate) token: Token,
    pub(crate) job: JobId,
    /// What people call the attempt, such as `shard-3`.
    pub(crate) stream: String,
}

/// A log that is being written and sent.
#[derive(Debug)]
pub(crate) struct AttemptLog {
    written: watch::Receiver<Written>,
    shipped: watch::Receiver<Shipped>,
    is_connected: watch::Receiver<bool>,
    writer: JoinHandle<()>,
    shipper: JoinHandle<()>,
}

/// How far a log is sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Shipped {
    durable_bytes: u64,
    is_refused: bool,
}

/// What became of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LogEnd {
    /// Bytes that are durable at the coordinator.
    pub(crate) bytes: u64,
    /// Whether that is all.
    pub(crate) is_complete: bool,
}

impl AttemptLog {
    /// Begins a log in a new file at `path`.
    pub(crate) fn begin(
        name: LogName,
        path: PathBuf,
        bulk: Channel,
        is_connected: watch::Receiver<bool>,
    ) -> (Self, Log) {
        let (log, chunks) = Log::channel(CHUNKS_WAITING_MAX);
        let (written_sender, written) = watch::channel(Written::default());
        let (shipped_sender, shipped) = watch::channel(Shipped::default());
        let writer = tokio::spawn(log_file::write(path.clone(), chunks, written_sender));
        let shipper =
            Shipper { name, path, bulk, written: written.clone(), shipped: shipped_sender, resend_from: None };
        let shipper = tokio::spawn(shipper.run());
        (Self { written, shipped, is_connected, writer, shipper }, log)
    }

    /// Waits until all of it is durable at the coordinator. All handles on the log must be gone by now. While the
    /// coordinator is away this waits; while it is there, but does not take the log, only for `patience`.
    pub(crate) async fn finish(mut self, patience: Duration) -> LogEnd {
        // A handle that somebody has kept would hold the log open for ever: then it is closed as it stands.
        let _ = tokio::time::timeout(CLOSE_WAIT_MAX, &mut self.writer).await;
        let written = *self.written.borrow();
        let mut connected_for = Duration::ZERO;
        loop {
            let shipped = *self.shipped.borrow_and_update();
            if shipped.durable_bytes >= written.bytes || shipped.is_refused || connected_for >= patience {
                let is_whole = written.is_closed && written.dropped_bytes == 0;
                let is_complete = is_whole && shipped.durable_bytes >= written.bytes;
                return LogEnd { bytes: shipped.durable_bytes, is_complete };
            }
            let is_connected = *self.is_connected.borrow();
            match tokio::time::timeout(TICK, self.shipped.changed()).await {
                Ok(Ok(())) => connected_for = Duration::ZERO,
                // The shipper is gone without having said why: nothing more will be sent.
                Ok(Err(_)) => connected_for = patience,
                Err(_) if is_connected => connected_for += TICK,
                Err(_) => {}
            }
        }
    }
}

impl Drop for AttemptLog {
    fn drop(&mut self) {
        self.writer.abort();
        self.shipper.abort();
    }
}

struct Shipper {
    name: LogName,
    path: PathBuf,
    bulk: Channel,
    written: watch::Receiver<Written>,
    shipped: watch::Sender<Shipped>,
    /// Where to begin, if not at what is durable. What is stored is not stored twice.
    resend_from: Option<u64>,
}

/// Why a stream of a log ended.
enum Broken {
    /// It may go better next time.
    Transient,
    /// The coordinator has less than it said was durable: its disk lost some of it.
    Gap,
    /// The coordinator will never take it.
    Refused,
}

impl Shipper {
    async fn run(mut self) {
        let mut pause = PAUSE_MIN;
        loop {
            if self.written.wait_for(|written| written.bytes > 0 || written.is_closed).await.is_err() {
                return;
            }
            let before = self.shipped.borrow().durable_bytes;
            match self.stream_once().await {
                Ok(()) => return,
                Err(Broken::Refused) => {
                    self.shipped.send_modify(|shipped| shipped.is_refused = true);
                    return;
                }
                Err(Broken::Transient) => self.resend_from = None,
                Err(Broken::Gap) => self.resend_from = Some(0),
            }
            if self.shipped.borrow().durable_bytes > before {
                pause = PAUSE_MIN;
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(PAUSE_MAX);
        }
    }

    /// One stream, from what is durable to the end of the log.
    async fn stream_once(&mut self) -> Result<(), Broken> {
        let (sender, requests) = mpsc::channel(CHUNKS_UNDER_WAY_MAX);
        let mut client = AgentServiceClient::new(self.bulk.clone());
        let start = self.resend_from.unwrap_or_else(|| self.shipped.borrow().durable_bytes);
        let reading = read_into(self.path.clone(), start, self.name.clone(), self.written.clone(), sender);
        let reader = AbortOnDrop(tokio::spawn(reading));
        let acks = client.append_log(ReceiverStream::new(requests)).await.map_err(|status| judge(&status))?;
        let outcome = self.take_acks(acks.into_inner()).await;
        drop(reader);
        outcome
    }

    async fn take_acks(
        &mut self,
        mut acks: impl Stream<Item = Result<AppendLogResponse, Status>> + Unpin,
    ) -> Result<(), Broken> {
        let mut is_writing = true;
        loop {
            let written = *self.written.borrow();
            if written.is_closed && self.shipped.borrow().durable_bytes >= written.bytes {
                return Ok(());
            }
            tokio::select! {
                ack = acks.next() => match ack.transpose().map_err(|status| judge(&status))? {
                    Some(ack) => self.note(ack.durable_bytes),
                    None => return Err(Broken::Transient),
                },
                changed = self.written.changed(), if is_writing => is_writing = changed.is_ok(),
            }
        }
    }

    /// What is acknowledged may have been written after the last look at how far the log is.
    fn note(&self, acknowledged_bytes: u64) {
        let durable_bytes = acknowledged_bytes.min(self.written.borrow().bytes);
        self.shipped.send_if_modified(|shipped| {
            let is_news = durable_bytes > shipped.durable_bytes;
            shipped.durable_bytes = shipped.durable_bytes.max(durable_bytes);
            is_news
        });
    }
}

/// Reads the file from `start` on, as it grows, until it is closed and read to its end.
async fn read_into(
    path: PathBuf,
    start: u64,
    name: LogName,
    mut written: watch::Receiver<Written>,
    sender: mpsc::Sender<AppendLogRequest>,
) {
    let Ok(mut file) = open_at(&path, start).await else { return };
    let mut offset = start;
    loop {
        // A writer that has gone away without closing the log leaves it as long as it is.
        let _ = written.wait_for(|written| written.bytes > offset || written.is_closed).await;
        let state = *written.borrow();
        if state.bytes <= offset {
            // Everything is sent; the stream stays open until it is acknowledged.
            sender.closed().await;
            return;
        }
        let length = usize::try_from(state.bytes - offset).unwrap_or(usize::MAX).min(LOG_CHUNK_BYTES_MAX);
        let mut data = BytesMut::zeroed(length);
        if file.read_exact(&mut data).await.is_err() {
            return;
        }
        let request = AppendLogRequest {
            token: Some(token_to_proto(name.token)),
            offset,
            data: data.freeze(),
            job: Some(job_to_proto(name.job)),
            stream: name.stream.clone(),
        };
        if sender.send(request).await.is_err() {
            return;
        }
        offset += length as u64;
    }
}

async fn open_at(path: &Path, offset: u64) -> std::io::Result<File> {
    let mut file = File::open(path).await?;
    file.seek(std::io::SeekFrom::Start(offset)).await?;
    Ok(file)
}

/// What the coordinator will say again, whatever is tried.
fn judge(status: &Status) -> Broken {
    match status.code() {
        Code::OutOfRange => Broken::Gap,
        Code::InvalidArgument | Code::NotFound | Code::PermissionDenied | Code::FailedPrecondition => {
            tracing::warn!(code = %status.code(), message = status.message(), "the coordinator refuses an attempt's log");
            Broken::Refused
        }
        _ => Broken::Transient,
    }
}

struct AbortOnDrop(JoinHandle<()>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Chunks of processes that wait to be written.
const CHUNKS_WAITING_MAX: usize = 64;
/// Chunks that are read and not yet on the wire.
const CHUNKS_UNDER_WAY_MAX: usize = 16;
const PAUSE_MIN: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(5);
/// How long an ended attempt waits for a coordinator that is there and does not take its log.
pub(crate) const PATIENCE: Duration = Duration::from_secs(45);
// The log may hang in a connection that is dead without anybody having said so; there must be time for another.
const _: () = assert!(PATIENCE.as_secs() >= 2 * CONNECTION_SILENCE_MAX.as_secs());
/// How long the last handles on a log may take to go.
const CLOSE_WAIT_MAX: Duration = Duration::from_secs(10);
const TICK: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests {
    use muster_common::id::{Epoch, JobIndex, RunId};

    use super::*;

    #[tokio::test]
    async fn what_is_acknowledged_as_soon_as_it_is_written_counts() {
        // Which of the two the shipper sees first is drawn at random.
        for _ in 0..64 {
            let (writer, written) = watch::channel(Written { bytes: 30, ..Written::default() });
            let (shipped, far) = watch::channel(Shipped::default());
            let name = LogName {
                token: Token { epoch: Epoch(1), counter: 1 },
                job: JobId { run: RunId(1), job: JobIndex(0) },
                stream: String::new(),
            };
            let bulk = tonic::transport::Endpoint::from_static("http://[::1]:1").connect_lazy();
            let mut shipper = Shipper { name, path: PathBuf::new(), bulk, written, shipped, resend_from: None };
            let (coordinator, acks) = mpsc::channel(8);
            let shipping = tokio::spawn(async move { shipper.take_acks(ReceiverStream::new(acks)).await.is_ok() });
            tokio::task::yield_now().await;
            writer.send_replace(Written { bytes: 49, is_closed: true, dropped_bytes: 0 });
            coordinator.send(Ok(AppendLogResponse { token: None, durable_bytes: 49 })).await.expect("it is read");
            drop(coordinator);
            assert!(shipping.await.expect("it does not panic"), "it waits for an acknowledgement that it has had");
            assert_eq!(far.borrow().durable_bytes, 49);
        }
    }
}
