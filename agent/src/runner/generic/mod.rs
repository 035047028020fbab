//! Any other runner, by a command that lists, a command that runs, and the results that it leaves, in any format of [`crate::report`].
//!
//! `matching` says which report belongs to which test, `snapshot` which result files are of this run.

mod feed;
mod matching;
mod runner;
mod snapshot;

pub use runner::Generic;
pub(super) use snapshot::Snapshot;
