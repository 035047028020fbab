//! What must be stored: rows of state under keys.
//!
//! A row is the whole of what is known of one thing; a later put replaces an earlier one. The shell encodes them
//! (`muster_coordinator::store::codec`); [`crate::Scheduler::restore`] takes them back in the order of their keys.

use std::collections::BTreeMap;

use muster_common::digest::Digest;
use muster_common::error_code::Reason;
use muster_common::id::{AgentLife, AgentName, JobId, RunId, ShardIndex, TestIndex, Token};
use muster_common::outcome::{Outcome, TestVerdict, TryOutcome};
use muster_common::spec::RunSpec;
use muster_common::time::Wall;

use crate::memory_rows::{AgentHealthRow, MemorySuiteRow, MemoryTestRow};
pub use crate::state::GroupSet;

/// One change of the store.
#[derive(Clone, Debug, PartialEq)]
pub enum Write {
    /// Store this row in place of an earlier one with its key.
    Put(Row),
    /// Remove the row, if it is there.
    Delete(Key),
}

/// The name of a row. The order of the variants is the order in which rows are restored: what others refer to comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Key {
    /// Counters.
    Counters,
    /// A retired run's summary.
    History(RunId),
    /// A test job that is remembered, by its number.
    MemorySuite(u32),
    /// A remembered test, by the number of its test job and its place there.
    MemoryTest(u32, u32),
    /// An agent that is remembered, by its short number.
    AgentHealth(u32),
    /// A run.
    Run(RunId),
    /// A job.
    Job(JobId),
    /// Names of discovered tests, from this one on.
    TestNames(JobId, TestIndex),
    /// What is known of one test; absent until its first try has ended or been lost.
    Test(JobId, TestIndex),
    /// A lease of an attempt.
    Lease(Token),
    /// A batch.
    Batch(Token),
}

/// A row.
#[derive(Clone, Debug, PartialEq)]
pub enum Row {
    /// Counters.
    Counters(CountersRow),
    /// A retired run's summary.
    History(Box<HistoryRow>),
    /// A test job that is remembered.
    MemorySuite(MemorySuiteRow),
    /// A remembered test.
    MemoryTest(Box<MemoryTestRow>),
    /// An agent that is remembered.
    AgentHealth(Box<AgentHealthRow>),
    /// A run.
    Run(Box<RunRow>),
    /// A job.
    Job(Box<JobRow>),
    /// Names of discovered tests.
    TestNames(TestNamesRow),
    /// One test.
    Test(Box<TestRow>),
    /// A lease.
    Lease(Box<LeaseRow>),
    /// A batch.
    Batch(Box<BatchRow>),
}

/// Numbers that only rise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CountersRow {
    /// The number that the next run gets.
    pub next_run: u64,
}

/// What is kept of a retired run.
#[derive(Clone, Debug, PartialEq)]
pub struct HistoryRow {
    /// The run, with all its jobs, as it ended.
    pub summary: RunSummary,
    /// Its client's request id.
    pub request_id: String,
    /// The blob that holds its full report.
    pub report: Digest,
}

/// An open run.
#[derive(Clone, Debug, PartialEq)]
pub struct RunRow {
    /// Its number.
    pub run: RunId,
    /// Its client's request id.
    pub request_id: String,
    /// What is to be run.
    pub spec: RunSpec,
    /// When it was accepted.
    pub submitted: Wall,
    /// When its first attempt was granted.
    pub started: Option<Wall>,
    /// Whether somebody wants it stopped.
    pub is_cancel_requested: bool,
    /// How it ended, if it has.
    pub end: Option<End>,
}

/// How and when a run or a job ended.
#[derive(Clone, Debug, PartialEq)]
pub struct End {
    /// How.
    pub outcome: Outcome,
    /// Why, where it did not pass.
    pub reason: Option<Reason>,
    /// When.
    pub at: Wall,
}

/// A job of an open run.
#[derive(Clone, Debug, PartialEq)]
pub struct JobRow {
    /// Which.
    pub job: JobId,
    /// When its needs had ended and it began to wait for an agent.
    pub queued: Option<Wall>,
    /// When its first attempt was granted.
    pub started: Option<Wall>,
    /// How it ended, if it has.
    pub end: Option<End>,
    /// Attempts granted so far: of the job itself, or of its discovery.
    pub attempts: u32,
    /// Attempts lost with their agents: of the job itself, or of its discovery.
    pub lost: u32,
    /// Shards opened so far.
    pub shards: u32,
    /// For a test job: whether its discovery is sealed, and with how many tests.
    pub sealed: Option<u32>,
    /// Artifacts that it has handed over.
    pub artifacts: BTreeMap<String, Digest>,
    /// Outputs that it has handed over.
    pub outputs: BTreeMap<String, String>,
    /// Tests of it whose first tries fail more often than they did, for people.
    pub alarms: Vec<String>,
}

/// A part of a sealed discovery.
#[derive(Clone, Debug, PartialEq)]
pub struct TestNamesRow {
    /// The job.
    pub job: JobId,
    /// Index of the first name.
    pub first: TestIndex,
    /// The names.
    pub names: Vec<String>,
}

/// What is known of one test.
#[derive(Clone, Debug, PartialEq)]
pub struct TestRow {
    /// The job.
    pub job: JobId,
    /// The test.
    pub test: TestIndex,
    /// Its tries that have ended, in their order.
    pub tries: Vec<TryRow>,
    /// Tries lost with their agents.
    pub lost: u32,
    /// What is held of it in the end.
    pub verdict: Option<TestVerdict>,
    /// Whether a failure of it counts for nothing.
    pub is_quarantined: bool,
}

/// One try of a test that has ended.
#[derive(Clone, Debug, PartialEq)]
pub struct TryRow {
    /// Which, from 1.
    pub attempt: u32,
    /// The batch whose result counted.
    pub token: Token,
    /// What it said.
    pub outcome: TryOutcome,
    /// How long it took.
    pub duration_us: u64,
    /// The first thing that a person wants to read.
    pub message: String,
    /// What it wrote.
    pub output: Option<Digest>,
    /// Where it ran.
    pub agent: AgentName,
    /// When its result arrived.
    pub at: Wall,
}

/// A lease of an attempt.
#[derive(Clone, Debug, PartialEq)]
pub struct LeaseRow {
    /// Its fencing token.
    pub token: Token,
    /// The job.
    pub job: JobId,
    /// What it is a lease of.
    pub part: LeasePart,
    /// Which attempt, from 1.
    pub attempt: u32,
    /// Who holds it.
    pub agent: AgentName,
    /// Which life of that agent.
    pub life: AgentLife,
    /// Whether its work has begun, as far as is known.
    pub is_started: bool,
    /// Whether it was seen to end (expired, fenced): kept until its job ends, so that late words about it are understood.
    pub is_over: bool,
    /// Of a shard that is over: groups in which a test that it held may still run.
    pub places: GroupSet,
}

/// What a lease is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeasePart {
    /// A job's steps or its test build.
    Work,
    /// A test job's discovery.
    Discovery,
    /// A shard of a test job.
    Shard(ShardIndex),
}

/// A batch.
#[derive(Clone, Debug, PartialEq)]
pub struct BatchRow {
    /// Its fencing token.
    pub token: Token,
    /// The job.
    pub job: JobId,
    /// Lease of the shard that it was dealt to.
    pub shard: Token,
    /// Its tests, each with the number of its try.
    pub tests: Vec<(TestIndex, u32)>,
    /// Whether its lease is over: kept until its job ends, so that a late result can still be taken.
    pub is_over: bool,
}

/// A run as people see it.
#[derive(Clone, Debug, PartialEq)]
pub struct RunSummary {
    /// Its number.
    pub run: RunId,
    /// Its project.
    pub project: String,
    /// Its name.
    pub name: String,
    /// When it was accepted.
    pub submitted: Wall,
    /// When its first attempt was granted.
    pub started: Option<Wall>,
    /// Whether somebody wants it stopped.
    pub is_cancel_requested: bool,
    /// How it ended, if it has.
    pub end: Option<End>,
    /// Sums over its test jobs.
    pub tests: TestCounts,
    /// Its jobs, in the order of the specification; may be empty where only the run's own fields changed.
    pub jobs: Vec<JobSummary>,
}

/// A job as people see it.
#[derive(Clone, Debug, PartialEq)]
pub struct JobSummary {
    /// Which.
    pub job: JobId,
    /// Its name.
    pub name: String,
    /// What it does.
    pub kind: JobKind,
    /// Where it stands.
    pub state: JobState,
    /// When its first attempt was granted.
    pub started: Option<Wall>,
    /// How it ended, if it has.
    pub end: Option<End>,
    /// Sums over its tests.
    pub tests: TestCounts,
    /// While it waits: the true reason. Empty otherwise.
    pub waiting_for: String,
    /// Whether the run may pass although this job did not.
    pub may_fail: bool,
    /// Artifacts that it has handed over.
    pub artifacts: BTreeMap<String, Digest>,
    /// Outputs that it has handed over.
    pub outputs: BTreeMap<String, String>,
    /// Attempts and shards whose agents were lost.
    pub lost: u32,
    /// From the seal of its discovery on: SHA-256 over the names of its tests, each followed by a zero byte.
    pub names_sha256: Option<[u8; 32]>,
    /// How many tests its run has selected, where it does not want all.
    pub selected: Option<u32>,
    /// Tests of it whose first tries fail more often than they did, for people.
    pub alarms: Vec<String>,
}

/// What a job does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobKind {
    /// Steps.
    Steps,
    /// The build of a test suite.
    TestBuild,
    /// A test suite.
    Tests,
}

/// Where a job stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobState {
    /// Its needs have not ended.
    Waiting,
    /// It waits for an agent.
    Queued,
    /// At least one attempt is on an agent, or was and its tests are not all decided.
    Running,
    /// It has ended.
    Finished,
}

/// Sums over tests. `discovered` is the sum of the verdicts and of those without one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TestCounts {
    /// All that discovery has found so far.
    pub discovered: u32,
    /// Verdict passed.
    pub passed: u32,
    /// Verdict failed.
    pub failed: u32,
    /// Verdict flaky.
    pub flaky: u32,
    /// Verdict skipped.
    pub skipped: u32,
    /// Verdict errored.
    pub errored: u32,
    /// Those that failed and are in quarantine, so that they do not count.
    pub quarantined: u32,
    /// Dealt and without a verdict.
    pub running: u32,
    /// Whether discovery is complete.
    pub is_sealed: bool,
}

impl Row {
    /// The key under which it is stored.
    #[must_use]
    pub fn key(&self) -> Key {
        match self {
            Self::Counters(_) => Key::Counters,
            Self::History(row) => Key::History(row.summary.run),
            Self::MemorySuite(row) => Key::MemorySuite(row.suite),
            Self::MemoryTest(row) => Key::MemoryTest(row.suite, row.place),
            Self::AgentHealth(row) => Key::AgentHealth(row.number),
            Self::Run(row) => Key::Run(row.run),
            Self::Job(row) => Key::Job(row.job),
            Self::TestNames(row) => Key::TestNames(row.job, row.first),
            Self::Test(row) => Key::Test(row.job, row.test),
            Self::Lease(row) => Key::Lease(row.token),
            Self::Batch(row) => Key::Batch(row.token),
        }
    }
}
