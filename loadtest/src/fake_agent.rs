//! An agent that does nothing: the real session machine on a real stream, and work that ends at once.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use muster_common::control::{Finished, Lease};
use muster_common::id::{AgentLife, AgentName, Token};
use muster_common::outcome::AttemptOutcome;
use muster_proto::v1::agent_service_client::AgentServiceClient;
use muster_proto::v1::{SessionRequest, SessionResponse};
use muster_service::clock::SystemClock;
use muster_service::endpoint::Endpoint;
use muster_service::shutdown::Shutdown;
use muster_service::{version, wire};
use muster_session::{Config, Effect, Identity, Input, Session, Work};
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Streaming;

use crate::starts::Starts;

/// Runs fake agent `number` until the shutdown begins.
///
/// # Errors
/// If the coordinator's messages cannot be read.
pub(crate) async fn run(
    number: u32,
    slots: u32,
    endpoint: Endpoint,
    starts: Arc<Starts>,
    pace: Pace,
    shutdown: Shutdown,
) -> Result<()> {
    let identity = Identity {
        agent: AgentName(format!("fake-{number}")),
        life: AgentLife(u64::from(std::process::id()) << 32 | u64::from(number)),
        labels: BTreeMap::new(),
        slots,
        version: version::VERSION.to_owned(),
        features: Vec::new(),
    };
    let config = Config { seed: u64::from(number), ..Config::default() };
    let session = Session::new(config, identity);
    let (waiting, working) = (VecDeque::new(), VecDeque::new());
    let mut agent = FakeAgent { session, endpoint, link: None, waiting, working, starts, pace };
    agent.feed(Input::Deadline).await?;
    loop {
        let pause = agent.pause();
        let done = agent.working.front().map(|(done, _)| *done);
        tokio::select! {
            () = shutdown.wait() => return Ok(()),
            () = tokio::time::sleep_until(done.unwrap_or_else(Instant::now)), if done.is_some() => agent.finish().await?,
            () = tokio::time::sleep(pause) => agent.feed(Input::Deadline).await?,
            message = next(&mut agent.link) => agent.take(message).await?,
        }
    }
}

/// How long a fake agent pretends to work on each job.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Pace(pub(crate) Duration);

struct FakeAgent {
    session: Session,
    endpoint: Endpoint,
    link: Option<Link>,
    waiting: VecDeque<Input>,
    /// What is under way, by the moment of its end.
    working: VecDeque<(Instant, Token)>,
    starts: Arc<Starts>,
    pace: Pace,
}

struct Link {
    to_coordinator: mpsc::Sender<SessionRequest>,
    from_coordinator: Streaming<SessionResponse>,
}

impl FakeAgent {
    async fn take(&mut self, message: Option<SessionResponse>) -> Result<()> {
        let Some(message) = message else {
            self.link = None;
            return self.feed(Input::LinkLost).await;
        };
        let (stamp, message) = wire::control::to_agent(message)?;
        self.feed(Input::Message { stamp, message: Box::new(message) }).await
    }

    async fn feed(&mut self, input: Input) -> Result<()> {
        self.waiting.push_back(input);
        while let Some(input) = self.waiting.pop_front() {
            for effect in self.session.step(SystemClock.now(), input) {
                self.carry_out(effect).await;
            }
        }
        Ok(())
    }

    async fn carry_out(&mut self, effect: Effect) {
        match effect {
            Effect::Connect => {
                self.link = connect(&self.endpoint).await.ok();
                self.waiting.push_back(if self.link.is_some() { Input::LinkOpened } else { Input::LinkLost });
            }
            Effect::Disconnect => self.link = None,
            Effect::Send { sequence, message } => {
                if let Some(link) = &self.link {
                    // A stream that has ended is noticed by the next read.
                    let _ = link.to_coordinator.send(wire::control::from_agent_to_proto(sequence, &message)).await;
                }
            }
            Effect::StartAttempt(lease) => self.run_nothing(&lease),
            Effect::GiveBatch(_) | Effect::WithdrawTests { .. } | Effect::StopAttempt { .. } => {}
            // A fake agent's death is not part of any scenario yet: it keeps nothing on disk.
            Effect::SpoolAppend { .. } | Effect::SpoolTrim { .. } | Effect::SpoolOwner { .. } => {}
            Effect::Notice(_) | Effect::Exit => {}
        }
    }

    fn run_nothing(&mut self, lease: &Lease) {
        self.starts.note(lease.job.run.0, lease.token.epoch);
        self.waiting.push_back(Input::Work(Work::Started(lease.token)));
        if self.pace.0.is_zero() {
            self.waiting.push_back(passed(lease.token));
        } else {
            self.working.push_back((Instant::now() + self.pace.0, lease.token));
        }
    }

    async fn finish(&mut self) -> Result<()> {
        match self.working.pop_front() {
            Some((_, token)) => self.feed(passed(token)).await,
            None => Ok(()),
        }
    }

    fn pause(&self) -> Duration {
        let now = SystemClock.now().monotonic;
        self.session.next_deadline().map_or(IDLE, |deadline| deadline.since(now))
    }
}

fn passed(token: Token) -> Input {
    Input::Work(Work::Finished(Box::new(Finished {
        token,
        outcome: AttemptOutcome::Passed,
        log_bytes: 0,
        is_log_complete: true,
        artifacts: Vec::new(),
        outputs: BTreeMap::new(),
        seal: None,
    })))
}

async fn next(link: &mut Option<Link>) -> Option<SessionResponse> {
    match link {
        Some(link) => link.from_coordinator.message().await.ok().flatten(),
        None => std::future::pending().await,
    }
}

async fn connect(endpoint: &Endpoint) -> Result<Link> {
    let mut client = AgentServiceClient::new(endpoint.connect().await?);
    let (to_coordinator, outgoing) = mpsc::channel(OUTGOING_MAX);
    let from_coordinator = client.session(ReceiverStream::new(outgoing)).await?.into_inner();
    Ok(Link { to_coordinator, from_coordinator })
}

/// Messages on their way to the wire.
const OUTGOING_MAX: usize = 1_024;
/// Pause of an agent that has nothing to wait for.
const IDLE: Duration = Duration::from_secs(3_600);
