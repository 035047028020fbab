//! `muster runs`: the newest runs.

use std::time::Duration;

use clap::Args;
use muster_proto::v1;

use super::{print, print_json};
use crate::arguments::Place;
use crate::exit_code::ExitCode;
use crate::failure::Failure;
use crate::fleet::Fleet;
use crate::output::human::outcome_word;
use crate::output::json::{RunJson, state_word};
use crate::output::table::{Table, terminal_width};
use crate::output::text::{duration, moment};

/// List the newest runs
#[derive(Debug, Args)]
pub(crate) struct Runs {
    /// Most runs to list
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    limit: u32,
    /// Only runs of this project
    #[arg(long, value_name = "NAME", default_value = "", hide_default_value = true)]
    project: String,
    /// Print a JSON array
    #[arg(long)]
    pub(super) json: bool,
    #[command(flatten)]
    place: Place,
}

impl Runs {
    /// Prints them.
    pub(crate) async fn run(&self) -> Result<ExitCode, Failure> {
        let fleet = Fleet::to_read(&self.place).await?;
        let runs = fleet.client().runs(self.limit as usize, &self.project).await;
        fleet.shut_down().await;
        let runs = runs?;
        if self.json {
            print_json(&runs.iter().map(RunJson::of).collect::<Vec<_>>())?;
        } else if runs.is_empty() {
            print("no runs yet; `muster test` and `muster run` make them\n");
        } else {
            print(&table(&runs).render(terminal_width()));
        }
        Ok(ExitCode::Passed)
    }
}

fn table(runs: &[v1::Run]) -> Table {
    let mut table = Table::new(["RUN", "PROJECT", "NAME", "STATE", "TESTS", "FAILED", "FLAKY", "SUBMITTED", "TOOK"], 2);
    for run in runs {
        let tests = run.tests.unwrap_or_default();
        let state = match run.state() {
            v1::RunState::Finished => outcome_word(run.outcome()),
            state => state_word(state),
        };
        let restored = if run.restored_unix_ms.is_some() { ", restored" } else { "" };
        let took = run.finished_unix_ms.map(|end| Duration::from_millis(end.saturating_sub(run.submitted_unix_ms)));
        table.push([
            run.run.to_string(),
            run.project.clone(),
            run.name.clone(),
            format!("{state}{restored}"),
            tests.discovered.to_string(),
            (tests.failed + tests.errored).to_string(),
            tests.flaky.to_string(),
            moment(run.submitted_unix_ms),
            took.map(duration).unwrap_or_default(),
        ]);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::samples::report;

    #[test]
    fn a_run_is_one_line() {
        let run = report(v1::Outcome::TimedOut, vec![], vec![]).run;
        let restored = v1::Run { restored_unix_ms: Some(1), ..run.clone() };
        assert!(table(&[restored]).render(None).contains("timed out, restored"));
        let text = table(&[run]).render(None);
        assert_eq!(text.lines().count(), 2);
        assert!(!text.contains("restored"), "{text}");
        assert!(text.contains("shop") && text.contains("timed out") && text.contains("12.5 s"), "{text}");
    }
}
