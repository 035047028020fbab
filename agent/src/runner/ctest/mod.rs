//! `ctest` in a build tree that stands.
//!
//! Tests are chosen by their numbers, which a file can hold in every version, whatever their names are. A build tree that
//! was made at another place, such as that of a job before this one, is `moved` here first. Names are those of CTest.

mod arguments;
mod moved;
mod output;
mod runner;

pub use runner::Ctest;
