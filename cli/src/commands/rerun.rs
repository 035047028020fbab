//! `muster rerun`: a run once more, on the same files.

use std::path::PathBuf;

use clap::Args;
use muster_common::id::RunId;
use muster_common::spec::RunSpec;

use crate::arguments::{Agents, Place, Show};
use crate::client::Client;
use crate::exit_code::ExitCode;
use crate::failure::Failure;
use crate::finished_run;
use crate::fleet::{Fleet, Wanted, current_folder};
use crate::output::text::counted;
use crate::rerun::of_failed;
use crate::submission::Handover;
use crate::watching::Watching;

/// Run what a run was asked to do once more, on the same files
#[derive(Debug, Args)]
pub(crate) struct RunAgain {
    /// Number of the run
    #[arg(value_name = "RUN")]
    number: RunId,
    /// Only what did not pass: jobs with what they need, and of test jobs those tests
    #[arg(long)]
    failed: bool,
    /// Print the number of the new run and leave; `muster watch` follows it
    #[arg(long, conflicts_with_all = ["junit", "report", "ctrf"])]
    detach: bool,
    #[command(flatten)]
    agents: Agents,
    #[command(flatten)]
    pub(super) show: Show,
    #[command(flatten)]
    place: Place,
}

impl RunAgain {
    /// Runs it.
    pub(crate) async fn run(&self) -> Result<ExitCode, Failure> {
        let folder = current_folder()?;
        let handover = Handover { place: &self.place, is_detached: self.detach };
        handover.check()?;
        let mut watching = Watching::begin(&self.show)?;
        let wanted = Wanted { place: &self.place, project: &folder, agents: &self.agents };
        let fleet = Fleet::to_run(wanted, &mut watching).await?;
        watching.reporter.found(fleet.more());
        let outcome = self.on(&fleet, &handover, folder, &mut watching).await;
        fleet.shut_down().await;
        outcome
    }

    async fn on(
        &self,
        fleet: &Fleet,
        handover: &Handover<'_>,
        folder: PathBuf,
        watching: &mut Watching,
    ) -> Result<ExitCode, Failure> {
        let spec = self.spec(fleet.client(), watching).await?;
        crate::project::check(&spec)
            .map_err(|refusal| refusal.advise(format!("`muster rerun {}` runs all of it again", self.number)))?;
        watching.knows(&spec, &folder);
        fleet.check(&spec).await?;
        handover.submit(&spec, fleet, watching).await
    }

    async fn spec(&self, client: &Client, watching: &mut Watching) -> Result<RunSpec, Failure> {
        let spec = client.spec(self.number.0).await?;
        if !self.failed {
            return Ok(spec);
        }
        let report = finished_run::read(client, self.number).await?;
        let rerun = of_failed(spec, &report)?;
        let jobs = counted(rerun.jobs as u64, "job");
        let tests =
            if rerun.tests == 0 { String::new() } else { format!(" and {}", counted(rerun.tests as u64, "test")) };
        watching.reporter.preparing(&crate::output::Preparation::Selected {
            what: format!("of run {}: {jobs}{tests} that did not pass", self.number),
        });
        Ok(rerun.spec)
    }
}
