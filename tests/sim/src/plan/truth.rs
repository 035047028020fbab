//! What truly happens when a job runs. All spans are those on an agent of 100 % speed.

use std::collections::BTreeSet;
use std::time::Duration;

use muster_common::error_code::ReasonCode;
use muster_common::id::AgentName;

/// The truth about one job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JobTruth {
    /// Of a job with steps, and of the build of a suite.
    Work(WorkTruth),
    /// Of a test job.
    Suite(Box<SuiteTruth>),
}

/// The truth about an attempt of some work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkTruth {
    /// From the lease to the first process: the making of the workspace.
    pub setup: Duration,
    /// From the first process to the end.
    pub duration: Duration,
    /// How it ends where it can be run.
    pub end: WorkEnd,
    /// The first attempts (as the lease counts them, from 1) take their agent's process down with them in the middle.
    pub kills: u32,
    /// Where it cannot be run.
    pub sickness: Option<Sickness>,
}

/// How work ends by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WorkEnd {
    /// It passes and hands over all artifacts and outputs that its specification names.
    Passes,
    /// It passes, but does not hand over the last of its artifacts.
    PassesWithoutArtifact,
    /// The user's work says no.
    Fails(ReasonCode),
    /// It cannot be run, wherever it is.
    Errs(ReasonCode),
    /// It never ends by itself; when it is stopped it ends.
    Hangs,
    /// It ends as cancelled although nobody had asked for it, the first so many times, and passes then.
    CancelsItself(u32),
}

/// Agents on which something cannot be run: an attempt there is errored after its setup, before its first process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sickness {
    /// Those agents.
    pub agents: BTreeSet<AgentName>,
    /// Why.
    pub code: ReasonCode,
}

/// The truth about a test job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SuiteTruth {
    /// How the listing goes.
    pub discovery: DiscoveryTruth,
    /// From a shard's lease to its being ready.
    pub shard_setup: Duration,
    /// The cost of starting a batch; it is what the agent measures.
    pub start_cost: Duration,
    /// What may be wrong with shards.
    pub trouble: ShardTrouble,
    /// Agents on which no shard can be set up.
    pub sickness: Option<Sickness>,
    /// Its tests, in the order in which they are listed.
    pub tests: Vec<TestTruth>,
}

/// How a listing goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DiscoveryTruth {
    /// As of any work; where it passes, the list is said.
    pub work: WorkTruth,
    /// Whether the list depends on the attempt.
    pub change: ListChange,
    /// Names in one part of what the attempt says; at least 1.
    pub part: usize,
    /// What is wrong with its seal.
    pub seal: Option<BadSeal>,
}

/// Whether a second attempt of a discovery lists something else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListChange {
    /// Every attempt lists the same.
    None,
    /// Every second attempt lists them in reverse.
    Reversed,
    /// Every attempt but the first lists one test less: the last is not there.
    Shrinks,
}

/// What is wrong with the seal of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadSeal {
    /// It is not there.
    Missing,
    /// It counts one test more than were listed.
    Count,
    /// Its digest is of another list.
    Digest,
    /// The list has its first name twice (the seal agrees); one test is missing from it instead, the last.
    Twice,
    /// The last part of the list is not said, but sealed.
    CutOff,
}

/// What may be wrong with the shards of a suite.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ShardTrouble {
    /// Nothing.
    None,
    /// The user's setup steps fail, in every shard.
    SetupFails,
    /// The setup takes its agent's process down, in the first so many shards that are started.
    SetupKills(u32),
    /// The first so many shards end as passed when they get their first batch, without running anything.
    RunsNothing(u32),
    /// The first so many shards run only the first half (rounded up) of their first batch, and end as passed then.
    CutsResults(u32),
    /// The first so many shards end as errored in the middle of their first batch, at half of its tests.
    Breaks(u32),
    /// The first shard sends a result for a test that it was not dealt, once.
    Invents,
}

/// One test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TestTruth {
    /// Its name; unique in its job.
    pub name: String,
    /// How long it takes.
    pub duration: Duration,
    /// What it does.
    pub sort: TestSort,
}

/// What a test does.
///
/// Attempts are those of [`muster_common::control::DealtTest::attempt`], from 1; starts are counted by the world over
/// the whole simulation: every time that a process began to run this test of this run and job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TestSort {
    /// Says yes.
    Passes,
    /// Says no.
    Fails,
    /// Its runner says that it is not to be run.
    Skipped,
    /// Says no at these attempts, and yes at others.
    Flaky(BTreeSet<u32>),
    /// Says no on these agents, and yes on others.
    FailsOn(BTreeSet<AgentName>),
    /// Takes its agent's process down when half of its duration is over, at its first so many starts; passes then.
    KillsAgent(u32),
    /// Ends its runner when half of its duration is over, at its first so many starts; the agent says that this try is
    /// errored, with [`muster_common::control::RUNNER_CRASHED`] in its message, and runs the rest of the batch anew.
    CrashesRunner(u32),
    /// Never ends by itself: its agent stops it at the time limit of one test and says that it failed.
    Hangs,
    /// Its runner exits with 0 and says nothing of it: the agent says that this try is errored. At these attempts; passes
    /// at others.
    NotRun(BTreeSet<u32>),
    /// Writes much and says yes: its result carries a long message and an output.
    Loud,
}
