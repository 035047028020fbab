//! Muster's pure vocabulary.
//!
//! What every other crate means when it says run, job, test, token or outcome, and the one intermediate form
//! ([`spec::RunSpec`]) to which every pipeline is lowered. Nothing here waits, reads a clock, draws randomness or
//! touches a file; the crate depends on nothing else of ours.
//!
//! - [`id`], [`time`], [`digest`]: names of things, moments, content.
//! - [`outcome`], [`error_code`]: how work ended, and why, by a stable code.
//! - [`requirement`]: labels of agents and what jobs ask of them.
//! - [`spec`], [`spec_check`]: what is to be run, and whether it can be. [`control`]: what coordinator and agent say to each other about it.
//! - [`runner`]: what lists and runs tests.
//! - [`test_scope`], [`test_group`]: which tests of a suite stay together, and which exclude each other.
//! - [`pipeline`]: the file `muster.yml`, from text to [`spec::RunSpec`].
//! - [`limits`]: the bound of everything that comes from outside.

pub mod control;
pub mod digest;
pub mod error_code;
pub mod id;
pub mod limits;
pub mod outcome;
pub mod pipeline;
mod plain_spec;
pub mod requirement;
pub mod runner;
pub mod spec;
pub mod spec_check;
pub mod test_group;
pub mod test_scope;
pub mod time;
