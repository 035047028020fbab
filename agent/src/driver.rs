//! The task that owns the session: it feeds it what happens, in time, and carries out what it asks for.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use muster_common::control::FromAgent;
use muster_common::id::Token;
use muster_service::clock::SystemClock;
use muster_service::endpoint::Endpoint;
use muster_service::supervision::Pulse;
use muster_session::{Effect, Input, Notice, Session, Work};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::attempt::orders::{Order, Orders, orders};
use crate::attempt::supervisor;
use crate::host::Host;
use crate::link::{Link, LinkError, News};
use crate::spool::Spool;

/// The agent's one owner of its state.
#[derive(Debug)]
pub(crate) struct Driver {
    session: Session,
    endpoint: Endpoint,
    host: Arc<Host>,
    spool: Spool,
    is_spool_broken: bool,
    link: Option<Link>,
    is_link_lost: bool,
    is_connected: watch::Sender<bool>,
    attempts: BTreeMap<Token, Orders>,
    tasks: JoinSet<Token>,
    work: mpsc::Receiver<Work>,
    work_sender: mpsc::Sender<Work>,
    signals: Signals,
    pulse: Pulse,
}

/// What is asked of a running agent from within its process.
#[derive(Clone, Debug, Default)]
pub(crate) struct Signals {
    /// Take no new lease, finish the rest, leave.
    pub(crate) drain: CancellationToken,
    /// Stop everything and leave.
    pub(crate) stop: CancellationToken,
}

/// What the driver is made of.
pub(crate) struct Parts {
    pub(crate) session: Session,
    pub(crate) endpoint: Endpoint,
    pub(crate) host: Arc<Host>,
    pub(crate) spool: Spool,
    pub(crate) is_connected: watch::Sender<bool>,
    pub(crate) signals: Signals,
    pub(crate) pulse: Pulse,
}

impl Driver {
    pub(crate) fn new(parts: Parts) -> Self {
        let Parts { session, endpoint, host, spool, is_connected, signals, pulse } = parts;
        let (work_sender, work) = mpsc::channel(WORK_WAITING_MAX);
        Self {
            session,
            endpoint,
            host,
            spool,
            is_spool_broken: false,
            link: None,
            is_link_lost: false,
            is_connected,
            attempts: BTreeMap::new(),
            tasks: JoinSet::new(),
            work,
            work_sender,
            signals,
            pulse,
        }
    }

    /// Runs until the agent has drained or is stopped. Attempts that run then are stopped; nothing of them is left.
    pub(crate) async fn run(mut self) {
        let mut next = Some(Input::Deadline);
        let mut is_drain_said = false;
        while let Some(input) = next {
            if !self.feed(input) {
                break;
            }
            next = loop {
                self.pulse.beat();
                if let Some(due) = self.due() {
                    break Some(due);
                }
                let wait = self.wait();
                let is_full = self.session.load().is_full;
                tokio::select! {
                    biased;
                    () = self.signals.stop.cancelled() => break None,
                    () = self.signals.drain.cancelled(), if !is_drain_said => {
                        is_drain_said = true;
                        break Some(Input::Drain);
                    }
                    news = next_news(&mut self.link) => break Some(self.input_of(news)),
                    Some(token) = self.tasks.join_next(), if !self.tasks.is_empty() => self.attempt_gone(token),
                    Some(work) = self.work.recv(), if !is_full => break Some(Input::Work(work)),
                    () = tokio::time::sleep(wait) => {}
                }
            };
        }
        self.end().await;
    }

    /// A due deadline, but only after everything that has arrived by now.
    fn due(&mut self) -> Option<Input> {
        let deadline = self.session.next_deadline()?;
        if SystemClock.now().monotonic < deadline {
            return None;
        }
        let news = self.link.as_mut().and_then(Link::try_next);
        Some(news.map_or(Input::Deadline, |news| self.input_of(news)))
    }

    /// How long nothing will be due. Bounded, because the clock of the deadlines goes on while the machine sleeps and the
    /// runtime's does not.
    fn wait(&self) -> Duration {
        let now = SystemClock.now().monotonic;
        self.session.next_deadline().map_or(WAIT_MAX, |deadline| deadline.since(now)).min(WAIT_MAX)
    }

    fn input_of(&mut self, news: News) -> Input {
        match news {
            News::Opened => Input::LinkOpened,
            News::Message(stamp, message) => Input::Message { stamp, message },
            News::Lost(error) => {
                self.lose_link(&error);
                Input::LinkLost
            }
        }
    }

    /// Returns whether the agent goes on.
    fn feed(&mut self, input: Input) -> bool {
        let effects = self.session.step(SystemClock.now(), input);
        self.host.lifeline.reach(self.session.unrepeatable_until());
        let mut is_stuck = false;
        for effect in effects {
            match effect {
                Effect::Exit => return false,
                Effect::Send { sequence, message } => is_stuck |= !self.send(sequence, &message),
                Effect::Connect
                | Effect::Disconnect
                | Effect::StartAttempt(_)
                | Effect::GiveBatch(_)
                | Effect::WithdrawTests { .. }
                | Effect::StopAttempt { .. }
                | Effect::SpoolAppend { .. }
                | Effect::SpoolTrim { .. }
                | Effect::SpoolOwner { .. }
                | Effect::Notice(_) => self.carry_out(effect),
            }
        }
        let is_open = self.session.load().is_open;
        self.is_link_lost &= !is_open;
        self.is_connected.send_if_modified(|known| std::mem::replace(known, is_open) != is_open);
        if is_stuck { self.feed(Input::LinkLost) } else { true }
    }

    fn carry_out(&mut self, effect: Effect) {
        match effect {
            Effect::Connect => self.link = Some(Link::open(self.endpoint.clone())),
            Effect::Disconnect => self.link = None,
            Effect::StartAttempt(lease) => {
                let token = lease.token;
                let (sender, receiver) = orders();
                self.attempts.insert(token, sender);
                let attempt = supervisor::Attempt {
                    lease: *lease,
                    host: Arc::clone(&self.host),
                    work: self.work_sender.clone(),
                    orders: receiver,
                };
                self.tasks.spawn(attempt.run());
            }
            Effect::GiveBatch(batch) => self.order(batch.shard, Order::Batch(batch)),
            Effect::WithdrawTests { shard, withdraw } => self.order(shard, Order::Withdraw(withdraw)),
            Effect::StopAttempt { token, reason } => {
                if let Some(orders) = self.attempts.get(&token) {
                    orders.stop(reason.into());
                }
            }
            Effect::SpoolAppend { sequence, message } => self.keep(sequence, &message),
            Effect::SpoolTrim { up_to } => {
                let outcome = self.spool.trim(up_to);
                self.note_spool(outcome);
            }
            Effect::SpoolOwner { store_id } => {
                let outcome = self.spool.set_owner(store_id);
                self.note_spool(outcome);
            }
            Effect::Notice(notice) => log(&notice),
            Effect::Send { .. } | Effect::Exit => {}
        }
    }

    /// Returns whether the stream takes messages.
    fn send(&mut self, sequence: u64, message: &FromAgent) -> bool {
        let Some(link) = &self.link else { return true };
        match link.send(sequence, message) {
            Ok(()) => true,
            Err(error) => {
                self.lose_link(&error);
                false
            }
        }
    }

    fn lose_link(&mut self, error: &LinkError) {
        // Said once; that it is not there yet is no news.
        if std::mem::replace(&mut self.is_link_lost, true) {
            tracing::debug!(coordinator = %self.endpoint, error = %chain(error), "the coordinator is still away");
        } else {
            tracing::warn!(coordinator = %self.endpoint, error = %chain(error), "the stream to the coordinator is lost, trying again");
        }
        self.link = None;
    }

    fn order(&self, shard: Token, order: Order) {
        if let Some(orders) = self.attempts.get(&shard) {
            orders.give(order);
        }
    }

    fn keep(&mut self, sequence: u64, message: &FromAgent) {
        let outcome = self.spool.append(sequence, message);
        self.note_spool(outcome);
    }

    /// What cannot be written is still sent; it only does not outlive this process.
    fn note_spool(&mut self, outcome: std::io::Result<()>) {
        match outcome {
            Ok(()) => self.is_spool_broken = false,
            Err(error) if !self.is_spool_broken => {
                self.is_spool_broken = true;
                tracing::error!(%error, "results cannot be kept on disk: make room, they are lost if the agent is killed now");
            }
            Err(_) => {}
        }
    }

    fn attempt_gone(&mut self, ended: Result<Token, tokio::task::JoinError>) {
        match ended {
            Ok(token) => {
                self.attempts.remove(&token);
            }
            Err(error) => tracing::error!(%error, "the supervisor of an attempt failed"),
        }
    }

    /// Stops what runs and waits until nothing of it is left.
    async fn end(mut self) {
        self.link = None;
        self.is_connected.send_replace(false);
        for orders in self.attempts.values() {
            orders.stop(crate::attempt::orders::Stop::AgentLeaves);
        }
        // Attempts say their ends to nobody: their leases run out.
        self.work.close();
        while self.tasks.join_next().await.is_some() {}
    }
}

async fn next_news(link: &mut Option<Link>) -> News {
    match link {
        Some(link) => link.next().await,
        None => std::future::pending().await,
    }
}

fn log(notice: &Notice) {
    match notice {
        Notice::Opened { stamp, resent } => tracing::info!(epoch = %stamp.epoch, resent, "session opened"),
        Notice::Retrying { after } => tracing::debug!(?after, "connecting again"),
        Notice::Silent => tracing::warn!("the coordinator does not answer"),
        Notice::StampRefused { got, known } => tracing::warn!(
            got_store = format_args!("{:032x}", got.store_id),
            got_epoch = %got.epoch,
            known_store = format_args!("{:032x}", known.store_id),
            known_epoch = %known.epoch,
            "refused a coordinator that is not the current one"
        ),
        Notice::StoreChanged { messages, attempts } => {
            tracing::error!(
                messages,
                attempts,
                "the coordinator has a new store: what was held for the old one is given up"
            );
        }
        Notice::Protocol(what) => tracing::error!(what, "the coordinator broke the protocol"),
        Notice::LeaseRefused { token, why } => tracing::warn!(%token, why, "lease refused"),
        Notice::Fenced { token } => {
            tracing::error!(%token, "stopping work that is not safe to repeat: its lease cannot be renewed");
        }
        Notice::Draining => tracing::info!("draining"),
    }
}

/// An error with its causes, on one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        let next_text = next.to_string();
        if !text.ends_with(&next_text) {
            text.push_str(": ");
            text.push_str(&next_text);
        }
        cause = next.source();
    }
    text
}

/// News of attempts that wait to be taken in; beyond them the attempts wait.
const WORK_WAITING_MAX: usize = 256;
const WAIT_MAX: Duration = Duration::from_secs(1);
