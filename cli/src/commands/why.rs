//! `muster why`: the true answer.

use clap::Args;

use super::{print, print_json};
use crate::arguments::Place;
use crate::client::Client;
use crate::details::details;
use crate::exit_code::ExitCode;
use crate::failure::Failure;
use crate::fleet::Fleet;
use crate::report::Report;
use crate::why::{Answer, Known, Target, subject, told};

/// Say why a run, a job or a test waits, failed, or could not be run, and what to do next
#[derive(Debug, Args)]
pub(crate) struct Why {
    /// RUN, RUN/JOB, RUN/JOB/TEST or RUN/TEST
    #[arg(value_name = "RUN[/JOB][/TEST]")]
    target: Target,
    /// Print a JSON object
    #[arg(long)]
    pub(super) json: bool,
    #[command(flatten)]
    place: Place,
}

impl Why {
    /// Says it.
    pub(crate) async fn run(&self) -> Result<ExitCode, Failure> {
        let fleet = Fleet::to_read(&self.place).await?;
        let answer = self.answer(fleet.client(), fleet.more()).await;
        fleet.shut_down().await;
        let answer = answer?;
        if self.json {
            print_json(&answer)?;
        } else {
            print(&told(&answer));
        }
        Ok(ExitCode::Passed)
    }

    async fn answer(&self, client: &Client, more: &str) -> Result<Answer, Failure> {
        let run = client.run(self.target.run.0).await?;
        let tests = client.tests(self.target.run.0).await?;
        let report = Report { run, tests };
        let subject = subject(&report, &self.target)?;
        let details = details(client, &report).await;
        Ok(Answer::of(&Known { report: &report, details: &details, more }, subject))
    }
}
