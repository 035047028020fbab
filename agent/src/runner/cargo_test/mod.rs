//! `cargo test` on the standard test harness, doc tests included.
//!
//! Built once; the test executables travel in the build's artifact and are run directly, in their package's directory
//! and with the variables that cargo sets. Names are those that nextest uses: `<package> <test>` for a library,
//! `<package>::<file> <test>` for an integration test, `<package>::bin/<name> <test>` and so on for the rest,
//! `<package>::doc/<package> <test>` for doc tests, and `<target> (whole)` for a target without the standard harness,
//! which is one test by its exit status. Doc tests are compiled where they run, by `cargo test --doc`.

mod arguments;
mod build;
mod environments;
mod output;
mod runner;
mod targets;

pub use runner::CargoTest;
