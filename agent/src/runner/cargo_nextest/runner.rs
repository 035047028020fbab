//! The adapter of `cargo nextest`.

use muster_common::control::DealtTest;
use muster_common::error_code::ReasonCode;
use tokio::sync::mpsc;

use super::archive::{self, NEXTEST_HINT, Unpacked};
use super::arguments::Arguments;
use super::filterset;
use super::list;
use super::messages::Messages;
use crate::attempt::exit::Exit;
use crate::attempt::process::Streams;
use crate::runner::batch::{self, Launcher};
use crate::runner::cargo_build::words;
use crate::runner::context::RunnerContext;
use crate::runner::event::{BatchEnd, BatchEvent};
use crate::runner::failure::RunnerFailure;
use crate::runner::listing::Listing;
use crate::runner::progress::Progress;
use crate::runner::selection::how_many_fit;
use crate::runner::session::{Launch, Process};

/// `cargo nextest` with the arguments of a job.
#[derive(Debug)]
pub struct CargoNextest {
    given: Vec<String>,
    unpacked: Option<Unpacked>,
}

impl CargoNextest {
    pub(crate) fn new(given: &[String]) -> Self {
        Self { given: given.to_vec(), unpacked: None }
    }

    pub(crate) async fn build(&self, context: &RunnerContext) -> Result<(), RunnerFailure> {
        archive::build(context, &Arguments::sort(&self.given)?).await
    }

    pub(crate) async fn list(&mut self, context: &RunnerContext, listing: &mut Listing) -> Result<(), RunnerFailure> {
        let arguments = Arguments::sort(&self.given)?;
        let unpacked = self.unpacked(context).await?;
        list::list(context, &unpacked, &arguments, listing).await
    }

    pub(crate) async fn run(
        &mut self,
        context: &RunnerContext,
        tests: &[DealtTest],
        events: mpsc::Sender<BatchEvent>,
    ) -> Result<BatchEnd, RunnerFailure> {
        let mut argv = words(["cargo", "nextest", "run", "--color", "never", "--no-input-handler"]);
        argv.extend(words(["--message-format", "libtest-json-plus", "--hide-progress-bar", "--no-tests", "fail"]));
        argv.extend(words(["--retries", "0", "--no-fail-fast", "--test-threads", "1"]));
        argv.extend(self.unpacked(context).await?.arguments());
        argv.extend(Arguments::sort(&self.given)?.run);
        batch::run(context, tests, events, &mut Processes { argv }).await
    }

    async fn unpacked(&mut self, context: &RunnerContext) -> Result<Unpacked, RunnerFailure> {
        if self.unpacked.is_none() {
            self.unpacked = Some(Unpacked::at(context).await?);
        }
        self.unpacked.clone().ok_or_else(RunnerFailure::cancelled)
    }
}

struct Processes {
    argv: Vec<String>,
}

impl Launcher for Processes {
    async fn launch(
        &mut self,
        context: &RunnerContext,
        progress: &Progress<'_>,
        pending: &[usize],
    ) -> Result<Launch, RunnerFailure> {
        let mut filters = Vec::with_capacity(pending.len());
        for position in pending {
            let name = &progress.test(*position).name;
            let (binary, test) = name.split_once(' ').ok_or_else(|| {
                let message =
                    format!("`{name}` is not a test of cargo-nextest: it should be `<binary id> <test name>`");
                RunnerFailure::infrastructure(ReasonCode::TestNotRun, message)
            })?;
            filters.push(filterset::exactly(binary, test));
        }
        filters.truncate(how_many_fit(filters.iter().map(|filter| filter.len() + 3)));
        let positions = pending[..filters.len()].to_vec();
        let selection = filters.into_iter().flat_map(|filter| ["-E".to_owned(), filter]);
        let mut command = context.command(self.argv.iter().cloned().chain(selection));
        command.streams = Streams::Separate;
        command.environment.insert("NEXTEST_EXPERIMENTAL_LIBTEST_JSON".into(), "1".into());
        Ok(Launch {
            process: Process::New(command),
            feed: Box::new(Messages::new()),
            channel: None,
            positions,
            hint: NEXTEST_HINT,
        })
    }

    fn is_regular(&self, exit: Exit) -> bool {
        // All passed; some failed; none was selected, which is seen as missing results.
        matches!(exit, Exit::Status(0 | 100 | 4))
    }
}
