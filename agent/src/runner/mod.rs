//! Test runners: how each one builds, lists and runs exactly the tests that it is dealt.
//!
//! [`Adapter`] is the door; one folder per runner holds what is particular to it. What they share:
//!
//! - [`context`], [`event`], [`failure`]: what an adapter is given, what it says while it runs, why it could not.
//! - [`listing`]: a discovered list, checked, sent in parts and sealed. [`kept`]: lists that are kept for the next discovery.
//! - `batch`, `session`, `progress`: a batch in as many runner processes as it takes, one process of it, and the account
//!   by which every dealt test gets exactly one result.
//! - `channel`: a pipe by which a runner reports. `collect`, `lines`, `excerpt`, `selection`: output as a whole, by
//!   lines, cut to size; lists within the limits of a command line.
//! - [`plugin`]: runners that are listed and run through a small program in their own language. `python`, `node`: what
//!   those of one language share.
//! - `cargo_build`, `rust_output`: what the two cargo runners share.
//! - [`recognise`]: which runner fits a directory.

pub mod adapter;
mod batch;
mod cargo_build;
pub mod cargo_nextest;
pub mod cargo_test;
mod channel;
mod collect;
pub mod context;
pub mod ctest;
pub mod event;
mod excerpt;
pub mod failure;
pub mod generic;
pub mod go;
pub mod googletest;
pub mod java;
mod jest;
pub mod kept;
mod lines;
pub mod listing;
mod minitest;
mod mocha;
mod node;
pub mod phpunit;
mod playwright;
pub mod plugin;
mod progress;
mod pytest;
mod python;
pub mod recognise;
mod rspec;
mod ruby;
mod rust_output;
mod selection;
mod session;
mod unittest;
mod vitest;

pub use adapter::Adapter;
pub use cargo_build::{BuildPlace, build_place};
pub use context::{Log, RunnerContext};
pub use event::{BatchEnd, BatchEvent};
pub use failure::{Fault, RunnerFailure};
