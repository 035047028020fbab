//! Result files that runners leave, one format per file, and how they are found.
//!
//! [`format`](mod@format) reads a file in any of them. What is read is a list of [`case`]s; a file that is broken, cut off or
//! beyond a limit is an [`error`], whole.

mod budget;
pub mod case;
pub mod ctrf;
pub mod error;
pub mod files;
pub mod format;
pub mod go_test;
#[cfg(test)]
mod hostile;
pub mod junit;
pub mod libtest;
mod numbered;
pub mod tap;
