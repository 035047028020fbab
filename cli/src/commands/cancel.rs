//! `muster cancel`: stops a run.

use clap::Args;
use muster_common::id::RunId;

use super::print;
use crate::arguments::Place;
use crate::exit_code::ExitCode;
use crate::failure::Failure;
use crate::fleet::Fleet;

/// Stop a run
#[derive(Debug, Args)]
pub(crate) struct Cancel {
    /// Number of the run
    #[arg(value_name = "RUN")]
    number: RunId,
    #[command(flatten)]
    place: Place,
}

impl Cancel {
    /// Stops it. A run that has ended stays as it ended.
    pub(crate) async fn run(&self) -> Result<ExitCode, Failure> {
        let fleet = Fleet::to_read(&self.place).await?;
        let had_ended = fleet.client().cancel(self.number.0).await;
        fleet.shut_down().await;
        let what = if had_ended? { "had ended before" } else { "is being cancelled" };
        print(&format!("run {} {what}\n", self.number));
        Ok(ExitCode::Passed)
    }
}
