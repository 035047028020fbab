//! Tables with their indexes. They keep themselves consistent and decide nothing.

mod agents;
mod alone;
mod copies;
mod expected;
mod health;
mod jobs;
mod leases;
mod memory;
mod order;
mod places;
mod queue;
mod runs;
mod suite;
mod units;
mod waiting;

pub(crate) use agents::{Agent, Agents, Liveness};
pub(crate) use copies::TestCopy;
pub(crate) use expected::{Expected, Line};
pub(crate) use jobs::{Job, Stop};
pub(crate) use leases::{Batch, Batches, Lease, Leases};
pub(crate) use memory::{Known, Lesson, Memory, agent_number, name_number};
pub use places::GroupSet;
pub(crate) use queue::{ClassId, Place, Queue};
pub(crate) use runs::{Run, Runs};
pub(crate) use suite::{Suite, Test};
