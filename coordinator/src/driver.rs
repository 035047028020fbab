//! The task that owns the scheduler.
//!
//! Each turn takes what is waiting, steps it, and sends all writes on their way as one batch; while that batch is being
//! made durable the next turns gather the next one. Effects leave when their batch, and so every batch before it, is
//! durable. A failed commit ends the scheduler's life: everyone is sent away, the store is read again, a new life begins.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use muster_common::control::Stamp;
use muster_common::time::{Monotonic, Now};
use muster_scheduler::{Config, Input, Scheduler, Stalls};
use muster_service::clock::SystemClock;
use muster_service::shutdown::Shutdown;
use muster_service::supervision::Pulse;
use tokio::sync::{mpsc, watch};

use crate::commits::{Batch, BeginError, Commits, Durable};
use crate::condition::Condition;
use crate::effects::{Dismissal, Outlets};
use crate::handle::{INBOX_MAX, Message};
use crate::history::History;
use crate::life::{LifeError, begin, wait_for_room};
use crate::reports::Errand;
use crate::store::{CommitError, Committed};

/// What a driver is given.
#[derive(Debug)]
pub(crate) struct Parts {
    pub(crate) config: Config,
    pub(crate) inbox: mpsc::Receiver<Message>,
    pub(crate) errands: mpsc::UnboundedSender<Errand>,
    pub(crate) history: Arc<History>,
    pub(crate) condition: watch::Sender<Condition>,
    pub(crate) shutdown: Shutdown,
    pub(crate) pulse: Pulse,
}

/// One life of the coordinator after another, on one store.
#[derive(Debug)]
pub(crate) struct Driver {
    parts: Parts,
    clock: SystemClock,
    commits: Commits,
    outlets: Outlets,
    scheduler: Scheduler,
    stamp: Stamp,
    stamp_told: watch::Sender<Stamp>,
    stalls: Stalls,
    waiting: VecDeque<Message>,
    gathered: Batch,
    proof: Option<Committed>,
}

impl Driver {
    /// Goes on with a life that has begun.
    pub(crate) fn new(
        parts: Parts,
        commits: Commits,
        begun: (Scheduler, Stamp),
        stamp_told: watch::Sender<Stamp>,
    ) -> Self {
        let clock = SystemClock;
        let (scheduler, stamp) = begun;
        let mut driver = Self {
            outlets: Outlets::new(parts.errands.clone()),
            stalls: Stalls::new(parts.config.heartbeat, clock.now().monotonic),
            parts,
            clock,
            commits,
            scheduler,
            stamp,
            stamp_told,
            waiting: VecDeque::new(),
            gathered: Batch::default(),
            proof: None,
        };
        driver.first_step();
        driver
    }

    /// Works until it is told to end: then what was stepped is made durable, everyone is sent away, the store is closed.
    ///
    /// # Errors
    /// If a commit has failed and no new life can begin. The store may hold what nobody was told of.
    pub(crate) async fn run(mut self) -> Result<(), LifeError> {
        let shutdown = self.parts.shutdown.clone();
        let mut is_ending = std::pin::pin!(shutdown.wait());
        loop {
            let mut may_step_deadline = false;
            let (takes_more, time_to_wake) = (self.takes_more(), self.time_to_wake());
            tokio::select! {
                biased;
                result = self.commits.done() => self.committed(result).await?,
                () = &mut is_ending => break,
                received = receive(&mut self.parts.inbox, &mut self.waiting), if takes_more => {
                    // Fewer than fit: everything that had been received by now is here.
                    may_step_deadline = received < INBOX_MAX;
                }
                () = tokio::time::sleep(time_to_wake) => may_step_deadline = takes_more,
            }
            self.turn(may_step_deadline);
        }
        let result = self.finish().await;
        self.outlets.dismiss(Dismissal::ShuttingDown);
        self.commits.close().await;
        result
    }

    fn turn(&mut self, may_step_deadline: bool) {
        self.parts.pulse.beat();
        let now = self.clock.now();
        if let Some(span) = self.stalls.turn(now.monotonic) {
            self.stalled(now, span);
        }
        while self.gathered.has_room()
            && let Some(message) = self.waiting.pop_front()
        {
            self.take(now, message);
        }
        if may_step_deadline && self.waiting.is_empty() && self.is_deadline_due(now.monotonic) {
            self.step(now, Input::Deadline);
        }
        self.send_on();
    }

    fn take(&mut self, now: Now, message: Message) {
        match message {
            Message::Input(input) => {
                if let Input::CloseSession { session } = &input {
                    self.outlets.forget(*session);
                }
                self.step(now, input);
            }
            Message::Ask { ask, input, caller } => {
                self.outlets.expect(ask, caller);
                self.step(now, input);
            }
            Message::Open { session, open, line } => {
                self.outlets.open(session, line);
                self.step(now, Input::OpenSession { session, open });
            }
            Message::Copy { answer } => self.commits.copy(answer),
        }
    }

    fn step(&mut self, now: Now, input: Input) {
        let step = self.scheduler.step(now, input);
        self.gathered.add(step);
    }

    fn stalled(&mut self, now: Now, span: Duration) {
        tracing::warn!(span_ms = span.as_millis(), "the coordinator was held up; deadlines of agents move by as much");
        self.step(now, Input::Stalled { span });
    }

    fn takes_more(&self) -> bool {
        self.waiting.is_empty() && self.gathered.has_room()
    }

    fn is_deadline_due(&self, now: Monotonic) -> bool {
        !self.is_held(now) && self.scheduler.next_deadline().is_some_and(|deadline| deadline <= now)
    }

    /// Whether the commit that is on its way takes so long that deadlines have to wait for it.
    fn is_held(&self, now: Monotonic) -> bool {
        self.commits.since().is_some_and(|since| self.stalls.is_stalled(since, now))
    }

    fn time_to_wake(&self) -> Duration {
        if !self.waiting.is_empty() && self.gathered.has_room() {
            return Duration::ZERO;
        }
        // Waking now and then, though nothing is due, is how a stall is told from idleness.
        let tick = self.parts.config.heartbeat / 2;
        let now = self.clock.now().monotonic;
        if !self.takes_more() || self.is_held(now) {
            return tick;
        }
        self.scheduler.next_deadline().map_or(tick, |deadline| deadline.since(now).max(TIMER_GRAIN).min(tick))
    }

    /// Sends what was gathered to the store, if the store is idle; what has nothing to store needs only the last proof.
    fn send_on(&mut self) {
        if self.commits.since().is_some() || self.gathered.is_empty() {
            return;
        }
        if let Some(proof) = &self.proof
            && let Some(pending) = self.gathered.without_writes()
        {
            let effects = pending.release(proof);
            self.outlets.carry_out(self.stamp, effects);
            return;
        }
        let batch = std::mem::take(&mut self.gathered);
        self.commits.send(self.stamp.epoch, batch, self.clock.now().monotonic);
    }

    async fn committed(&mut self, result: Option<CommitDone>) -> Result<(), LifeError> {
        match result {
            Some((since, Ok(durable))) => {
                self.release(durable);
                let now = self.clock.now();
                if let Some(span) = self.stalls.commit(since, now.monotonic) {
                    self.stalled(now, span);
                }
                Ok(())
            }
            Some((_, Err(error))) => self.restore(error).await,
            None => Err(BeginError::ThreadEnded.into()),
        }
    }

    fn release(&mut self, durable: Durable) {
        let Durable { proof, effects, changes } = durable;
        self.proof = Some(proof);
        // Readers first: whoever is told that a run is not open any more looks for it there.
        for row in self.parts.history.apply(&changes) {
            // If nobody takes it, the coordinator ends, and a few files stay.
            drop(self.parts.errands.send(Errand::Forget(row)));
        }
        self.outlets.carry_out(self.stamp, effects);
    }

    /// Nobody knows what the store holds: forget everything, read it again, begin a new life.
    async fn restore(&mut self, error: CommitError) -> Result<(), LifeError> {
        tracing::error!(
            error = &error as &dyn std::error::Error,
            "a commit failed; the state is read again from the store"
        );
        let condition = if error.is_no_space() { Condition::NoRoom } else { Condition::Restoring };
        self.parts.condition.send_replace(condition);
        self.gathered = Batch::default();
        self.proof = None;
        self.outlets.dismiss(Dismissal::Restoring);
        self.waiting.drain(..).for_each(Message::turn_away);
        let begun = match begin(&mut self.commits, &self.parts).await {
            Ok(begun) => Some(begun),
            Err(error) if error.is_no_space() => {
                wait_for_room(&mut self.commits, &mut self.parts, &mut self.waiting, error).await?
            }
            Err(error) => return Err(error),
        };
        let Some((scheduler, stamp)) = begun else { return Ok(()) };
        self.scheduler = scheduler;
        self.stamp = stamp;
        self.stamp_told.send_replace(stamp);
        self.parts.condition.send_replace(Condition::Serving);
        self.stalls = Stalls::new(self.parts.config.heartbeat, self.clock.now().monotonic);
        tracing::info!(epoch = %stamp.epoch, "the coordinator goes on in a new epoch");
        self.first_step();
        Ok(())
    }

    /// Lets the scheduler ask again for what was under way. Its batch is committed even if there is nothing to write:
    /// every life needs a proof of its own before it may answer.
    fn first_step(&mut self) {
        let now = self.clock.now();
        self.step(now, Input::Deadline);
        let batch = std::mem::take(&mut self.gathered);
        self.commits.send(self.stamp.epoch, batch, now.monotonic);
    }

    async fn finish(&mut self) -> Result<(), LifeError> {
        self.parts.inbox.close();
        while self.commits.since().is_some() {
            match self.commits.done().await {
                Some((_, Ok(durable))) => {
                    self.release(durable);
                    self.send_on();
                }
                // Nobody was told of what failed, and the next start reads what is durable.
                Some((_, Err(error))) => {
                    tracing::error!(error = &error as &dyn std::error::Error, "the last commit failed");
                    return Ok(());
                }
                None => return Err(BeginError::ThreadEnded.into()),
            }
        }
        Ok(())
    }
}

type CommitDone = (Monotonic, Result<Durable, CommitError>);

/// Takes what is waiting, or waits for something.
pub(crate) async fn receive(inbox: &mut mpsc::Receiver<Message>, waiting: &mut VecDeque<Message>) -> usize {
    let mut received = Vec::new();
    let count = inbox.recv_many(&mut received, INBOX_MAX).await;
    if count == 0 {
        // All handles are gone; only the shutdown is left to wait for.
        std::future::pending::<()>().await;
    }
    waiting.extend(received);
    count
}

/// Timers are not finer than this.
const TIMER_GRAIN: Duration = Duration::from_millis(1);

#[cfg(test)]
#[path = "driver_tests.rs"]
mod tests;
