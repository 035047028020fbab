//! The agent: runs attempts in supervised processes and speaks to test runners.
//!
//! [`start`] runs one in this process; the binary `muster-agent` does that alone. A shell around the pure crate
//! `muster_session`:
//!
//! - `driver`: the task that owns the session. `link`: one stream to the coordinator. `spool`: what has to outlive the
//!   process. `agent`, `host`: how they are put together, and what attempts share.
//! - [`options`], [`config`], [`inventory`]: what an agent is started with, where the binary takes it from, what the
//!   machine says of itself.
//! - [`isolation`]: what keeps a job from everything that is not its own.
//! - [`attempt`]: one attempt, from its lease to its end, and its processes. [`runner`]: one test runner per folder.
//!   [`report`]: one result format per file.

mod agent;
pub mod attempt;
pub mod config;
mod driver;
mod host;
pub mod inventory;
pub mod isolation;
mod link;
pub mod options;
pub mod report;
pub mod runner;
mod spool;

pub use agent::{Agent, StartError, start};
pub use options::{Options, OptionsError};
