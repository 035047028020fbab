//! `AgentService.AppendLog`: pieces of logs, made durable in groups, then acknowledged.

use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt as _;
use futures::StreamExt as _;
use futures::stream::BoxStream;
use muster_common::limits::LOG_CHUNK_BYTES_MAX;
use muster_proto::v1;
use muster_service::shutdown::Shutdown;
use muster_service::wire::types::{job, token, token_to_proto};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Status, Streaming};

use super::status::{from_no_answer, from_wire, internal, invalid, refused, try_again};
use crate::handle::{Handle, NoAnswer};
use crate::history::History;
use crate::logs::{AppendError, Attempt, Chunk, Logs, StreamName};

/// Where pieces of logs come in.
#[derive(Clone, Debug)]
pub(super) struct Door {
    pub(super) handle: Handle,
    pub(super) logs: Arc<Logs>,
    pub(super) history: Arc<History>,
    pub(super) shutdown: Shutdown,
}

type Response = Result<v1::AppendLogResponse, Status>;

/// Serves one stream.
pub(super) fn serve(door: Door, inbound: Streaming<v1::AppendLogRequest>) -> BoxStream<'static, Response> {
    let (sender, receiver) = mpsc::channel(RESPONSES_WAITING_MAX);
    tokio::spawn(async move {
        if let Err(status) = door.serve(inbound, &sender).await {
            let _ = sender.send(Err(status)).await;
        }
    });
    ReceiverStream::new(receiver).boxed()
}

impl Door {
    async fn serve(
        &self,
        mut inbound: Streaming<v1::AppendLogRequest>,
        sender: &mpsc::Sender<Response>,
    ) -> Result<(), Status> {
        loop {
            let first = tokio::select! {
                () = self.shutdown.wait() => return Err(from_no_answer(NoAnswer::ShuttingDown)),
                () = sender.closed() => return Ok(()),
                first = inbound.message() => first?,
            };
            let Some(first) = first else { return Ok(()) };
            if self.handle.is_closed() {
                return Err(from_no_answer(NoAnswer::ShuttingDown));
            }
            for response in self.append(group(first, &mut inbound)?).await? {
                if sender.send(Ok(response)).await.is_err() {
                    return Ok(());
                }
            }
        }
    }

    async fn append(&self, chunks: Vec<Chunk>) -> Result<Vec<v1::AppendLogResponse>, Status> {
        // A run that nobody knows is of a store that was put back; its agent is to get rid of what it has.
        let (known, unknown): (Vec<_>, Vec<_>) =
            chunks.into_iter().partition(|chunk| self.history.is_known(chunk.attempt.job.run));
        let forgotten = unknown.iter().map(|chunk| v1::AppendLogResponse {
            token: Some(token_to_proto(chunk.attempt.token)),
            durable_bytes: chunk.offset.saturating_add(chunk.data.len() as u64),
        });
        let mut responses: Vec<_> = forgotten.collect();
        if !responses.is_empty() {
            tracing::warn!(pieces = responses.len(), "pieces of logs of unknown runs were dropped");
        }
        let logs = Arc::clone(&self.logs);
        let stored = tokio::task::spawn_blocking(move || logs.append(&known)).await;
        let stored = stored.map_err(|error| internal("writing logs broke down", &error))?;
        responses.extend(stored.map_err(from_append)?.into_iter().map(|stored| v1::AppendLogResponse {
            token: Some(token_to_proto(stored.attempt.token)),
            durable_bytes: stored.durable_bytes,
        }));
        Ok(responses)
    }
}

/// The first piece, and those that have come after it by now.
fn group(first: v1::AppendLogRequest, inbound: &mut Streaming<v1::AppendLogRequest>) -> Result<Vec<Chunk>, Status> {
    let mut chunks = vec![chunk(first)?];
    while chunks.len() < CHUNKS_PER_SYNC_MAX {
        match inbound.message().now_or_never() {
            Some(Ok(Some(next))) => chunks.push(chunk(next)?),
            Some(Err(status)) => return Err(status),
            Some(Ok(None)) | None => break,
        }
    }
    Ok(chunks)
}

fn chunk(request: v1::AppendLogRequest) -> Result<Chunk, Status> {
    if request.data.len() > LOG_CHUNK_BYTES_MAX {
        return Err(invalid("data", format!("has {} bytes, the limit is {LOG_CHUNK_BYTES_MAX}", request.data.len())));
    }
    let stream = StreamName::parse(&request.stream)
        .ok_or_else(|| invalid("stream", "must be 1 to 64 lower-case letters, digits and hyphens"))?;
    let job = job(request.job, "job").map_err(|error| from_wire(&error))?;
    let token = token(request.token, "token").map_err(|error| from_wire(&error))?;
    Ok(Chunk { attempt: Attempt { job, token, stream }, offset: request.offset, data: request.data })
}

fn from_append(error: AppendError) -> Status {
    match &error {
        AppendError::Gap { .. } => refused(Code::OutOfRange, "LOG_GAP", error.to_string()),
        AppendError::TooLong { .. } => refused(Code::ResourceExhausted, "LOG_TOO_LONG", error.to_string()),
        // Its agent keeps what it has, and tries again.
        AppendError::Io { source, .. } if source.kind() == ErrorKind::StorageFull => try_again(
            "DISK_FULL",
            "the coordinator's disk is full: logs are stored again when there is room",
            DISK_FULL_RETRY_AFTER,
        ),
        AppendError::Io { .. } => internal("a log cannot be written", &error),
    }
}

/// Pieces that are made durable together.
const CHUNKS_PER_SYNC_MAX: usize = 64;
/// Acknowledgements that may wait for the network.
const RESPONSES_WAITING_MAX: usize = 64;
const DISK_FULL_RETRY_AFTER: Duration = Duration::from_secs(2);
