//! `muster tests list`: every test that is remembered.

use std::time::Duration;

use clap::Args;
use muster_proto::v1;

use super::super::print;
use super::memory::{Limit, Memory, owners_of, print_tests_json};
use crate::exit_code::ExitCode;
use crate::failure::Failure;
use crate::output::table::{Table, terminal_width};
use crate::output::text::{duration, moment};
use crate::owners::Owners;

/// List the tests of a project
#[derive(Debug, Args)]
pub(super) struct ListTests {
    /// Only tests whose id holds this
    #[arg(value_name = "TEXT", default_value = "", hide_default_value = true)]
    text: String,
    #[command(flatten)]
    limit: Limit,
    #[command(flatten)]
    pub(super) memory: Memory,
}

impl ListTests {
    /// Prints them, by job and id.
    pub(super) async fn run(&self) -> Result<ExitCode, Failure> {
        let mut tests = self.memory.read("").await?;
        tests.retain(|test| test.name.contains(&self.text));
        print_tests(&self.memory, &tests, self.limit)
    }
}

/// Prints the first of `tests` in the form that is wanted.
pub(super) fn print_tests(memory: &Memory, tests: &[v1::RememberedTest], limit: Limit) -> Result<ExitCode, Failure> {
    let owners = memory.owners()?;
    let shown = &tests[..tests.len().min(limit.limit as usize)];
    if memory.json {
        print_tests_json(shown, &owners)?;
    } else if shown.is_empty() {
        print(&memory.nothing()?);
    } else {
        print(&table(shown, &owners).render(terminal_width()));
        if shown.len() < tests.len() {
            print(&format!("… and {} more; --limit N lists more\n", tests.len() - shown.len()));
        }
    }
    Ok(ExitCode::Passed)
}

fn table(tests: &[v1::RememberedTest], owners: &Owners) -> Table {
    let mut table = Table::new(["TEST", "JOB", "MEAN", "HIGH", "PASSED", "FAILED", "FLAKY", "LAST SEEN", "OWNERS"], 0);
    for test in tests {
        table.push([
            test.name.clone(),
            test.job.clone(),
            duration(Duration::from_micros(test.mean_us)),
            duration(Duration::from_micros(test.high_us)),
            test.passed.to_string(),
            test.failed.to_string(),
            test.flaky.to_string(),
            moment(test.last_seen_unix_ms),
            owners_of(test, owners).join(" "),
        ]);
    }
    table
}
