//! `cargo nextest`: built once as an archive, listed as JSON, run by exact filtersets, read live as JSON.
//!
//! A test is named `<binary id> <test name>`, as nextest itself shows it. Ignored tests are in the list only where
//! nextest alone would run them (`--run-ignored`).

mod archive;
mod arguments;
mod filterset;
mod list;
mod messages;
mod runner;

pub use runner::CargoNextest;
