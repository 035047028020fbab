//! [`Watching`]: a run on the way to its report, as the caller wants to see it.

use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;

use muster_common::spec::RunSpec;

use crate::arguments::Show;
use crate::client::Client;
use crate::details::details;
use crate::exit_code::ExitCode;
use crate::failure::Failure;
use crate::follow::{OnInterrupt, follow};
use crate::interrupt::Interrupt;
use crate::origin::{Origin, beneath};
use crate::output::Reporter;
use crate::output::ci::{Ci, Environment, InCi, Told};
use crate::output::human::Human;
use crate::output::json::Json;
use crate::report::Report;
use crate::report_files::ReportFiles;

/// Where the news go, and who may interrupt.
pub(crate) struct Watching {
    /// Shows it.
    pub(crate) reporter: Box<dyn Reporter>,
    /// Ctrl-C and TERM.
    pub(crate) interrupt: Interrupt,
    /// Of a run that this command has submitted.
    origin: Option<Origin>,
    files: ReportFiles,
    has_junit: bool,
    is_json: bool,
    ci: Option<Arc<dyn Ci>>,
}

impl Watching {
    /// Finds out before anything is run whether the files can be written.
    pub(crate) fn begin(show: &Show) -> Result<Self, Failure> {
        let files = ReportFiles::check(&show.files)?;
        let interrupt =
            Interrupt::listen().map_err(|error| Failure::infrastructure("cannot listen to signals").because(error))?;
        let ci = Environment::of_process().choose(show.ci);
        let reporter: Box<dyn Reporter> = match &ci {
            _ if show.json => Box::new(Json::to_stdout()),
            Some(ci) => Box::new(InCi::begin(Box::new(Human::new()), Arc::clone(ci))),
            None => Box::new(Human::new()),
        };
        let has_junit = show.files.junit.is_some();
        Ok(Self { reporter, interrupt, origin: None, files, has_junit, is_json: show.json, ci })
    }

    /// What is about to be run, and the folder that is its workspace.
    pub(crate) fn knows(&mut self, spec: &RunSpec, folder: &Path) {
        let top = self.ci.as_ref().and_then(|ci| ci.top());
        self.origin = Some(Origin::of(spec, &beneath(top, folder)));
    }

    /// Follows a run, shows its report and writes the files.
    pub(crate) async fn finish(
        &mut self,
        client: &Client,
        run: u64,
        on_interrupt: OnInterrupt,
    ) -> Result<ExitCode, Failure> {
        let run = follow(client, run, self.reporter.as_mut(), &self.interrupt, on_interrupt).await?;
        let tests = client.tests(run.run).await?;
        let report = Report { run, tests };
        let details = details(client, &report).await;
        let exit = ExitCode::of(&report);
        let origin = match self.origin.take() {
            Some(origin) => origin,
            None if self.files.wants_origin() || self.ci.is_some() => Origin::of_run(client, report.run.run).await,
            None => Origin::default(),
        };
        let written = self.files.write(&report, &details, &origin);
        self.reporter.finished(&report, &details, exit);
        let has_junit = self.has_junit;
        self.tell_ci(Told { report: &report, details: &details, origin: &origin, exit, has_junit });
        written?;
        Ok(exit)
    }

    fn tell_ci(&mut self, told: Told<'_>) {
        let Some(ci) = &self.ci else { return };
        let notices = ci.notices(told);
        // With --json standard output is for programs; CI systems read both.
        let written = if self.is_json {
            std::io::stderr().write_all(notices.as_bytes())
        } else {
            std::io::stdout().write_all(notices.as_bytes())
        };
        if let Err(error) = written {
            tracing::debug!(%error, "the log takes nothing");
        }
        if let Err(why) = ci.publish(told) {
            self.reporter.warn(&why);
        }
    }
}
