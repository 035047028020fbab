//! The adapter of pytest.

use std::io::BufRead;
use std::path::{Path, PathBuf};

use muster_common::control::DealtTest;
use muster_common::error_code::ReasonCode;
use tokio::sync::mpsc;

use super::command::{PYTEST_HINT, command, is_missing, missing};
use super::events::{Event, Events};
use crate::attempt::exit::Exit;
use crate::runner::batch::{self, Launcher};
use crate::runner::channel::Channel;
use crate::runner::collect::log_through;
use crate::runner::context::RunnerContext;
use crate::runner::event::{BatchEnd, BatchEvent};
use crate::runner::failure::RunnerFailure;
use crate::runner::listing::Listing;
use crate::runner::progress::Progress;
use crate::runner::session::Launch;

/// `python -m pytest` with the arguments of a job.
#[derive(Debug)]
pub struct Pytest {
    given: Vec<String>,
    /// Whether names do not lead to their files here, so that everything has to be collected to find them.
    collects_all: bool,
}

impl Pytest {
    pub(crate) fn new(given: &[String]) -> Self {
        Self { given: given.to_vec(), collects_all: false }
    }

    pub(crate) async fn list(&self, context: &RunnerContext, listing: &mut Listing) -> Result<(), RunnerFailure> {
        let file = unique(context, "list");
        let mut command = command(context, &self.given, &file)?;
        // Twice quiet: pytest prints one line a file into the log, not one a test.
        command.argv.extend(["--collect-only", "-qq"].map(Into::into));
        let (exit, tail) = log_through(context, command, PYTEST_HINT).await?;
        let is_loaded = file.exists();
        match exit {
            Exit::Status(0 | 5) if is_loaded => read_list(&file, listing).await,
            _ if !is_loaded && is_missing(&tail.bytes()) => Err(missing(context)),
            Exit::Status(_) => {
                let message = format!("pytest cannot collect the tests: it {exit}{}", tail.quoted());
                Err(RunnerFailure::user(ReasonCode::DiscoveryFailed, message))
            }
            Exit::Signal(_) | Exit::TimedOut(_) | Exit::Cancelled => {
                let message = format!("pytest {exit} while it collected the tests{}", tail.quoted());
                Err(RunnerFailure::infrastructure(ReasonCode::RunnerCrashed, message))
            }
        }
    }

    pub(crate) async fn run(
        &mut self,
        context: &RunnerContext,
        tests: &[DealtTest],
        events: mpsc::Sender<BatchEvent>,
    ) -> Result<BatchEnd, RunnerFailure> {
        batch::run(context, tests, events, self).await
    }
}

impl Launcher for Pytest {
    async fn launch(
        &mut self,
        context: &RunnerContext,
        progress: &Progress<'_>,
        pending: &[usize],
    ) -> Result<Launch, RunnerFailure> {
        let pipe = unique(context, "events");
        let names: Vec<&str> = pending.iter().map(|position| progress.test(*position).name.as_str()).collect();
        let tests = unique(context, "tests");
        let mut command = command(context, &self.given, &pipe)?;
        let text = serde_json::to_vec(&names)
            .map_err(|error| RunnerFailure::infrastructure(ReasonCode::Internal, error.to_string()))?;
        std::fs::write(&tests, text).map_err(|error| RunnerFailure::file("write", &tests, &error))?;
        command.environment.insert("MUSTER_PYTEST_TESTS".into(), tests.into());
        if self.collects_all {
            command.environment.insert("MUSTER_PYTEST_ALL".into(), "1".into());
        }
        let channel = Some(Channel::open(&pipe).map_err(|error| RunnerFailure::file("open", &pipe, &error))?);
        let feed = Box::new(Events::new(missing(context)));
        Ok(Launch { command, feed, channel, positions: pending.to_vec(), hint: PYTEST_HINT })
    }

    fn is_regular(&self, exit: Exit) -> bool {
        // All passed; some failed (or a plugin such as a coverage limit said no, which one shard cannot judge); nothing
        // was collected, which is seen as missing results.
        matches!(exit, Exit::Status(0 | 1 | 5))
    }

    fn may_run_missing(&mut self, exit: Exit) -> bool {
        self.is_regular(exit) && !std::mem::replace(&mut self.collects_all, true)
    }
}

fn unique(context: &RunnerContext, what: &str) -> PathBuf {
    context.private_dir.join(format!("pytest-{what}-{}", uuid::Uuid::new_v4().simple()))
}

async fn read_list(file: &Path, listing: &mut Listing) -> Result<(), RunnerFailure> {
    let opened = std::fs::File::open(file).map_err(|error| RunnerFailure::file("open", file, &error))?;
    let mut counted = 0;
    let mut announced = None;
    for line in std::io::BufReader::new(opened).split(b'\n') {
        let line = line.map_err(|error| RunnerFailure::file("read", file, &error))?;
        match Event::read(&line)? {
            Event::Item { name } => {
                counted += 1;
                listing.push(name).await?;
            }
            Event::Listed { count } => announced = Some(count),
            Event::Hello { .. } | Event::Started { .. } | Event::Finished { .. } => {}
        }
    }
    if announced != Some(counted) {
        let message = format!("the list that the pytest plugin reported is cut off after {counted} tests");
        return Err(RunnerFailure::infrastructure(ReasonCode::ResultsBroken, message));
    }
    Ok(())
}
