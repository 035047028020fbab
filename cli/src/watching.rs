//! [`Watching`]: a run on the way to its report, as the caller wants to see it.

use std::collections::BTreeMap;

use crate::arguments::Show;
use crate::client::Client;
use crate::details::details;
use crate::exit_code::ExitCode;
use crate::failure::Failure;
use crate::follow::{OnInterrupt, follow};
use crate::interrupt::Interrupt;
use crate::output::Reporter;
use crate::output::human::Human;
use crate::output::json::Json;
use crate::output::junit::{JunitFile, RunnerKind, junit};
use crate::report::Report;

/// Where the news go, and who may interrupt.
pub(crate) struct Watching {
    /// Shows it.
    pub(crate) reporter: Box<dyn Reporter>,
    /// Ctrl-C and TERM.
    pub(crate) interrupt: Interrupt,
    /// What runs the tests of which job, where that is known.
    pub(crate) runners: BTreeMap<u32, RunnerKind>,
    junit: Option<JunitFile>,
}

impl Watching {
    /// Finds out before anything is run whether the report can be written.
    pub(crate) fn begin(show: &Show) -> Result<Self, Failure> {
        let junit = show.junit.as_deref().map(JunitFile::check).transpose()?;
        let interrupt =
            Interrupt::listen().map_err(|error| Failure::infrastructure("cannot listen to signals").because(error))?;
        let reporter: Box<dyn Reporter> = if show.json { Box::new(Json::to_stdout()) } else { Box::new(Human::new()) };
        Ok(Self { reporter, interrupt, runners: BTreeMap::new(), junit })
    }

    /// Follows a run, shows its report and writes the JUnit file.
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
        let written = self.junit.as_ref().map(|file| {
            let xml = junit(&report, &details, &self.runners)
                .map_err(|error| Failure::infrastructure("cannot make the JUnit XML").because(error))?;
            file.write(&xml)
        });
        self.reporter.finished(&report, &details, exit);
        written.transpose()?;
        Ok(exit)
    }
}
