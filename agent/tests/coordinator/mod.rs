//! A coordinator that does what a test tells it.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context as _, bail};
use muster_common::control::{Claim, ClaimAnswer, FromAgent, Open, Opened, Stamp, ToAgent};
use muster_common::id::{Epoch, SessionId, Token};
use muster_proto::v1::agent_service_server::{AgentService, AgentServiceServer};
use muster_proto::v1::{AppendLogRequest, AppendLogResponse, SessionRequest, SessionResponse};
use muster_service::endpoint::Endpoint;
use muster_service::wire::control::{from_agent, to_agent_to_proto};
use muster_service::wire::types::token;
use tokio::sync::mpsc;
use tokio_stream::wrappers::{ReceiverStream, UnixListenerStream};
use tokio_stream::{Stream, StreamExt};
use tonic::{Request, Response, Status, Streaming};

/// A coordinator on a Unix socket in a folder of its own.
pub(crate) struct Coordinator {
    pub(crate) endpoint: Endpoint,
    sessions: mpsc::Receiver<Session>,
    logs: Logs,
    server: tokio::task::AbortHandle,
    _folder: tempfile::TempDir,
}

impl Drop for Coordinator {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// One stream of an agent. Dropping it ends the stream.
pub(crate) struct Session {
    incoming: Streaming<SessionRequest>,
    outgoing: mpsc::Sender<Result<SessionResponse, Status>>,
    pub(crate) is_acknowledging: bool,
}

type Logs = Arc<Mutex<LogTable>>;

#[derive(Default)]
struct LogTable {
    logs: BTreeMap<Token, Vec<u8>>,
    breaks: u32,
}

impl Coordinator {
    pub(crate) async fn start() -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("socket");
        let listener = tokio::net::UnixListener::bind(&path)?;
        let (sender, sessions) = mpsc::channel(8);
        let logs = Logs::default();
        let service = Service { sessions: sender, logs: Arc::clone(&logs) };
        let server = tokio::spawn(
            tonic::transport::Server::builder()
                .add_service(AgentServiceServer::new(service))
                .serve_with_incoming(UnixListenerStream::new(listener)),
        );
        let server = server.abort_handle();
        Ok(Self { endpoint: Endpoint::Unix(path), sessions, logs, server, _folder: folder })
    }

    /// The next stream that an agent opens, answered with `Opened`; every claim is kept.
    pub(crate) async fn session(&mut self) -> anyhow::Result<(Session, Open)> {
        let mut session = within(self.sessions.recv()).await?.context("the server has ended")?;
        let FromAgent::Open(open) = session.next().await?.1 else { bail!("a stream begins with Open") };
        let claims = open.held.iter().map(|held| ClaimAnswer { token: held.token, claim: Claim::Keep }).collect();
        let opened = Opened {
            session: SessionId(1),
            heartbeat_ms: 100,
            lease_ms: 60_000,
            lease_unrepeatable_ms: 60_000,
            claims,
        };
        session.send(ToAgent::Opened(opened)).await?;
        Ok((session, open))
    }

    /// What has come of a log.
    pub(crate) fn log(&self, token: Token) -> String {
        let table = self.logs.lock().expect("nothing panics while it is held");
        String::from_utf8_lossy(table.logs.get(&token).map_or(&[][..], Vec::as_slice)).into_owned()
    }

    /// Breaks the next streams of logs after their first chunk, so many times.
    pub(crate) fn break_logs(&self, times: u32) {
        self.logs.lock().expect("nothing panics while it is held").breaks = times;
    }
}

impl Session {
    pub(crate) async fn send(&self, message: ToAgent) -> anyhow::Result<()> {
        self.outgoing.send(Ok(to_agent_to_proto(STAMP, &message))).await.context("the agent has gone")
    }

    /// Ends the stream from this side.
    pub(crate) fn end(&mut self) {
        (self.outgoing, _) = mpsc::channel(1);
    }

    /// The next message; heartbeats are answered, and numbered messages acknowledged unless that is switched off.
    pub(crate) async fn next(&mut self) -> anyhow::Result<(u64, FromAgent)> {
        loop {
            let request = within(self.incoming.message()).await??.context("the agent has ended its stream")?;
            let (sequence, message) = from_agent(request)?;
            if let FromAgent::Heartbeat(heartbeat) = &message {
                self.send(ToAgent::HeartbeatAnswer { number: heartbeat.number }).await?;
                continue;
            }
            if sequence > 0 && self.is_acknowledging {
                self.send(ToAgent::Ack { up_to: sequence }).await?;
            }
            return Ok((sequence, message));
        }
    }

    /// The first message of which `pick` makes something; others are passed over.
    pub(crate) async fn until<T>(&mut self, mut pick: impl FnMut(FromAgent) -> Option<T>) -> anyhow::Result<T> {
        loop {
            if let Some(picked) = pick(self.next().await?.1) {
                return Ok(picked);
            }
        }
    }
}

/// Waits, but not for ever.
pub(crate) async fn within<T>(future: impl Future<Output = T>) -> anyhow::Result<T> {
    tokio::time::timeout(HANG, future).await.context("nothing happened for a minute")
}

struct Service {
    sessions: mpsc::Sender<Session>,
    logs: Logs,
}

#[tonic::async_trait]
impl AgentService for Service {
    type SessionStream = ReceiverStream<Result<SessionResponse, Status>>;
    type AppendLogStream = Pin<Box<dyn Stream<Item = Result<AppendLogResponse, Status>> + Send>>;

    async fn session(
        &self,
        request: Request<Streaming<SessionRequest>>,
    ) -> Result<Response<Self::SessionStream>, Status> {
        let (outgoing, responses) = mpsc::channel(64);
        let session = Session { incoming: request.into_inner(), outgoing, is_acknowledging: true };
        self.sessions.send(session).await.map_err(|_| Status::unavailable("the test has ended"))?;
        Ok(Response::new(ReceiverStream::new(responses)))
    }

    async fn append_log(
        &self,
        request: Request<Streaming<AppendLogRequest>>,
    ) -> Result<Response<Self::AppendLogStream>, Status> {
        let logs = Arc::clone(&self.logs);
        let acks = request.into_inner().map(move |chunk| append(&logs, chunk?));
        Ok(Response::new(Box::pin(acks)))
    }
}

fn append(logs: &Logs, chunk: AppendLogRequest) -> Result<AppendLogResponse, Status> {
    let wire = chunk.token;
    let name = token(wire, "token").map_err(|error| Status::invalid_argument(error.to_string()))?;
    let mut table = logs.lock().expect("nothing panics while it is held");
    if table.breaks > 0 && chunk.offset > 0 {
        table.breaks -= 1;
        return Err(Status::unavailable("the test breaks the stream"));
    }
    let log = table.logs.entry(name).or_default();
    let known = log.len() as u64;
    if chunk.offset > known {
        return Err(Status::invalid_argument(format!("a gap: {} after {known}", chunk.offset)));
    }
    let new = usize::try_from(known - chunk.offset).unwrap_or(usize::MAX);
    log.extend_from_slice(chunk.data.get(new..).unwrap_or_default());
    Ok(AppendLogResponse { token: wire, durable_bytes: log.len() as u64 })
}

pub(crate) const STAMP: Stamp = Stamp { store_id: 7, epoch: Epoch(1) };
/// A guard against a test that would never end; not a bound of how long anything may take.
const HANG: Duration = Duration::from_secs(60);
