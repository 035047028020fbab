//! JUnit XML, as nextest and Jenkins write it: what is said in `docs/reference/junit.md`.

mod name;
mod writer;

pub(crate) use name::{Name, RunnerKind, part};
pub(crate) use writer::junit;
