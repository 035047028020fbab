//! The pure heart of the coordinator.
//!
//! [`Scheduler::step`] takes the time and one [`Input`] and answers with a [`Step`]: rows to be stored, and effects to
//! be carried out once they are. It waits for nothing, reads no clock, draws no randomness from the system and iterates in no hash
//! order; everything it knows it was told. What is deliberately absent: the wire, the store, tokio, logs, blobs.
//!
//! - [`Input`]: what enters. Each is answered in one file under `on/`.
//! - [`Write`], [`Row`]: what is stored. [`Scheduler::restore`] folds rows into the state that they came from.
//! - [`Effect`], [`Event`], [`Answer`]: what must then be done; what watchers see; what callers are told.
//! - `state/`: tables with their indexes, no policy. `change/`: what several inputs have in common. `policy/`: rules over
//!   borrowed values, no changes; their goals are in its README.
//! - [`Stalls`]: what whoever drives it counts, so that its own delays are held against no agent.
//! - [`invariants::check`]: what must hold after every step, whatever came in.

mod change;
mod config;
mod deadlines;
mod effect;
mod explain;
mod input;
pub mod invariants;
mod on;
mod policy;
mod refusal;
mod restore;
mod scheduler;
mod stalls;
mod state;
mod step;
mod summary;
mod write;

pub use config::Config;
pub use effect::{
    AgentState, AgentSummary, Answer, CloseReason, Effect, Event, KnownTest, Overview, RUNNING_TESTS_SHOWN, Report,
    TestReport,
};
pub use input::{Ask, Input, TestName};
pub use refusal::Refusal;
pub use restore::RestoreError;
pub use scheduler::Scheduler;
pub use stalls::Stalls;
pub use step::Step;
pub use write::{
    AgentHealthRow, BatchRow, CountersRow, End, Fence, FlakeRate, GroupSet, HistoryRow, JobKind, JobRow, JobState,
    JobSummary, JudgedRun, Key, LeasePart, LeaseRow, MemorySuiteRow, MemoryTestRow, Quarantine, RecentOutcome,
    RememberedOutcome, Row, RunKind, RunRow, RunSummary, Standing, TestCounts, TestNamesRow, TestRow, TryRow, Write,
};
