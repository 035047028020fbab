//! `muster tests slow`: what takes longest.

use std::cmp::Reverse;

use clap::Args;

use super::list::print_tests;
use super::memory::{Limit, Memory};
use crate::exit_code::ExitCode;
use crate::failure::Failure;

/// List the tests that take longest
#[derive(Debug, Args)]
pub(super) struct SlowTests {
    #[command(flatten)]
    limit: Limit,
    #[command(flatten)]
    pub(super) memory: Memory,
}

impl SlowTests {
    /// Prints them, the slowest first.
    pub(super) async fn run(&self) -> Result<ExitCode, Failure> {
        let mut tests = self.memory.read("").await?;
        tests.sort_by_key(|test| Reverse(test.mean_us));
        print_tests(&self.memory, &tests, self.limit)
    }
}
