//! What happened in the simulated world beyond the coordinator's own rows: processes, answers, what watchers saw. Only
//! grows; a check keeps its place in it.

use std::time::Duration;

use muster_common::id::{JobId, RunId, TestIndex, Token};
use muster_common::outcome::{Outcome, TryOutcome};
use muster_scheduler::{Report, RunSummary};

/// Everything that was observed, in order.
#[derive(Debug, Default)]
pub struct History {
    observed: Vec<Observed>,
}

/// One thing that was observed.
#[derive(Debug)]
pub struct Observed {
    /// When, in real time.
    pub at: Duration,
    /// What.
    pub what: Observation,
}

/// What was observed. Agents and planned runs are named by their places in the plan.
#[derive(Debug)]
pub enum Observation {
    /// A process has begun to run.
    ProcessStarted(Process),
    /// A process has ended.
    ProcessEnded {
        /// Which.
        process: Process,
        /// How.
        end: ProcessEnd,
    },
    /// A client was told that its run is accepted.
    Submitted {
        /// The planned run.
        plan: usize,
        /// Its number.
        run: RunId,
        /// Whether it was there before.
        is_duplicate: bool,
    },
    /// A client was told that its run is refused for good.
    SubmitRefused {
        /// The planned run.
        plan: usize,
    },
    /// A client was told that a run is being stopped.
    Cancelled {
        /// The run.
        run: RunId,
        /// Whether it had ended before.
        had_ended: bool,
    },
    /// A client or a watcher saw a run as it stands.
    RunSeen(Box<RunSummary>),
    /// A client was told that there is no such open run, and the history of retired runs has not got it either.
    RunMissing(RunId),
    /// The report of a run is stored as a blob.
    ReportStored(Box<Report>),
    /// A coordinator has begun a life.
    LifeBegun {
        /// Which process.
        coordinator: usize,
        /// Its epoch.
        epoch: u64,
    },
    /// An agent's process was started.
    AgentStarted {
        /// The agent.
        agent: usize,
        /// Whether it has what its earlier life left in its spool.
        has_spool: bool,
    },
    /// An agent's process is gone, and everything that it ran.
    AgentKilled {
        /// The agent.
        agent: usize,
    },
    /// An agent has drained and left.
    AgentLeft {
        /// The agent.
        agent: usize,
    },
    /// From here on nothing goes wrong any more.
    Healed,
}

/// One process that an agent runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Process {
    /// The agent.
    pub agent: usize,
    /// Which life of it, from 1.
    pub life: u64,
    /// The fencing token that it was given: of the attempt's lease, or of the test's batch.
    pub token: Token,
    /// The job.
    pub job: JobId,
    /// What runs.
    pub work: Ran,
    /// Which attempt or try.
    pub attempt: u32,
    /// Whether it may run a second time.
    pub is_repeatable: bool,
}

/// What a process runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ran {
    /// The steps or the build of a job.
    Work,
    /// The discovery of a test job.
    Discovery,
    /// The setup of a shard.
    Setup,
    /// One test.
    Test(TestIndex),
}

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProcessEnd {
    /// By itself; of a test: with what it said.
    Said(TryOutcome),
    /// By itself; of other work.
    Ended(Outcome),
    /// Its agent stopped it.
    Stopped,
    /// Its keeper ended it, because the agent stood still and its lifeline had ended.
    Fenced,
    /// It died with its agent.
    Died,
}

impl History {
    /// Everything, in order.
    #[must_use]
    pub fn all(&self) -> &[Observed] {
        &self.observed
    }

    /// Adds one thing.
    pub(crate) fn note(&mut self, at: Duration, what: Observation) {
        self.observed.push(Observed { at, what });
    }
}
