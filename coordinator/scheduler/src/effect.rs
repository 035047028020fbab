//! What must be done once a step's writes are durable.

use muster_common::control::ToAgent;
use muster_common::id::{AgentName, JobId, RunId, SessionId, TestIndex};
use muster_common::outcome::TestVerdict;
use muster_common::requirement::Labels;
use muster_common::spec::RunSpec;
use muster_common::time::Wall;

use crate::input::Ask;
use crate::memory_rows::{FlakeRate, MemoryTestRow, Standing};
use crate::refusal::Refusal;
use crate::write::{JobSummary, RunRow, RunSummary, TryRow};

/// One thing to do.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Send a message to an agent. To a session that has gone it is dropped: the next `Open` settles what was missed.
    Send {
        /// On which session.
        session: SessionId,
        /// The message.
        message: ToAgent,
    },
    /// End an agent's stream.
    CloseSession {
        /// Which.
        session: SessionId,
        /// Why.
        why: CloseReason,
    },
    /// Tell a caller.
    Answer {
        /// Which.
        ask: Ask,
        /// What.
        answer: Answer,
    },
    /// Tell everyone who watches the run.
    Publish {
        /// The run.
        run: RunId,
        /// What has happened.
        event: Event,
    },
    /// Store this report as a blob, then say so with [`crate::Input::ReportStored`]. Asked for again after a restart.
    Retire {
        /// The report.
        report: Box<Report>,
    },
}

/// Why a session is ended by the coordinator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CloseReason {
    /// The same agent has opened a newer session.
    Replaced,
    /// Another live agent has this name.
    NameTaken,
    /// It has been silent for the whole lease time.
    Silent,
    /// It broke the protocol.
    Protocol(String),
}

/// What a caller is told.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// To [`crate::Input::SubmitRun`].
    Submitted {
        /// The run.
        run: RunId,
        /// Whether it was there before.
        is_duplicate: bool,
    },
    /// To [`crate::Input::CancelRun`].
    Cancelled {
        /// Whether it had ended before.
        had_ended: bool,
    },
    /// To [`crate::Input::GetRun`].
    Run(Box<RunSummary>),
    /// To [`crate::Input::GetSpec`].
    Spec(Box<RunSpec>),
    /// To [`crate::Input::ListRuns`], newest first, without jobs.
    Runs(Vec<RunSummary>),
    /// To [`crate::Input::ListRunTests`].
    Tests {
        /// In the order of jobs and discovery.
        tests: Vec<TestReport>,
        /// Where the next call goes on; none: this was all.
        next: Option<(u32, u32)>,
    },
    /// To [`crate::Input::ListTests`].
    KnownTests {
        /// In no promised order.
        tests: Vec<KnownTest>,
        /// Where the next call goes on; none: this was all.
        next: Option<(u32, u32)>,
    },
    /// To [`crate::Input::WatchRun`]: the run as it stands. Its tests are to be listed with
    /// [`crate::Input::ListRunTests`]; what is published meanwhile may repeat them.
    Watching(Box<RunSummary>),
    /// To [`crate::Input::ListAgents`], by name.
    Agents(Vec<AgentSummary>),
    /// To [`crate::Input::Overview`].
    Overview(Overview),
    /// It is done.
    Done,
    /// It cannot be had.
    Refused(Refusal),
}

/// What watchers of a run see.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// The run's own fields have changed; without jobs.
    RunChanged(Box<RunSummary>),
    /// A job has changed.
    JobChanged(Box<JobSummary>),
    /// A try of a test has ended. Said a second time of a try that was to be followed by another, with the verdict, if
    /// that other is not made after all.
    TestFinished {
        /// The job.
        job: JobId,
        /// The test.
        test: TestIndex,
        /// Its name.
        name: String,
        /// The try.
        test_try: Box<TryRow>,
        /// What is held of the test, if this try decided it.
        verdict: Option<TestVerdict>,
        /// Whether a failure of it counts for nothing.
        is_quarantined: bool,
    },
    /// Shards of a test job have come, gone or begun tests.
    ShardsChanged {
        /// The job.
        job: JobId,
        /// How many are open.
        shards: u32,
        /// Some of the tests that run now, at most [`RUNNING_TESTS_SHOWN`].
        running_tests: Vec<String>,
    },
    /// The run has ended; with all its jobs. The last event.
    RunFinished(Box<RunSummary>),
}

/// An agent as people see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentSummary {
    /// Its name.
    pub agent: AgentName,
    /// Its labels.
    pub labels: Labels,
    /// Its slots.
    pub slots: u32,
    /// Slots with a lease.
    pub busy: u32,
    /// How it stands.
    pub state: AgentState,
    /// Version of its binary.
    pub version: String,
    /// Since when.
    pub connected: Wall,
    /// Why it is fenced off; empty: it is not.
    pub fence: String,
}

/// How an agent stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AgentState {
    /// Its session is open and answers.
    Connected,
    /// Its stream has ended or it missed heartbeats; its leases still run.
    Suspect,
    /// It takes no new lease.
    Draining,
    /// It was found sick and takes no new lease.
    Fenced,
}

/// How much there is of everything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Overview {
    /// Agents with a session.
    pub agents: u32,
    /// Their slots.
    pub slots: u32,
    /// Slots with a lease.
    pub busy_slots: u32,
    /// Runs that have not ended.
    pub open_runs: u32,
    /// Jobs that wait for an agent.
    pub queued_jobs: u32,
}

/// What is remembered of a test.
#[derive(Clone, Debug, PartialEq)]
pub struct KnownTest {
    /// Name of its test job.
    pub job: String,
    /// The test. Its counts and moments do not lag here.
    pub test: MemoryTestRow,
    /// How often it is flaky, without what sick agents and outages said.
    pub rate: FlakeRate,
    /// What is to be thought of it.
    pub standing: Standing,
}

/// Everything that is known of a finished run.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// The run as it was stored.
    pub run: RunRow,
    /// The run as people see it, with all its jobs.
    pub summary: RunSummary,
    /// Every discovered test, in the order of jobs and discovery.
    pub tests: Vec<TestReport>,
}

/// Everything that is known of one test of one run.
#[derive(Clone, Debug, PartialEq)]
pub struct TestReport {
    /// The job.
    pub job: JobId,
    /// The test.
    pub test: TestIndex,
    /// Its name.
    pub name: String,
    /// What is held of it; none: it has no verdict yet, or its job ended before.
    pub verdict: Option<TestVerdict>,
    /// Whether a failure of it counts for nothing.
    pub is_quarantined: bool,
    /// Its tries.
    pub tries: Vec<TryRow>,
    /// Of one that is not dealt although shards may be free: what it waits for, such as a place in its group.
    pub waits_for: String,
}

/// Most names in [`Event::ShardsChanged`].
pub const RUNNING_TESTS_SHOWN: usize = 16;
