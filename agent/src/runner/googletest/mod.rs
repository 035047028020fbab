//! Test executables made with GoogleTest.
//!
//! The arguments are the executables, as patterns beneath the job's directory, and flags for them. Names are
//! `<suite>.<test>`; where there are several executables, `<executable> <suite>.<test>`.

mod output;
mod runner;

pub use runner::Googletest;
