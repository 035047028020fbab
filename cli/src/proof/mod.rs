//! The report as a file that anyone can check: every discovered test with its verdict and tries, under a digest.
//!
//! The form is [`Document`], its canonical bytes and digest are in [`canonical`]; [`check()`] recomputes everything in it
//! that follows from something else in it, and [`compare()`] holds it against what a coordinator says. For readers it is
//! described in `docs/reference/report.md`.

mod canonical;
mod check;
mod compare;
mod document;
mod file;
mod finding;
mod of_run;
mod verdict;

#[cfg(test)]
mod tests;

pub(crate) use check::check;
pub(crate) use compare::compare;
pub(crate) use document::{Document, schema};
pub(crate) use file::{ReadError, read, to_bytes};
pub(crate) use finding::Finding;
