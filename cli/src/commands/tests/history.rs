//! `muster tests history`: what earlier runs have said of one test.

use std::fmt::Write as _;
use std::time::Duration;

use clap::Args;
use muster_proto::v1;

use super::super::print;
use super::memory::{FlakeRate, Memory, print_tests_json};
use crate::exit_code::ExitCode;
use crate::failure::Failure;
use crate::output::json::verdict_word;
use crate::output::table::{Table, terminal_width};
use crate::output::text::{duration, moment, one_line};

/// Show what earlier runs have said of one test
#[derive(Debug, Args)]
pub(super) struct TestHistory {
    /// Its whole id, as its runner names it
    #[arg(value_name = "TEST")]
    test: String,
    #[command(flatten)]
    pub(super) memory: Memory,
}

impl TestHistory {
    /// Prints it, for each job that has such a test.
    pub(super) async fn run(&self) -> Result<ExitCode, Failure> {
        let tests = self.memory.read(&self.test).await?;
        if self.memory.json {
            print_tests_json(&tests, &self.memory.owners()?)?;
        } else if tests.is_empty() {
            return Err(Failure::usage(format!("nothing is remembered of a test `{}`", one_line(&self.test)))
                .advise("`muster tests list TEXT` finds tests by a part of their ids"));
        } else {
            for test in &tests {
                print(&told(test));
            }
        }
        Ok(ExitCode::Passed)
    }
}

fn told(test: &v1::RememberedTest) -> String {
    let FlakeRate { rate, low, high } = FlakeRate::of(test);
    let mut text = format!("{} in {}\n", one_line(&test.name), one_line(&test.job));
    let mut line = |key: &str, value: String| {
        writeln!(text, "  {key:<12} {value}").expect("writing to a string does not fail");
    };
    line("runs", format!("{} passed, {} failed, {} flaky", test.passed, test.failed, test.flaky));
    let (low, high) = (low * 100.0, high * 100.0);
    line("flake rate", format!("{:.1} %, likely {low:.1} to {high:.1} %", rate * 100.0));
    let (mean, most) = (Duration::from_micros(test.mean_us), Duration::from_micros(test.high_us));
    line("takes", format!("{}, hardly ever more than {}", duration(mean), duration(most)));
    line("first seen", moment(test.first_seen_unix_ms));
    line("last seen", format!("{}, in run {}", moment(test.last_seen_unix_ms), test.last_run));
    if !test.recent.is_empty() {
        text.push('\n');
        text.push_str(&recent(test).render(terminal_width()));
    }
    text
}

fn recent(test: &v1::RememberedTest) -> Table {
    let mut table = Table::new(["RUN", "VERDICT", "CONTENT"], 1);
    for outcome in test.recent.iter().rev() {
        table.push([
            outcome.run.to_string(),
            verdict_word(outcome.verdict()).unwrap_or("none").to_owned(),
            format!("{:08x}", outcome.content),
        ]);
    }
    table
}
