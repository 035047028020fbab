//! An agent that says what a test tells it to say.

use muster_proto::v1;
use muster_proto::v1::session_request::Message as FromAgent;
use muster_proto::v1::session_response::Message as ToAgent;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Status, Streaming};

use crate::fixture::{Fixture, within};

pub(crate) struct Agent {
    pub(crate) out: mpsc::Sender<v1::SessionRequest>,
    pub(crate) inbound: Streaming<v1::SessionResponse>,
    sequence: u64,
}

impl Agent {
    /// Opens a session with one slot.
    pub(crate) async fn open(fixture: &Fixture, name: &str) -> Self {
        let mut agent = Self::begin(fixture).await;
        let open =
            v1::Open { agent: name.to_owned(), life: 1, slots: 1, version: "test".to_owned(), ..v1::Open::default() };
        agent.say(FromAgent::Open(open)).await;
        match agent.next().await {
            Ok(Some(ToAgent::Opened(_))) => agent,
            other => panic!("the session was not opened: {other:?}"),
        }
    }

    /// Begins a stream and says nothing yet.
    pub(crate) async fn begin(fixture: &Fixture) -> Self {
        let (out, requests) = mpsc::channel(16);
        let inbound = fixture.agents().session(ReceiverStream::new(requests)).await.expect("it serves").into_inner();
        Self { out, inbound, sequence: 0 }
    }

    /// Says something that is not kept in a spool.
    pub(crate) async fn say(&self, message: FromAgent) {
        let request = v1::SessionRequest { sequence: 0, message: Some(message) };
        self.out.send(request).await.expect("the stream is open");
    }

    /// Says something that matters, and waits until it is acknowledged.
    pub(crate) async fn report(&mut self, message: FromAgent) {
        self.sequence += 1;
        let request = v1::SessionRequest { sequence: self.sequence, message: Some(message) };
        self.out.send(request).await.expect("the stream is open");
        loop {
            match self.next().await {
                Ok(Some(ToAgent::Ack(v1::Ack { up_to }))) if up_to >= self.sequence => return,
                Ok(Some(_)) => {}
                other => panic!("no acknowledgement came: {other:?}"),
            }
        }
    }

    /// What the coordinator says next.
    pub(crate) async fn next(&mut self) -> Result<Option<ToAgent>, Status> {
        let response = within("a message to the agent", self.inbound.message()).await?;
        Ok(response.and_then(|response| response.message))
    }

    /// The next lease.
    pub(crate) async fn lease(&mut self) -> v1::Lease {
        loop {
            match self.next().await {
                Ok(Some(ToAgent::Lease(lease))) => return lease,
                Ok(Some(_)) => {}
                other => panic!("no lease came: {other:?}"),
            }
        }
    }

    /// The next batch.
    pub(crate) async fn batch(&mut self) -> v1::Batch {
        loop {
            match self.next().await {
                Ok(Some(ToAgent::Batch(batch))) => return batch,
                Ok(Some(_)) => {}
                other => panic!("no batch came: {other:?}"),
            }
        }
    }

    /// The attempt has passed.
    pub(crate) async fn finish(&mut self, token: v1::FencingToken, log_bytes: u64, seal: Option<v1::Seal>) {
        let finished = v1::Finished {
            token: Some(token),
            outcome: Some(v1::AttemptOutcome { kind: v1::attempt_outcome::Kind::Passed.into(), reason: None }),
            log_bytes,
            is_log_complete: true,
            seal,
            ..v1::Finished::default()
        };
        self.report(FromAgent::Finished(finished)).await;
    }
}

/// Appends the first piece to a lease's log and waits until it is durable.
pub(crate) async fn append_log(fixture: &Fixture, lease: &v1::Lease, text: &str) -> Result<u64, Status> {
    append_log_at(fixture, lease, 0, text).await
}

/// Appends a piece to a lease's log and waits until it is durable.
pub(crate) async fn append_log_at(
    fixture: &Fixture,
    lease: &v1::Lease,
    offset: u64,
    text: &str,
) -> Result<u64, Status> {
    let request = v1::AppendLogRequest {
        token: lease.token,
        offset,
        data: text.as_bytes().to_vec().into(),
        job: lease.job,
        stream: "steps".to_owned(),
    };
    let mut answers = fixture.agents().append_log(tokio_stream::iter([request])).await?.into_inner();
    let mut durable = 0;
    while let Some(answer) = within("an answer about the log", answers.message()).await? {
        durable = answer.durable_bytes;
    }
    Ok(durable)
}
