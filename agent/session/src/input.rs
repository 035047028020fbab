//! What enters a session.

use muster_common::control::{Discovered, Finished, FromAgent, Stamp, TestResults, TestStarted, ToAgent, Withdrawn};
use muster_common::id::Token;

/// One thing that has happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// The stream asked for by [`crate::Effect::Connect`] takes messages.
    LinkOpened,
    /// The stream has ended, or could not be opened.
    LinkLost,
    /// The coordinator has sent a message.
    Message {
        /// Where it comes from.
        stamp: Stamp,
        /// The message.
        message: Box<ToAgent>,
    },
    /// Something has happened to an attempt.
    Work(Work),
    /// The agent is asked to take no new lease, finish the rest, and leave.
    Drain,
    /// A deadline may be due: see [`crate::Session::next_deadline`].
    Deadline,
}

/// What an attempt says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Work {
    /// Its workspace stands and its first process runs.
    Started(Token),
    /// A part of a discovery, of any length.
    Discovered(Discovered),
    /// A shard is set up and wants its first batch.
    ShardReady(ShardReady),
    /// Tests have begun.
    TestStarted(TestStarted),
    /// Tests have ended; any number.
    TestResults(TestResults),
    /// The runner has ended; every test of the batch has had its result or was given up.
    BatchDone(BatchDone),
    /// What became of a withdrawal.
    Withdrawn(Withdrawn),
    /// The attempt has ended; it says nothing more, and its slot is free.
    Finished(Box<Finished>),
}

/// A shard is set up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShardReady {
    /// Its lease.
    pub shard: Token,
    /// Expected cost of starting a batch, in microseconds; 0 if nothing is known.
    pub start_cost_us: u64,
}

/// A batch has been run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchDone {
    /// The shard's lease.
    pub shard: Token,
    /// The batch.
    pub batch: Token,
    /// Measured cost of starting it, in microseconds.
    pub start_cost_us: u64,
}

/// What an earlier life of this agent left in its spool.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Restored {
    /// The coordinator's store for which it is meant; none if no coordinator was ever reached.
    pub store_id: Option<u128>,
    /// Messages that are not acknowledged, with their numbers, rising.
    pub messages: Vec<(u64, FromAgent)>,
}
