//! From a typed file to a run.
//!
//! A job of the file becomes one job of the run for each combination of its matrix. A job with a `test` step becomes up
//! to three: `<name> / prepare`, if it says so, `<name> / build`, if its runner builds what the shards run, and
//! `<name>`, which deals out the tests. All of them have the file's key as their group: who needs that key needs them
//! all, and `needs.<key>.result` is the worst of their results, so that a build that fails is a failure of its tests.

mod duration;
mod exclusion;
mod job;
mod run;
mod steps;
mod test;

pub use run::CompileOptions;
pub(super) use run::lower;
pub use test::{SingleTest, single_test};
