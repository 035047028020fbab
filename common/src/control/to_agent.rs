//! Messages to an agent.

use std::collections::BTreeMap;

use crate::digest::Digest;
use crate::id::{Epoch, JobId, SessionId, ShardIndex, TestIndex, Token};
use crate::outcome::Outcome;
use crate::spec::{ArtifactSpec, Env, StepSpec, TestSpec};

/// What stands on every message to an agent: which store and which life of the coordinator it comes from. An agent
/// that has seen a higher epoch of this store refuses the message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// Identity of the coordinator's store, drawn at random when it was made.
    pub store_id: u128,
    /// The coordinator's life.
    pub epoch: Epoch,
}

/// One message to an agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ToAgent {
    /// First message of every stream.
    Opened(Opened),
    /// Work for one slot. Sent again after a reconnect where the agent does not claim it.
    Lease(Box<Lease>),
    /// Tests for a shard.
    Batch(Batch),
    /// Tests of a batch are not wanted any more, or wanted elsewhere.
    Withdraw(Withdraw),
    /// An attempt is to be stopped.
    Cancel {
        /// The lease.
        token: Token,
        /// Why.
        reason: CancelReason,
    },
    /// Take no new lease, finish the rest, leave.
    Drain,
    /// Answer to a heartbeat: everything that the agent holds is extended.
    HeartbeatAnswer {
        /// The heartbeat's number.
        number: u64,
    },
    /// Every numbered message up to this one is durably stored, or was found to change nothing.
    Ack {
        /// Number of the message.
        up_to: u64,
    },
}

/// The session stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opened {
    /// Its number.
    pub session: SessionId,
    /// Time between heartbeats.
    pub heartbeat_ms: u64,
    /// Time without an answered heartbeat after which the leases of repeatable work end.
    pub lease_ms: u64,
    /// The same for work that is not repeatable.
    pub lease_unrepeatable_ms: u64,
    /// What is to become of each lease that the agent claimed.
    pub claims: Vec<ClaimAnswer>,
}

/// What is to become of a claimed lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClaimAnswer {
    /// The lease.
    pub token: Token,
    /// What is to be done with it.
    pub claim: Claim,
}

/// Verdict over a claimed lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claim {
    /// Go on.
    Keep,
    /// Stop the work and forget the lease; results that the spool still has are to be sent.
    Stop,
}

/// Work for one slot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// Its fencing token.
    pub token: Token,
    /// The job.
    pub job: JobId,
    /// Name of the run's project.
    pub project: String,
    /// The job's name.
    pub job_name: String,
    /// Which try of the job, of its discovery or of the shard this is, from 1.
    pub attempt: u32,
    /// For a shard: its number.
    pub shard: Option<ShardIndex>,
    /// What to do.
    pub work: LeaseWork,
    /// Variables of the run and the job, merged. Values may hold `${{ … }}`.
    pub env: Env,
    /// Root directory of the workspace.
    pub workspace: Option<Digest>,
    /// Artifacts to lay over it, in order.
    pub inputs: Vec<LeaseInput>,
    /// Artifacts to hand over when it has passed.
    pub artifacts: Vec<ArtifactSpec>,
    /// The job's outputs, as texts with `${{ … }}`.
    pub outputs: BTreeMap<String, String>,
    /// Results of the jobs that it needs, by their group.
    pub needs: BTreeMap<String, NeedResult>,
    /// What is left of the job's time limit.
    pub timeout_ms: u64,
    /// Whether it may run on when this lease has ended, because it may be run again elsewhere. Not of work that is not safe
    /// to repeat, nor of a shard of a job with groups.
    pub is_repeatable: bool,
}

/// What a lease asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LeaseWork {
    /// Run these steps in order.
    Steps(Vec<StepSpec>),
    /// Build the test suite; hand over the artifact [`crate::spec::BUILD_ARTIFACT`].
    TestBuild(TestSpec),
    /// List the tests.
    Discover(TestSpec),
    /// Run the tests that are dealt to it, until a batch says that it is the last.
    Shard(TestSpec),
}

/// An artifact to be laid over a workspace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaseInput {
    /// Its name.
    pub artifact: String,
    /// Its root directory.
    pub root: Digest,
    /// Folder beneath the workspace; none: the workspace itself.
    pub path: Option<String>,
}

/// How the jobs of one group that this one needs have ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NeedResult {
    /// The worst of them.
    pub outcome: Outcome,
    /// Their outputs; where several set the same, the last in the order of the run.
    pub outputs: BTreeMap<String, String>,
}

/// Tests for a shard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// Its fencing token.
    pub token: Token,
    /// Lease of the shard that it is for.
    pub shard: Token,
    /// The tests, in the order in which they should be run; none if it is only the last one.
    pub tests: Vec<DealtTest>,
    /// Whether the shard is to end after it.
    pub is_last: bool,
}

/// A test in a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DealtTest {
    /// The test.
    pub test: TestIndex,
    /// Its name.
    pub name: String,
    /// Which try this is, from 1.
    pub attempt: u32,
}

/// Tests that are to be given up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Withdraw {
    /// The batch.
    pub batch: Token,
    /// Its tests.
    pub tests: Vec<TestIndex>,
}

/// Why an attempt is to be stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CancelReason {
    /// A person or a program stopped the run or the job.
    Cancelled,
    /// The job ran longer than it may.
    Timeout,
    /// Its result is not wanted any more: the lease is fenced, or the job has its verdict.
    Superseded,
}
