//! `muster report`: the report of a run that has ended.

use clap::Args;
use muster_common::id::RunId;

use super::print;
use crate::arguments::Place;
use crate::client::Client;
use crate::details::details;
use crate::exit_code::ExitCode;
use crate::failure::Failure;
use crate::finished_run;
use crate::fleet::Fleet;
use crate::origin::Origin;
use crate::output::human::summary;
use crate::output::reporter::Details;
use crate::proof::{Document, to_bytes};
use crate::report_files::{FileArguments, ReportFiles};

/// Show the report of a run that has ended, or write it to files
#[derive(Debug, Args)]
pub(crate) struct ShowReport {
    /// Number of the run
    #[arg(value_name = "RUN")]
    number: RunId,
    /// Print the report as JSON, as --report FILE writes it (docs/reference/report.md)
    #[arg(long)]
    pub(super) json: bool,
    #[command(flatten)]
    files: FileArguments,
    #[command(flatten)]
    place: Place,
}

impl ShowReport {
    /// Shows and writes it. Its exit code says whether it adds up, not how the run ended.
    pub(crate) async fn run(&self) -> Result<ExitCode, Failure> {
        let files = ReportFiles::check(&self.files)?;
        let fleet = Fleet::to_read(&self.place).await?;
        let outcome = self.show(fleet.client(), &files, fleet.more()).await;
        fleet.shut_down().await;
        outcome
    }

    async fn show(&self, client: &Client, files: &ReportFiles, more: &str) -> Result<ExitCode, Failure> {
        let report = finished_run::read(client, self.number).await?;
        let origin = if files.wants_origin() { Origin::of_run(client, self.number.0).await } else { Origin::default() };
        let wants_details = files.wants_origin() || !(self.json || self.files.is_any());
        let details = if wants_details { details(client, &report).await } else { Details::default() };
        files.write(&report, &details, &origin)?;
        let exit = ExitCode::of(&report);
        if self.json {
            print(&String::from_utf8_lossy(&to_bytes(&Document::of(&report))));
        } else if !self.files.is_any() {
            print(&summary(&report, &details, exit, more));
        }
        Ok(if report.accounting().is_ok() { ExitCode::Passed } else { ExitCode::Infrastructure })
    }
}
