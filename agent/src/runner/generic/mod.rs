//! Any other runner, by a command that lists, a command that runs, and the JUnit XML that it leaves.
//!
//! `matching` says which report belongs to which test, `snapshot` which result files are of this run.

mod feed;
mod matching;
mod runner;
mod snapshot;

pub use runner::Generic;
