//! Agents that have a session, or hold leases.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use muster_common::id::{AgentLife, AgentName, SessionId, Token};
use muster_common::requirement::Labels;
use muster_common::time::{Monotonic, Wall};

use super::ClassId;
use crate::policy::pacing::Pace;
use crate::{AgentState, Config};

/// All of them, by name; one life of each.
#[derive(Clone, Debug, Default)]
pub(crate) struct Agents {
    pub(crate) table: BTreeMap<AgentName, Agent>,
    /// Open sessions.
    pub(crate) sessions: BTreeMap<SessionId, AgentName>,
    /// Agents that are suspect or lost.
    pub(crate) doubtful: usize,
    /// Leases that are over and whose tests may still run in their groups' places, by agent.
    pub(crate) silent: BTreeMap<AgentName, BTreeSet<Token>>,
}

/// One agent.
#[derive(Clone, Debug)]
pub(crate) struct Agent {
    pub(crate) name: AgentName,
    pub(crate) life: AgentLife,
    /// Number of the last `Open` of this life; 0: none was heard since the coordinator's start.
    pub(crate) opens: u64,
    /// Its open session.
    pub(crate) session: Option<SessionId>,
    pub(crate) labels: Labels,
    pub(crate) slots: u32,
    pub(crate) version: String,
    pub(crate) connected: Wall,
    pub(crate) is_draining: bool,
    /// Why it is fenced off; empty: it is not.
    pub(crate) fence: String,
    pub(crate) liveness: Liveness,
    /// When it last gave a sign of life.
    pub(crate) seen: Monotonic,
    /// Until when it may claim its leases after a restart of the coordinator.
    pub(crate) grace_until: Monotonic,
    /// Leases that take a slot of it, each with the project that pays for it: live ones, and those that are told to end.
    pub(crate) held: BTreeMap<Token, Arc<str>>,
    /// Shards on it that hold no tests and whose slots others may have: they wait for tests, or have no list yet.
    pub(crate) idle: BTreeSet<Token>,
    /// Kinds of work that it can do.
    pub(crate) classes: BTreeSet<ClassId>,
    /// Free slots under which the queue has it in its indexes; 0: it has it not.
    pub(crate) indexed_free: u32,
    /// How long it takes for tests, beside what is usual. Known in memory only.
    pub(crate) pace: Pace,
}

/// How sure it is that an agent lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Liveness {
    /// Its stream is open and it answers.
    Alive,
    /// It held leases before the coordinator was restarted, and is given the usual time to reconnect.
    Absent,
    /// Its stream has ended, or it missed two heartbeats.
    Suspect,
    /// It was silent for the lease time of repeatable work.
    Lost,
}

impl Agent {
    /// An agent that is known only by the leases that it holds.
    pub(crate) fn absent(name: AgentName, life: AgentLife, seen: Monotonic, grace_until: Monotonic) -> Self {
        Self {
            name,
            life,
            opens: 0,
            session: None,
            labels: Labels::new(),
            slots: 0,
            version: String::new(),
            connected: Wall::default(),
            is_draining: false,
            fence: String::new(),
            liveness: Liveness::Absent,
            seen,
            grace_until,
            held: BTreeMap::new(),
            idle: BTreeSet::new(),
            classes: BTreeSet::new(),
            indexed_free: 0,
            pace: Pace::default(),
        }
    }

    /// Slots that a new lease may take.
    pub(crate) fn free(&self) -> u32 {
        if self.session.is_none() || !self.takes_work() {
            return 0;
        }
        self.slots.saturating_sub(self.busy())
    }

    /// Whether it lives and may be given something new.
    pub(crate) fn takes_work(&self) -> bool {
        self.liveness == Liveness::Alive && !self.takes_nothing_new()
    }

    /// Whether it only finishes what it holds: it is draining or fenced off.
    pub(crate) fn takes_nothing_new(&self) -> bool {
        self.is_draining || !self.fence.is_empty()
    }

    /// Slots that are taken.
    pub(crate) fn busy(&self) -> u32 {
        u32::try_from(self.held.len()).unwrap_or(u32::MAX)
    }

    /// When its liveness may change for the worse.
    pub(crate) fn next_doubt(&self, config: &Config) -> Monotonic {
        match self.liveness {
            Liveness::Alive => self.seen + config.heartbeat * HEARTBEATS_MISSED_MAX,
            Liveness::Absent => self.seen + config.lease,
            Liveness::Suspect => (self.seen + config.lease).max(self.grace_until),
            Liveness::Lost => (self.seen + config.lease_unrepeatable).max(self.grace_until),
        }
    }

    /// How it stands, for people.
    pub(crate) fn state(&self) -> AgentState {
        if self.session.is_none() || self.liveness != Liveness::Alive {
            AgentState::Suspect
        } else if self.is_draining {
            AgentState::Draining
        } else if !self.fence.is_empty() {
            AgentState::Fenced
        } else {
            AgentState::Connected
        }
    }
}

/// After so many missed heartbeats an agent is suspect.
const HEARTBEATS_MISSED_MAX: u32 = 2;
