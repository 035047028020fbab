//! Everything that can happen in the world.

use muster_common::id::{RunId, Token};

use crate::client::CallId;
use crate::fault::Act;
use crate::network::StreamId;

/// One thing that happens.
#[derive(Clone, Debug)]
pub(crate) enum Event {
    /// A timer of an agent's process.
    AgentWake(usize),
    /// A machine starts its agent.
    AgentBoot(usize),
    /// An agent leaves for good, as planned.
    AgentDeparts(usize),
    /// What runs of an attempt comes to its next turn.
    Attempt { agent: usize, life: u64, token: Token, serial: u32 },
    /// An attempt has had its time.
    AttemptTimeout { agent: usize, life: u64, token: Token },
    /// The lifeline of an agent may have ended.
    Keeper { agent: usize, life: u64 },
    /// A message of an agent arrives.
    Up(StreamId),
    /// A message for an agent arrives.
    Down(StreamId),
    /// What a message carries is stored; it may enter.
    Door(StreamId),
    /// A coordinator's driver wakes.
    Turn(usize),
    /// The store has done with a commit.
    CommitDone(usize),
    /// A coordinator process is started.
    CoordinatorBoot,
    /// A coordinator reads its store again.
    CoordinatorRestore(usize),
    /// A report is stored.
    ReportStored { coordinator: usize, run: RunId },
    /// A client's question arrives.
    Request(CallId),
    /// An answer, or an error, arrives at a client.
    Reply(CallId),
    /// A client submits a planned run, perhaps again.
    Submit(usize),
    /// A planned deed is done.
    Deed(usize),
    /// A client tries again to cancel a planned run.
    Cancel(usize),
    /// A watcher tries again.
    Watch(usize),
    /// Something goes wrong, or right again.
    Fault(Act),
    /// Everything is made well.
    Heal,
}
