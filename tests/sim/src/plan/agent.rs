//! One machine of the fleet.

use std::time::Duration;

use muster_common::id::AgentName;
use muster_common::requirement::Labels;

/// One agent, through all its lives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentPlan {
    /// Its name.
    pub agent: AgentName,
    /// Its labels.
    pub labels: Labels,
    /// How many attempts it runs at one time.
    pub slots: u32,
    /// How fast work goes on it, in percent: 50 takes twice as long as planned.
    pub speed_percent: u32,
    /// When its process is started first.
    pub joins: Duration,
    /// Whether and how it goes for good before the horizon.
    pub leaves: Option<(Duration, Departure)>,
    /// How much faster its clock goes than real time, in millionths; may be negative.
    pub drift_ppm: i64,
}

/// How an agent goes for good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Departure {
    /// Its process drains, finishes what it has, and ends.
    Drains,
    /// The machine is switched off and never comes back.
    Vanishes,
}
