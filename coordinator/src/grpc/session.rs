//! `AgentService.Session`: one stream of an agent, from its messages to the scheduler's inputs and back.
//!
//! Messages enter in the order in which they came. Only heartbeats overtake: the outputs of tests are stored before their
//! results enter, and proof of life must not wait for a disk.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt as _;
use futures::stream::{BoxStream, unfold};
use muster_common::control::{Claim, FromAgent, Open, Output, TestResults, ToAgent};
use muster_common::id::{SessionId, Token};
use muster_proto::v1;
use muster_scheduler::Input;
use muster_service::blob::content::digest_of;
use muster_service::wire::control::{from_agent, to_agent_to_proto};
use tokio::sync::{mpsc, oneshot};
use tonic::{Code, Status, Streaming};

use super::status::from_session_end;
use crate::blobs::{BlobError, DiskBlobs};
use crate::handle::{Handle, NoAnswer};
use crate::logs::Unended;
use crate::sessions::{Ending, SessionEnd, Stamped};

type Response = Result<v1::SessionResponse, Status>;
type Messages = mpsc::Receiver<Stamped>;

/// Serves one stream. It answers at once; whether the session stands is said by its first message.
pub(super) fn serve(
    handle: Handle,
    blobs: DiskBlobs,
    unended: Arc<Unended>,
    inbound: Streaming<v1::SessionRequest>,
) -> BoxStream<'static, Response> {
    let ending = Ending::new();
    let (opened, messages) = oneshot::channel();
    let session = Session { handle, blobs, unended: Arc::clone(&unended), ending: ending.clone() };
    tokio::spawn(session.run(inbound, opened));
    outbound(ending, messages, unended)
}

/// Dropped when the client has gone; then the session has ended too.
struct Leaving(Ending);

impl Drop for Leaving {
    fn drop(&mut self) {
        self.0.end(SessionEnd::Left);
    }
}

enum Side {
    Opening(oneshot::Receiver<(SessionId, Messages)>),
    Open(SessionId, Messages),
    Over,
}

fn outbound(
    ending: Ending,
    opened: oneshot::Receiver<(SessionId, Messages)>,
    unended: Arc<Unended>,
) -> BoxStream<'static, Response> {
    let leaving = Leaving(ending);
    unfold((leaving, Side::Opening(opened), unended), |(leaving, mut side, unended)| async move {
        loop {
            let step = {
                let mut end = pin!(leaving.0.wait());
                tokio::select! {
                    biased;
                    end = &mut end => Err(end),
                    step = side.next() => Ok(step),
                }
            };
            match step {
                Err(_) if matches!(side, Side::Over) => return None,
                Err(end) => return from_session_end(&end).map(|status| (Err(status), (leaving, Side::Over, unended))),
                Ok(Step::Opened(session, messages)) => side = Side::Open(session, messages),
                Ok(Step::Message(session, Stamped { stamp, message })) => {
                    expect_ends(&unended, session, &message);
                    return Some((Ok(to_agent_to_proto(stamp, &message)), (leaving, side, unended)));
                }
            }
        }
    })
    .boxed()
}

/// Notes whose ends, and so whose logs, are to come after this message.
fn expect_ends(unended: &Unended, session: SessionId, message: &ToAgent) {
    match message {
        ToAgent::Lease(lease) => unended.granted(session, lease.token, lease.job),
        ToAgent::Opened(opened) => {
            for answer in &opened.claims {
                match answer.claim {
                    Claim::Keep => unended.held(session, answer.token),
                    Claim::Stop => unended.ended(answer.token),
                }
            }
        }
        ToAgent::Batch(_)
        | ToAgent::Withdraw(_)
        | ToAgent::Cancel { .. }
        | ToAgent::Drain
        | ToAgent::HeartbeatAnswer { .. }
        | ToAgent::Ack { .. } => {}
    }
}

enum Step {
    Opened(SessionId, Messages),
    Message(SessionId, Stamped),
}

impl Side {
    /// The next thing to do; waits for ever when nothing more comes, since the end is told elsewhere.
    async fn next(&mut self) -> Step {
        let step = match self {
            Self::Opening(opened) => opened.await.ok().map(|(session, messages)| Step::Opened(session, messages)),
            Self::Open(session, messages) => messages.recv().await.map(|message| Step::Message(*session, message)),
            Self::Over => None,
        };
        match step {
            Some(step) => step,
            None => std::future::pending().await,
        }
    }
}

#[derive(Clone)]
struct Session {
    handle: Handle,
    blobs: DiskBlobs,
    unended: Arc<Unended>,
    ending: Ending,
}

impl Session {
    async fn run(self, mut inbound: Streaming<v1::SessionRequest>, opened: oneshot::Sender<(SessionId, Messages)>) {
        let open = match self.first(&mut inbound).await {
            Ok(open) => open,
            Err(end) => return self.ending.end(end),
        };
        let agent = open.agent.clone();
        let (session, messages) = match self.handle.open_session(open, self.ending.clone()).await {
            Ok(opened) => opened,
            Err(_) => return self.ending.end(SessionEnd::ShuttingDown),
        };
        tracing::info!(%session, %agent, "session opened");
        // If nobody takes them, the client has gone, and the loop below sees it.
        let _ = opened.send((session, messages));
        let (to_door, waiting) = mpsc::channel(MESSAGES_WAITING_MAX);
        let door = tokio::spawn(self.clone().keep_door(session, waiting));
        let end = self.read(session, &mut inbound, &to_door).await;
        drop(to_door);
        // What was received before the end still counts.
        let _ = door.await;
        tracing::info!(%session, %agent, ?end, "session closed");
        self.ending.end(end);
        self.unended.left(session);
        let _ = self.handle.tell(Input::CloseSession { session }).await;
    }

    async fn first(&self, inbound: &mut Streaming<v1::SessionRequest>) -> Result<Box<Open>, SessionEnd> {
        let first = tokio::select! {
            first = tokio::time::timeout(OPEN_TIMEOUT, inbound.message()) => first,
            end = self.ending.wait() => return Err(end),
        };
        let message = match first {
            Err(_) => return Err(SessionEnd::NotOpened),
            Ok(Err(_) | Ok(None)) => return Err(SessionEnd::Left),
            Ok(Ok(Some(message))) => message,
        };
        match from_agent(message) {
            Ok((_, FromAgent::Open(open))) => Ok(Box::new(open)),
            Ok(_) => Err(SessionEnd::Invalid("the first message of a session must be `open`".to_owned())),
            Err(error) => Err(SessionEnd::Invalid(error.to_string())),
        }
    }

    /// Reads until the stream ends, from whichever side.
    async fn read(
        &self,
        session: SessionId,
        inbound: &mut Streaming<v1::SessionRequest>,
        to_door: &mpsc::Sender<(u64, FromAgent)>,
    ) -> SessionEnd {
        loop {
            let message = tokio::select! {
                biased;
                end = self.ending.wait() => return end,
                message = inbound.message() => message,
            };
            let message = match message {
                Ok(Some(message)) => message,
                Ok(None) => return SessionEnd::Left,
                Err(status) if matches!(status.code(), Code::OutOfRange | Code::Internal) => {
                    return SessionEnd::Invalid(format!("a message cannot be read: {}", status.message()));
                }
                Err(_) => return SessionEnd::Left,
            };
            let (sequence, message) = match from_agent(message) {
                Ok((_, FromAgent::Open(_))) => return SessionEnd::Invalid("`open` came twice".to_owned()),
                Ok(message) => message,
                Err(error) => return SessionEnd::Invalid(error.to_string()),
            };
            let is_taken = match message {
                FromAgent::Heartbeat(_) => self.enter(session, sequence, message).await.is_ok(),
                message => to_door.send((sequence, message)).await.is_ok(),
            };
            if !is_taken {
                return SessionEnd::ShuttingDown;
            }
        }
    }

    /// Lets messages in, in order, each once what it carries is stored.
    async fn keep_door(self, session: SessionId, mut waiting: mpsc::Receiver<(u64, FromAgent)>) {
        while let Some((sequence, message)) = waiting.recv().await {
            let message = match message {
                FromAgent::TestResults(results) => match self.store_outputs(results).await {
                    Ok(results) => FromAgent::TestResults(results),
                    Err(error) => {
                        // The agent keeps what is not acknowledged and sends it again.
                        let error = &error as &dyn std::error::Error;
                        tracing::error!(%session, error, "cannot store the outputs of tests; the session is closed");
                        return self.ending.end(SessionEnd::Restoring);
                    }
                },
                message => message,
            };
            if self.enter(session, sequence, message).await.is_err() {
                return;
            }
        }
    }

    async fn enter(&self, session: SessionId, sequence: u64, message: FromAgent) -> Result<(), NoAnswer> {
        let ended = token_that_ends(&message);
        self.handle.tell(Input::Agent { session, sequence, message: Box::new(message) }).await?;
        if let Some(token) = ended {
            self.unended.ended(token);
        }
        Ok(())
    }

    async fn store_outputs(&self, mut results: TestResults) -> Result<TestResults, BlobError> {
        let mut contents = Vec::new();
        for result in &mut results.results {
            if let Output::Inline(bytes) = &mut result.output {
                contents.push(Bytes::from(std::mem::take(bytes)));
            }
        }
        if contents.is_empty() {
            return Ok(results);
        }
        let contents: Vec<_> = contents.into_iter().map(|content| (digest_of(&content), content)).collect();
        let mut stored = self.blobs.write_many(contents).await?.into_iter();
        for result in &mut results.results {
            if matches!(result.output, Output::Inline(_)) {
                let (digest, outcome) = stored.next().expect("there is one outcome for each content");
                outcome?;
                result.output = Output::Stored(digest);
            }
        }
        Ok(results)
    }
}

/// The lease of which nothing more comes after this message.
fn token_that_ends(message: &FromAgent) -> Option<Token> {
    match message {
        FromAgent::Finished(finished) => Some(finished.token),
        FromAgent::Refused { token, .. } => Some(*token),
        FromAgent::Open(_)
        | FromAgent::Heartbeat(_)
        | FromAgent::Accepted(_)
        | FromAgent::Started(_)
        | FromAgent::Discovered(_)
        | FromAgent::TestStarted(_)
        | FromAgent::TestResults(_)
        | FromAgent::WantBatch(_)
        | FromAgent::Withdrawn(_)
        | FromAgent::Draining => None,
    }
}

/// How long a stream may be silent before its first message.
const OPEN_TIMEOUT: Duration = Duration::from_secs(10);
/// Messages of one session that may wait for what they carry to be stored.
const MESSAGES_WAITING_MAX: usize = 64;
