//! `muster watch`: follows a run that was submitted before.

use clap::Args;
use muster_common::id::RunId;

use crate::arguments::{Place, Show};
use crate::exit_code::ExitCode;
use crate::failure::Failure;
use crate::fleet::Fleet;
use crate::follow::OnInterrupt;
use crate::watching::Watching;

/// Follow a run to its end; the exit code is that of the run. Ctrl-C leaves the run alone
#[derive(Debug, Args)]
pub(crate) struct Watch {
    /// Number of the run
    #[arg(value_name = "RUN")]
    number: RunId,
    #[command(flatten)]
    pub(super) show: Show,
    #[command(flatten)]
    place: Place,
}

impl Watch {
    /// Follows it.
    pub(crate) async fn run(&self) -> Result<ExitCode, Failure> {
        let mut watching = Watching::begin(&self.show)?;
        let fleet = Fleet::to_read(&self.place).await?;
        watching.reporter.found(fleet.more());
        let outcome = watching.finish(fleet.client(), self.number.0, OnInterrupt::Leave).await;
        fleet.shut_down().await;
        outcome
    }
}
