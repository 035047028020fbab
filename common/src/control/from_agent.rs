//! Messages from an agent.

use std::collections::BTreeMap;

use crate::digest::Digest;
use crate::id::{AgentLife, AgentName, TestIndex, Token};
use crate::outcome::{AttemptOutcome, TryOutcome};
use crate::requirement::Labels;

/// One message from an agent.
///
/// Those that matter for a verdict (`Started`, `Discovered`, `TestResults`, `Finished`, `Refused`, `Withdrawn`) are
/// numbered by the agent, kept in its spool until the coordinator has acknowledged their number, and sent again after a
/// reconnect. Every one of them may therefore arrive twice, and the second time changes nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FromAgent {
    /// First message of every stream.
    Open(Open),
    /// Proof of life of the agent and of all its leases.
    Heartbeat(Heartbeat),
    /// The lease arrived and a slot is taken.
    Accepted(Token),
    /// The agent will not do the work: it has drained, or lacks what is needed. The lease ends.
    Refused {
        /// The lease.
        token: Token,
        /// Why.
        reason: crate::error_code::Reason,
    },
    /// Its workspace stands and its first process runs.
    Started(Token),
    /// A part of a discovery.
    Discovered(Discovered),
    /// Tests of a batch that have begun. Advisory: not numbered, may get lost.
    TestStarted(TestStarted),
    /// Results of tests of a batch.
    TestResults(TestResults),
    /// A shard asks for more tests. Not numbered; repeated by [`HeldLease::wants_batch`] after a reconnect.
    WantBatch(WantBatch),
    /// Answer to a withdrawal.
    Withdrawn(Withdrawn),
    /// An attempt has ended. Its log is complete at the coordinator, and its artifacts are stored.
    Finished(Finished),
    /// The agent takes no new lease, finishes the rest, and leaves.
    Draining,
}

/// Who an agent is and what it still holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Open {
    /// Its name. Two agents with one name at one time are refused.
    pub agent: AgentName,
    /// This life of its process.
    pub life: AgentLife,
    /// Rises with each `Open` of this life: one on a stream that was given up may arrive after its successor, and says
    /// what was true before.
    pub number: u64,
    /// Labels.
    pub labels: Labels,
    /// How many attempts it runs at one time, at least 1.
    pub slots: u32,
    /// Version of its binary.
    pub version: String,
    /// Optional parts of the protocol that it speaks.
    pub features: Vec<String>,
    /// Every lease that it holds and whose end is not acknowledged.
    pub held: Vec<HeldLease>,
    /// Whether it is draining.
    pub is_draining: bool,
}

/// A lease that an agent holds when it opens a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldLease {
    /// The lease.
    pub token: Token,
    /// Whether its work has begun.
    pub is_started: bool,
    /// Whether its work has ended; the end is in the spool and will be sent.
    pub is_finished: bool,
    /// For a shard: that it waits for a batch.
    pub wants_batch: bool,
    /// For a shard: its batches that have tests without an acknowledged result.
    pub batches: Vec<HeldBatch>,
}

/// A batch that an agent holds when it opens a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldBatch {
    /// The batch.
    pub token: Token,
}

/// Proof of life.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heartbeat {
    /// Rises by one with each; the answer repeats it.
    pub number: u64,
    /// Leases whose work is alive.
    pub alive: Vec<Token>,
}

/// A part of a discovery: the tests from `first` on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Discovered {
    /// Lease of the discovery.
    pub token: Token,
    /// Index of the first of `tests`.
    pub first: TestIndex,
    /// Names, at most [`crate::limits::TESTS_PER_MESSAGE_MAX`].
    pub tests: Vec<String>,
}

/// Tests that have begun.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TestStarted {
    /// The batch.
    pub batch: Token,
    /// Its tests that have begun.
    pub tests: Vec<TestIndex>,
}

/// Results of tests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TestResults {
    /// The batch in which they were dealt.
    pub batch: Token,
    /// At most [`crate::limits::TESTS_PER_MESSAGE_MAX`].
    pub results: Vec<TestResult>,
}

/// What one try of one test said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TestResult {
    /// The test.
    pub test: TestIndex,
    /// What it said.
    pub outcome: TryOutcome,
    /// How long it took, in microseconds; as its runner says, else as the agent saw.
    pub duration_us: u64,
    /// The first thing that a person wants to read, such as the assertion that did not hold; empty if it passed. At most
    /// [`crate::limits::TEST_MESSAGE_BYTES_MAX`] bytes.
    pub message: String,
    /// What it wrote.
    pub output: Output,
}

/// What a test wrote.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Output {
    /// Nothing, or nothing that is worth keeping.
    #[default]
    None,
    /// The bytes, at most [`crate::limits::TEST_OUTPUT_BYTES_MAX`]: from the agent to the coordinator's door.
    Inline(Vec<u8>),
    /// The bytes are stored: from the coordinator's door inwards.
    Stored(Digest),
}

/// A shard asks for more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WantBatch {
    /// Lease of the shard.
    pub shard: Token,
    /// Measured cost of starting a batch with this runner on this agent, in microseconds; 0 before the first.
    pub start_cost_us: u64,
}

/// Answer to a withdrawal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Withdrawn {
    /// The batch.
    pub batch: Token,
    /// Tests that the agent has given up and will not run.
    pub given_up: Vec<TestIndex>,
    /// Tests that had begun, and run on.
    pub started: Vec<TestIndex>,
}

/// The end of an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finished {
    /// The lease.
    pub token: Token,
    /// How it ended.
    pub outcome: AttemptOutcome,
    /// Length of its log in bytes, all of it durable at the coordinator, or cut at
    /// [`crate::limits::LOG_BYTES_MAX`].
    pub log_bytes: u64,
    /// Whether a part of the log was lost or cut.
    pub is_log_complete: bool,
    /// Artifacts, stored at the coordinator.
    pub artifacts: Vec<ArtifactMade>,
    /// The job's outputs, computed.
    pub outputs: BTreeMap<String, String>,
    /// For a discovery that passed: the seal of its list.
    pub seal: Option<Seal>,
}

/// An artifact that an attempt has stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArtifactMade {
    /// Its name.
    pub name: String,
    /// Its root directory.
    pub root: Digest,
}

/// What makes a discovered list complete: its length and the SHA-256 over all names in order, each followed by one
/// zero byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seal {
    /// Number of tests.
    pub count: u32,
    /// SHA-256 over the names.
    pub sha256: [u8; 32],
}

/// Words that stand in the message of every errored try whose runner ended under that very test, and in no other
/// message of an errored try: what tells a test that crashes its runner from one that could not be run.
pub const RUNNER_CRASHED: &str = "while this test ran";
