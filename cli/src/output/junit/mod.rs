//! JUnit XML, as nextest and Jenkins write it: what is said in `docs/reference/junit.md`.

mod file;
mod name;
mod writer;

pub(crate) use file::JunitFile;
pub(crate) use name::RunnerKind;
pub(crate) use writer::junit;
