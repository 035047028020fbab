//! One stream to the coordinator, from its opening to its end.

use muster_common::control::{FromAgent, Stamp, ToAgent};
use muster_common::limits::MESSAGE_BYTES_MAX;
use muster_proto::v1::SessionRequest;
use muster_proto::v1::agent_service_client::AgentServiceClient;
use muster_service::endpoint::{Endpoint, EndpointError};
use muster_service::wire::WireError;
use muster_service::wire::control::{from_agent_to_proto, to_agent};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_stream::wrappers::ReceiverStream;

/// A stream, or the attempt to open one. Dropping it ends it.
#[derive(Debug)]
pub(crate) struct Link {
    outgoing: mpsc::Sender<SessionRequest>,
    news: mpsc::Receiver<News>,
    task: JoinHandle<()>,
}

/// What a stream says.
#[derive(Debug)]
pub(crate) enum News {
    /// It takes messages.
    Opened,
    /// The coordinator has sent a message.
    Message(Stamp, Box<ToAgent>),
    /// It has ended. The last one.
    Lost(LinkError),
}

/// Why a stream ended.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LinkError {
    /// There is no connection.
    #[error(transparent)]
    Connect(#[from] EndpointError),
    /// The coordinator refused it, or the connection broke.
    #[error("the coordinator's stream ended: {} ({})", .0.message(), .0.code())]
    Broken(Box<tonic::Status>),
    /// The coordinator ended it.
    #[error("the coordinator ended the stream")]
    Ended,
    /// A message cannot be understood.
    #[error("the coordinator sent a message that cannot be understood")]
    Wire(#[from] WireError),
    /// The coordinator does not take what is sent.
    #[error("the coordinator does not read its stream: {OUTGOING_MAX} messages wait")]
    Stuck,
}

impl Link {
    /// Begins to open a stream.
    pub(crate) fn open(endpoint: Endpoint) -> Self {
        let (outgoing, requests) = mpsc::channel(OUTGOING_MAX);
        let (sender, news) = mpsc::channel(INCOMING_MAX);
        let task = tokio::spawn(async move {
            let lost = match converse(&endpoint, requests, &sender).await {
                Ok(()) => LinkError::Ended,
                Err(error) => error,
            };
            // Nobody listens any more if the stream was dropped.
            let _ = sender.send(News::Lost(lost)).await;
        });
        Self { outgoing, news, task }
    }

    /// What it says next.
    pub(crate) async fn next(&mut self) -> News {
        self.news.recv().await.unwrap_or(News::Lost(LinkError::Ended))
    }

    /// What it has said already, if anything.
    pub(crate) fn try_next(&mut self) -> Option<News> {
        self.news.try_recv().ok()
    }

    /// Sends a message; never waits.
    ///
    /// # Errors
    /// If the coordinator takes nothing any more.
    pub(crate) fn send(&self, sequence: u64, message: &FromAgent) -> Result<(), LinkError> {
        match self.outgoing.try_send(from_agent_to_proto(sequence, message)) {
            // A closed stream says so itself.
            Ok(()) | Err(mpsc::error::TrySendError::Closed(_)) => Ok(()),
            Err(mpsc::error::TrySendError::Full(_)) => Err(LinkError::Stuck),
        }
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn converse(
    endpoint: &Endpoint,
    requests: mpsc::Receiver<SessionRequest>,
    news: &mpsc::Sender<News>,
) -> Result<(), LinkError> {
    let channel = endpoint.connect().await?;
    let mut client = AgentServiceClient::new(channel)
        .max_decoding_message_size(2 * MESSAGE_BYTES_MAX)
        .max_encoding_message_size(2 * MESSAGE_BYTES_MAX);
    if news.send(News::Opened).await.is_err() {
        return Ok(());
    }
    let broken = |status: tonic::Status| LinkError::Broken(Box::new(status));
    let mut responses = client.session(ReceiverStream::new(requests)).await.map_err(broken)?.into_inner();
    while let Some(response) = responses.message().await.map_err(broken)? {
        let (stamp, message) = to_agent(response)?;
        if news.send(News::Message(stamp, Box::new(message))).await.is_err() {
            return Ok(());
        }
    }
    Ok(())
}

/// Messages that wait to be sent. More than the session's window, heartbeats and requests of all slots together.
const OUTGOING_MAX: usize = 8_192;
/// Messages that wait to be taken in.
const INCOMING_MAX: usize = 1_024;
