//! `go test`, each package compiled once by `go test -c`.
//!
//! The test programs travel in the build's artifact and are run directly, each in its package's folder, so agents need no
//! Go. Names are `<import path> <test>`, with tests, examples and fuzz targets; subtests belong to their test, as nobody can
//! list them without running it.

mod arguments;
mod build;
mod output;
mod packages;
mod runner;

pub use runner::Go;
