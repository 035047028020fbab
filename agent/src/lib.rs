//! The agent: runs attempts in supervised processes and speaks to test runners.
//!
//! - [`attempt`]: the processes of one attempt. [`runner`]: one test runner per folder. [`report`]: one result format per
//!   file.

pub mod attempt;
pub mod report;
pub mod runner;
