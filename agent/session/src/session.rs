//! The session's state, and what every step ends with.

use muster_common::control::{FromAgent, Open, WantBatch};
use muster_common::time::{Monotonic, Now};

use crate::attempts::{Attempts, Want};
use crate::backoff::Backoff;
use crate::home::Home;
use crate::link::{Link, Pace};
use crate::spool::Spool;
use crate::{Config, Effect, Identity, Input, Notice, Restored};

/// One agent's side of the control stream.
///
/// It survives the streams that it opens. The first call should be [`Input::Deadline`], which has it connect.
#[derive(Clone, Debug)]
pub struct Session {
    pub(crate) config: Config,
    pub(crate) identity: Identity,
    pub(crate) backoff: Backoff,
    pub(crate) home: Home,
    pub(crate) spool_owner: Option<u128>,
    pub(crate) link: Link,
    pub(crate) pace: Pace,
    /// From when on the coordinator counts the leases, at the earliest: the newest answered message's sending.
    pub(crate) renewed_at: Monotonic,
    pub(crate) heartbeats: u64,
    pub(crate) spool: Spool,
    pub(crate) attempts: Attempts,
    /// `Open` messages said in this life.
    opens: u64,
    pub(crate) is_draining: bool,
    has_left: bool,
}

/// How much a session has in hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Load {
    /// Attempts that have a slot.
    pub running: usize,
    /// Messages that are not acknowledged.
    pub unacknowledged: usize,
    /// Their bytes.
    pub spool_bytes: usize,
    /// Whether the spool is so full that nothing more is to be taken from attempts until some of it is acknowledged.
    pub is_full: bool,
    /// Whether the session stands.
    pub is_open: bool,
}

impl Session {
    /// A session without a past.
    #[must_use]
    pub fn new(config: Config, identity: Identity) -> Self {
        Self::restore(config, identity, Restored::default())
    }

    /// A session with what an earlier life of the agent left in its spool. All of it is sent as it is, so that finished
    /// tests are not run again; of the leases only those whose end is in the spool are claimed, for the processes of all
    /// others died with that life.
    #[must_use]
    pub fn restore(config: Config, identity: Identity, restored: Restored) -> Self {
        let mut attempts = Attempts::new(identity.slots);
        for (_, message) in &restored.messages {
            match message {
                FromAgent::Finished(finished) => attempts.insert_ended(finished.token),
                FromAgent::Refused { token, .. } => attempts.insert_ended(*token),
                FromAgent::Open(_)
                | FromAgent::Heartbeat(_)
                | FromAgent::Accepted(_)
                | FromAgent::Started(_)
                | FromAgent::Discovered(_)
                | FromAgent::TestStarted(_)
                | FromAgent::TestResults(_)
                | FromAgent::WantBatch(_)
                | FromAgent::Withdrawn(_)
                | FromAgent::Draining => {}
            }
        }
        Self {
            backoff: Backoff::new(config.seed),
            config,
            identity,
            home: restored.store_id.map_or_else(Home::default, Home::restored),
            spool_owner: restored.store_id,
            link: Link::Down { retry_at: Monotonic::default() },
            pace: Pace::default(),
            renewed_at: Monotonic::default(),
            heartbeats: 0,
            spool: Spool::new(restored.messages),
            attempts,
            opens: 0,
            is_draining: false,
            has_left: false,
        }
    }

    /// Takes in one thing that has happened at `now`; returns what is to be done, in order.
    #[must_use = "effects have to be carried out"]
    pub fn step(&mut self, now: Now, input: Input) -> Vec<Effect> {
        let mut effects = Vec::new();
        if self.has_left {
            return effects;
        }
        let at = now.monotonic;
        match input {
            Input::LinkOpened => self.on_link_opened(at, &mut effects),
            Input::LinkLost => self.on_link_lost(at, &mut effects),
            Input::Message { stamp, message } => self.on_message(at, stamp, *message, &mut effects),
            Input::Work(work) => self.on_work(work, &mut effects),
            Input::Drain => self.on_drain(&mut effects),
            Input::Deadline => self.on_deadline(at, &mut effects),
        }
        self.settle(&mut effects);
        effects
    }

    /// When to call [`Self::step`] with [`Input::Deadline`]; none once it has asked for [`Effect::Exit`].
    #[must_use]
    pub fn next_deadline(&self) -> Option<Monotonic> {
        if self.has_left {
            return None;
        }
        let link = self.link.deadline(self.pace);
        Some(self.fence_at().map_or(link, |fence| fence.min(link)))
    }

    /// How much it has in hand.
    #[must_use]
    pub fn load(&self) -> Load {
        Load {
            running: self.attempts.running(),
            unacknowledged: self.spool.len(),
            spool_bytes: self.spool.bytes(),
            is_full: self.spool.bytes() >= self.config.spool_bytes_max,
            is_open: self.link.is_open(),
        }
    }

    /// Keeps a message that matters; it is sent, in its turn, at the end of the step.
    pub(crate) fn say(&mut self, message: FromAgent, effects: &mut Vec<Effect>) {
        let sequence = self.spool.append(message.clone());
        effects.push(Effect::SpoolAppend { sequence, message: Box::new(message) });
    }

    /// Sends a message that need not arrive, if the session stands.
    pub(crate) fn mention(&self, message: FromAgent, effects: &mut Vec<Effect>) {
        if self.link.is_open() {
            effects.push(Effect::Send { sequence: 0, message: Box::new(message) });
        }
    }

    /// Gives up the stream, if there is one, and tries again later.
    pub(crate) fn hang_up(&mut self, at: Monotonic, notice: Notice, effects: &mut Vec<Effect>) {
        effects.push(Effect::Notice(notice));
        effects.push(Effect::Disconnect);
        self.retry_later(at, effects);
    }

    /// There is no stream any more.
    pub(crate) fn retry_later(&mut self, at: Monotonic, effects: &mut Vec<Effect>) {
        let after = self.backoff.next(&self.config);
        self.link = Link::Down { retry_at: at + after };
        self.spool.rewind();
        for (_, attempt) in self.attempts.iter_mut() {
            if attempt.shard.want == Want::Told {
                attempt.shard.want = Want::Untold;
            }
        }
        effects.push(Effect::Notice(Notice::Retrying { after }));
    }

    /// Who the agent is and what it holds.
    pub(crate) fn open_message(&mut self) -> Open {
        self.opens += 1;
        Open {
            agent: self.identity.agent.clone(),
            life: self.identity.life,
            number: self.opens,
            labels: self.identity.labels.clone(),
            slots: self.identity.slots,
            version: self.identity.version.clone(),
            features: self.identity.features.clone(),
            held: self.attempts.held(),
            is_draining: self.is_draining,
        }
    }

    /// What every step ends with: free slots are filled, what may be sent is sent, and the last one turns off the light.
    fn settle(&mut self, effects: &mut Vec<Effect>) {
        while let Some(lease) = self.attempts.start_next() {
            effects.push(Effect::StartAttempt(lease));
        }
        if self.link.is_open() {
            while let Some((sequence, message)) = self.spool.send_next(&self.config) {
                effects.push(Effect::Send { sequence, message: Box::new(message) });
            }
            self.tell_wants(effects);
        }
        if self.is_draining && self.attempts.is_empty() && self.spool.is_empty() {
            self.has_left = true;
            effects.push(Effect::Exit);
        }
    }

    fn tell_wants(&mut self, effects: &mut Vec<Effect>) {
        for (shard, attempt) in self.attempts.iter_mut() {
            if attempt.shard.want == Want::Untold {
                attempt.shard.want = Want::Told;
                let want = WantBatch { shard, start_cost_us: attempt.shard.start_cost_us };
                effects.push(Effect::Send { sequence: 0, message: Box::new(FromAgent::WantBatch(want)) });
            }
        }
    }
}
