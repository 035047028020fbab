//! A simulated coordinator process: the rules of the real driver around a real scheduler.
//!
//! Inputs wait in an inbox and are taken many at once; writes are gathered and made durable one batch at a time, while the
//! next is gathered; effects leave when their batch is durable. What the real driver does that is no rule of its own
//! (threads, channels) is left out.

mod batch;
mod door;
mod effects;
mod life;
mod turn;

use std::collections::{BTreeMap, VecDeque};

use muster_common::control::{Open, Stamp};
use muster_common::id::{RunId, SessionId};
use muster_common::time::Monotonic;
use muster_scheduler::{Ask, Input, Scheduler, Stalls};

pub(crate) use batch::Batch;

use crate::client::CallId;
use crate::clock::Clock;
use crate::disk::{CommitFailure, Rows};
use crate::network::StreamId;

/// One process.
#[derive(Debug)]
pub(crate) struct Coordinator {
    pub(crate) standing: Standing,
    pub(crate) clock: Clock,
    /// None while the store is read again.
    pub(crate) life: Option<Life>,
    pub(crate) inbox: VecDeque<Message>,
    pub(crate) lines: BTreeMap<SessionId, StreamId>,
    pub(crate) callers: BTreeMap<Ask, CallId>,
    pub(crate) watchers: BTreeMap<RunId, Vec<usize>>,
    pub(crate) crash: Option<CrashPoint>,
    stalls: Stalls,
    next_session: u64,
    next_ask: u64,
    wake_at: Option<u64>,
}

/// How a process stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    Running,
    Frozen,
    Dead,
}

/// One life on the store.
#[derive(Debug)]
pub(crate) struct Life {
    pub(crate) stamp: Stamp,
    pub(crate) scheduler: Scheduler,
    pub(crate) written: Rows,
    gathered: Batch,
    flight: Option<Flight>,
    /// The newest moment at which this life was known to be the newest of its store.
    proved: Option<Monotonic>,
}

/// A batch on its way to the store.
#[derive(Debug)]
struct Flight {
    since: Monotonic,
    batch: Batch,
    /// What the store said, if the process has not heard it yet.
    result: Option<Result<(), CommitFailure>>,
}

/// What waits in an inbox.
#[derive(Debug)]
pub(crate) enum Message {
    Input(Input),
    Ask(CallId),
    Open { stream: StreamId, session: SessionId, open: Box<Open> },
}

/// Where a coordinator is killed, the next time that it comes there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CrashPoint {
    /// After a step, before its batch is on its way.
    AfterStep,
    /// While a batch is on its way.
    InCommit,
    /// When a batch is durable, before any of its effects has left.
    BeforeEffects,
    /// When so many effects of a batch have left.
    AmongEffects(u32),
}

impl Coordinator {
    pub(crate) fn new(clock: Clock) -> Self {
        Self {
            standing: Standing::Running,
            clock,
            life: None,
            inbox: VecDeque::new(),
            lines: BTreeMap::new(),
            callers: BTreeMap::new(),
            watchers: BTreeMap::new(),
            crash: None,
            stalls: Stalls::new(std::time::Duration::ZERO, Monotonic::default()),
            next_session: 1,
            next_ask: 1,
            wake_at: None,
        }
    }

    pub(crate) fn is_running(&self) -> bool {
        self.standing == Standing::Running
    }
}
