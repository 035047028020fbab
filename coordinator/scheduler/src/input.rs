//! What enters the scheduler.

use std::time::Duration;

use muster_common::control::{FromAgent, Open};
use muster_common::digest::Digest;
use muster_common::id::{AgentName, RunId, SessionId};
use muster_common::spec::RunSpec;
use muster_common::time::Wall;

/// The shell's number for a caller that waits for an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ask(pub u64);

/// A test of a project.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TestName {
    /// The project.
    pub project: String,
    /// Its test job; none: every one that has such a test.
    pub job: Option<String>,
    /// Its whole name.
    pub name: String,
}

/// One thing that has happened, or one question.
#[derive(Clone, Debug)]
pub enum Input {
    /// A client submits a run. Its specification has passed `muster_common::spec_check`.
    /// Answer: [`crate::Answer::Submitted`], or a refusal.
    SubmitRun {
        /// Who waits.
        ask: Ask,
        /// What is to be run.
        spec: Box<RunSpec>,
        /// The client's own id of this request; the same again answers with the same run.
        request_id: String,
    },
    /// A client stops a run. Answer: [`crate::Answer::Cancelled`], or a refusal.
    CancelRun {
        /// Who waits.
        ask: Ask,
        /// The run.
        run: RunId,
    },
    /// A client asks for one open run. Answer: [`crate::Answer::Run`], or a refusal.
    GetRun {
        /// Who waits.
        ask: Ask,
        /// The run.
        run: RunId,
    },
    /// A client asks what an open run was asked to do. Answer: [`crate::Answer::Spec`], or a refusal.
    GetSpec {
        /// Who waits.
        ask: Ask,
        /// The run.
        run: RunId,
    },
    /// A client asks what is remembered of the tests of a project. Answer: [`crate::Answer::KnownTests`].
    ListTests {
        /// Who waits.
        ask: Ask,
        /// The project.
        project: String,
        /// Only tests with this name.
        name: Option<String>,
        /// Where to begin, as the answer before said.
        from: (u32, u32),
        /// Most tests in the answer, where no name is given.
        limit: usize,
    },
    /// A client asks for all open runs. Answer: [`crate::Answer::Runs`].
    ListRuns {
        /// Who waits.
        ask: Ask,
    },
    /// A client asks for tests of an open run, from a place in the order of jobs and discovery.
    /// Answer: [`crate::Answer::Tests`], or a refusal.
    ListRunTests {
        /// Who waits.
        ask: Ask,
        /// The run.
        run: RunId,
        /// Job index and test index of the first one wanted.
        from: (u32, u32),
        /// Most tests in the answer.
        limit: usize,
    },
    /// A client wants to see everything that happens to a run from now on. Answer: [`crate::Answer::Watching`] with the
    /// run as it stands, and every later [`crate::Effect::Publish`] of that run; or a refusal.
    WatchRun {
        /// Who waits.
        ask: Ask,
        /// The run.
        run: RunId,
    },
    /// A client asks for the agents that have a session, or had one within their grace. Answer: [`crate::Answer::Agents`].
    ListAgents {
        /// Who waits.
        ask: Ask,
    },
    /// An operator drains an agent. Answer: [`crate::Answer::Done`], or a refusal.
    DrainAgent {
        /// Who waits.
        ask: Ask,
        /// The agent.
        agent: AgentName,
    },
    /// Somebody trusts an agent again that was fenced off. Answer: [`crate::Answer::Done`], or a refusal.
    TrustAgent {
        /// Who waits.
        ask: Ask,
        /// The agent.
        agent: AgentName,
    },
    /// Somebody puts a test into quarantine: its failures do not count for a while. Answer: [`crate::Answer::Done`], or
    /// a refusal.
    QuarantineTest {
        /// Who waits.
        ask: Ask,
        /// Which.
        test: TestName,
        /// Who answers for it.
        owner: String,
        /// Why.
        reason: String,
        /// Until when; later than now.
        until: Wall,
    },
    /// Somebody takes a test out of quarantine. Answer: [`crate::Answer::Done`], or a refusal.
    ReleaseTest {
        /// Who waits.
        ask: Ask,
        /// Which.
        test: TestName,
    },
    /// A client asks how much there is of everything. Answer: [`crate::Answer::Overview`].
    Overview {
        /// Who waits.
        ask: Ask,
    },

    /// An agent's stream has begun with this message. The session's number is new.
    OpenSession {
        /// The session.
        session: SessionId,
        /// What the agent says of itself.
        open: Box<Open>,
    },
    /// An agent's stream has ended, for whatever reason.
    CloseSession {
        /// The session.
        session: SessionId,
    },
    /// An agent has sent a message (any but `Open`).
    Agent {
        /// On which session.
        session: SessionId,
        /// Its number in the agent's spool; 0: not kept there, needs no acknowledgement.
        sequence: u64,
        /// The message. Outputs of tests are already stored ([`muster_common::control::Output::Stored`]).
        message: Box<FromAgent>,
    },

    /// The report of a finished run is durably stored as a blob; its rows may go.
    ReportStored {
        /// The run.
        run: RunId,
        /// The report.
        report: Digest,
    },
    /// A deadline may be due: see [`crate::Scheduler::next_deadline`]. All waiting inputs have been stepped before.
    Deadline,
    /// The shell could not step or commit for this long; deadlines of leases and sessions move by as much.
    Stalled {
        /// For how long.
        span: Duration,
    },
}
