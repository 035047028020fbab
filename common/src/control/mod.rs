//! What coordinator and agent say to each other on the control stream, as values.
//!
//! Both pure crates speak these; the wire form is `muster.v1.AgentService.Session`, and `muster_service::wire` turns one
//! into the other. The rules of the conversation stand with the machines that follow them: `muster_scheduler` and
//! `muster_session`.

mod from_agent;
mod to_agent;

pub use from_agent::{
    ArtifactMade, Discovered, Finished, FromAgent, Heartbeat, HeldBatch, HeldLease, Open, Output, RUNNER_CRASHED, Seal,
    TestResult, TestResults, TestStarted, WantBatch, Withdrawn,
};
pub use to_agent::{
    Batch, CancelReason, Claim, ClaimAnswer, DealtTest, Lease, LeaseInput, LeaseWork, NeedResult, Opened, Stamp,
    ToAgent, Withdraw,
};
