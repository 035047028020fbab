//! `muster tests flaky`: what says no and then yes on the same code.

use clap::Args;
use muster_proto::v1;

use super::super::print;
use super::memory::{FlakeRate, Limit, Memory, owners_of, print_tests_json, standing_word};
use crate::exit_code::ExitCode;
use crate::failure::Failure;
use crate::output::table::{Table, terminal_width};
use crate::output::text::moment;
use crate::owners::Owners;

/// List the tests that were flaky, the surest first
#[derive(Debug, Args)]
pub(super) struct FlakyTests {
    #[command(flatten)]
    limit: Limit,
    #[command(flatten)]
    pub(super) memory: Memory,
}

impl FlakyTests {
    /// Prints them, by the least rate that is likely.
    pub(super) async fn run(&self) -> Result<ExitCode, Failure> {
        let mut tests = self.memory.read("").await?;
        tests.retain(|test| test.flakes > 0 || test.alarm_run > 0);
        tests.sort_by(|one, other| FlakeRate::of(other).low.total_cmp(&FlakeRate::of(one).low));
        let owners = self.memory.owners()?;
        let shown = &tests[..tests.len().min(self.limit.limit as usize)];
        if self.memory.json {
            print_tests_json(shown, &owners)?;
        } else if shown.is_empty() {
            print("no test was flaky\n");
        } else {
            print(&table(shown, &owners).render(terminal_width()));
        }
        Ok(ExitCode::Passed)
    }
}

fn table(tests: &[v1::RememberedTest], owners: &Owners) -> Table {
    let mut table = Table::new(
        ["TEST", "JOB", "RATE", "LIKELY", "RUNS", "STANDING", "ALARM", "LAST FLAKY", "LAST SEEN", "OWNERS"],
        0,
    );
    for test in tests {
        let FlakeRate { rate, low, high } = FlakeRate::of(test);
        let last = test.recent.iter().rev().find(|outcome| outcome.verdict() == v1::TestVerdict::Flaky);
        table.push([
            test.name.clone(),
            test.job.clone(),
            format!("{:.1} %", rate * 100.0),
            format!("{:.1} to {:.1} %", low * 100.0, high * 100.0),
            test.flake_runs.to_string(),
            if test.quarantine.is_some() { "quarantined" } else { standing_word(test.standing()) }.to_owned(),
            if test.alarm_run > 0 { format!("rose in run {}", test.alarm_run) } else { String::new() },
            last.map(|outcome| format!("run {}", outcome.run)).unwrap_or_default(),
            moment(test.last_seen_unix_ms),
            owners_of(test, owners).join(" "),
        ]);
    }
    table
}
