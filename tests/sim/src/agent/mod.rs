//! A simulated agent: a real session, and around it what the real shell does.
//!
//! - `shell`: feeds the session what happens, and carries out what it asks for.
//! - `machine`: the process's beginnings and ends; standing still; the keepers that outlive it for a moment.
//! - `attempt`, `work`, `shard`: what runs, acted out as the plan says.

mod attempt;
mod machine;
mod shard;
mod shell;
mod work;

use std::collections::{BTreeMap, VecDeque};

use muster_common::control::{FromAgent, Stamp, ToAgent};
use muster_common::id::Token;
use muster_common::time::Monotonic;
use muster_session::{Session, Work};

use crate::clock::Clock;
use crate::network::StreamId;
use attempt::Attempt;

/// One machine of the fleet, through all lives of its agent.
#[derive(Debug)]
pub struct Agent {
    session: Option<Session>,
    is_frozen: bool,
    pub(crate) has_departed: bool,
    /// It drains as soon as something that it runs has ended, when its slot may have been given away again.
    drains_at_next_end: bool,
    pub(crate) life: u64,
    pub(crate) clock: Clock,
    spool: SpoolFile,
    stream: Option<StreamId>,
    news: VecDeque<(StreamId, News)>,
    work: VecDeque<Work>,
    attempts: BTreeMap<Token, Attempt>,
    /// Turns of attempts that need the agent's own process, which stands still.
    deferred: Vec<(Token, u32)>,
    /// Until when work that is not safe to repeat may run, as its keepers read it.
    lifeline: Monotonic,
    wake_at: Option<u64>,
    keeper_at: Option<u64>,
}

/// What survives an agent's process.
#[derive(Debug, Default)]
struct SpoolFile {
    owner: Option<u128>,
    messages: VecDeque<(u64, FromAgent)>,
}

/// What a stream says.
#[derive(Debug)]
enum News {
    Opened,
    Message(Stamp, Box<ToAgent>),
    Lost,
}

impl Agent {
    pub(crate) fn new(clock: Clock) -> Self {
        Self {
            session: None,
            is_frozen: false,
            has_departed: false,
            drains_at_next_end: false,
            life: 0,
            clock,
            spool: SpoolFile::default(),
            stream: None,
            news: VecDeque::new(),
            work: VecDeque::new(),
            attempts: BTreeMap::new(),
            deferred: Vec::new(),
            lifeline: Monotonic::default(),
            wake_at: None,
            keeper_at: None,
        }
    }

    /// Its session, while its process runs.
    #[must_use]
    pub const fn session(&self) -> Option<&Session> {
        self.session.as_ref()
    }

    /// Whether its process stands still.
    #[must_use]
    pub const fn is_frozen(&self) -> bool {
        self.is_frozen
    }
}
