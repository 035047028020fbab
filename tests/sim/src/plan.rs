//! What a seed plans: the fleet, what clients and operators do, and the truth about every command and test, which nobody
//! in the simulation knows but the simulated agents that act it out and the model that judges what came of it.
//!
//! All moments are counted in real (simulated) time from the beginning. Faults are not planned here.

mod agent;
mod run;
mod truth;

use std::time::Duration;

pub use agent::{AgentPlan, Departure};
pub use run::{Deed, DeedPlan, RunPlan};
pub use truth::{
    BadSeal, DiscoveryTruth, JobTruth, ListChange, ShardTrouble, Sickness, SuiteTruth, TestSort, TestTruth, WorkEnd,
    WorkTruth,
};

/// Everything that a seed plans.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// The seed that it was made from.
    pub seed: u64,
    /// The coordinator's policy.
    pub scheduler: muster_scheduler::Config,
    /// Every agent's policy; its seed is the agent's own.
    pub session: muster_session::Config,
    /// The fleet, by name.
    pub agents: Vec<AgentPlan>,
    /// What clients submit, by time.
    pub runs: Vec<RunPlan>,
    /// What else clients and operators do, by time.
    pub deeds: Vec<DeedPlan>,
    /// When the last planned thing has happened and faults are healed: from here on all work must end within a bound.
    pub horizon: Duration,
    /// The bound: how long after the horizon every accepted run has ended, if nothing more goes wrong.
    pub patience: Duration,
}
