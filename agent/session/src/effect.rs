//! What a session asks its shell to do.

use std::time::Duration;

use muster_common::control::{Batch, CancelReason, FromAgent, Lease, Stamp, Withdraw};
use muster_common::id::Token;

/// One thing to do. Effects of one step are carried out in their order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Open a stream, and say [`crate::Input::LinkOpened`] or [`crate::Input::LinkLost`]. There is none at this time.
    Connect,
    /// Drop the stream. Nothing that still comes from it is to be fed.
    Disconnect,
    /// Send a message on the stream.
    Send {
        /// Its number in the spool; 0 if it is not kept there.
        sequence: u64,
        /// The message.
        message: Box<FromAgent>,
    },
    /// Start an attempt. A slot is free for it.
    StartAttempt(Box<Lease>),
    /// Give tests to a running shard.
    GiveBatch(Batch),
    /// Take tests back from a running shard; answer with [`crate::Work::Withdrawn`].
    WithdrawTests {
        /// The shard.
        shard: Token,
        /// The tests.
        withdraw: Withdraw,
    },
    /// Stop an attempt; it still ends with [`crate::Work::Finished`]. May come more than once, with other reasons.
    StopAttempt {
        /// Its lease.
        token: Token,
        /// Why.
        reason: StopReason,
    },
    /// Keep this message beyond the end of the process, before anything that follows is done.
    SpoolAppend {
        /// Its number.
        sequence: u64,
        /// The message.
        message: Box<FromAgent>,
    },
    /// Forget every kept message up to this number.
    SpoolTrim {
        /// The number.
        up_to: u64,
    },
    /// What is kept is meant for this store from now on.
    SpoolOwner {
        /// The coordinator's store.
        store_id: u128,
    },
    /// Tell the operator.
    Notice(Notice),
    /// Everything is finished and acknowledged, and the agent was asked to leave.
    Exit,
}

/// Why an attempt is stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopReason {
    /// A person or a program stopped the run or the job.
    Cancelled,
    /// The job ran longer than it may.
    Timeout,
    /// Its result is not wanted any more.
    Superseded,
    /// It is not safe to repeat, and its lease could not be renewed.
    Fenced,
}

/// Something that an operator may want to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// The session stands.
    Opened {
        /// The coordinator.
        stamp: Stamp,
        /// How many messages are sent again.
        resent: usize,
    },
    /// The stream is gone; the next try comes after this pause.
    Retrying {
        /// The pause.
        after: Duration,
    },
    /// The coordinator did not answer in time.
    Silent,
    /// A message came from an earlier life of the coordinator, or from one with another store, and was refused.
    StampRefused {
        /// The message's.
        got: Stamp,
        /// What is obeyed.
        known: Stamp,
    },
    /// Work and results that are held for a store that is gone are given up.
    StoreChanged {
        /// Messages that are dropped.
        messages: usize,
        /// Attempts that are stopped.
        attempts: usize,
    },
    /// A message breaks the protocol.
    Protocol(&'static str),
    /// A lease was refused.
    LeaseRefused {
        /// The lease.
        token: Token,
        /// Why.
        why: &'static str,
    },
    /// Work that is not safe to repeat is stopped because its lease cannot be renewed.
    Fenced {
        /// The lease.
        token: Token,
    },
    /// The agent takes no new lease.
    Draining,
}

impl From<CancelReason> for StopReason {
    fn from(reason: CancelReason) -> Self {
        match reason {
            CancelReason::Cancelled => Self::Cancelled,
            CancelReason::Timeout => Self::Timeout,
            CancelReason::Superseded => Self::Superseded,
        }
    }
}
