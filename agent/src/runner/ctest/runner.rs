//! The adapter of CTest.

use std::collections::BTreeMap;
use std::path::PathBuf;

use muster_common::control::DealtTest;
use muster_common::error_code::ReasonCode;
use serde::Deserialize;
use tokio::sync::mpsc;

use super::arguments::Arguments;
use super::moved;
use super::output::Output;
use crate::attempt::exit::Exit;
use crate::attempt::process::Command;
use crate::runner::batch::{self, Launcher};
use crate::runner::collect::collect;
use crate::runner::context::RunnerContext;
use crate::runner::event::{BatchEnd, BatchEvent};
use crate::runner::failure::RunnerFailure;
use crate::runner::listing::Listing;
use crate::runner::progress::Progress;
use crate::runner::session::{Launch, Process};

/// `ctest` with the arguments of a job.
#[derive(Debug)]
pub struct Ctest {
    given: Vec<String>,
    /// The number of every test by its name, once CTest has been asked.
    numbers: Option<BTreeMap<String, u32>>,
}

impl Ctest {
    pub(crate) fn new(given: &[String]) -> Self {
        Self { given: given.to_vec(), numbers: None }
    }

    pub(crate) async fn list(&self, context: &RunnerContext, listing: &mut Listing) -> Result<(), RunnerFailure> {
        let arguments = Arguments::sort(&self.given)?;
        moved::settle(&tree(context, &arguments))?;
        let chosen = arguments.place.iter().chain(&arguments.choice).cloned().collect();
        for name in names(context, chosen).await? {
            listing.push(name).await?;
        }
        Ok(())
    }

    pub(crate) async fn run(
        &mut self,
        context: &RunnerContext,
        tests: &[DealtTest],
        events: mpsc::Sender<BatchEvent>,
    ) -> Result<BatchEnd, RunnerFailure> {
        if self.numbers.is_none() {
            let arguments = Arguments::sort(&self.given)?;
            moved::settle(&tree(context, &arguments))?;
            // A test's number is its place among all tests, whatever is chosen.
            let all = names(context, arguments.place).await?;
            self.numbers = Some(all.into_iter().zip(1..).collect());
        }
        batch::run(context, tests, events, self).await
    }
}

/// Where the build tree is.
fn tree(context: &RunnerContext, arguments: &Arguments) -> PathBuf {
    context.directory.join(arguments.test_dir.as_deref().unwrap_or("."))
}

fn command(context: &RunnerContext, arguments: Vec<String>) -> Command {
    let mut command = context.command(std::iter::once("ctest".to_owned()).chain(arguments));
    for variable in ["CTEST_PARALLEL_LEVEL", "CTEST_OUTPUT_ON_FAILURE"] {
        command.environment.remove(std::ffi::OsStr::new(variable));
    }
    command
}

/// Names of the tests, in the order of their numbers.
async fn names(context: &RunnerContext, mut arguments: Vec<String>) -> Result<Vec<String>, RunnerFailure> {
    arguments.push("--show-only=json-v1".to_owned());
    let listed = collect(context, command(context, arguments), HINT).await?;
    let failed = |why: String| {
        let message = format!("ctest cannot list the tests: {why}{}", listed.tail.quoted());
        RunnerFailure::user(ReasonCode::DiscoveryFailed, message)
    };
    if !listed.exit.is_success() {
        return Err(failed(format!("it {}", listed.exit)));
    }
    let shown: Shown = serde_json::from_slice(&listed.stdout).map_err(|error| failed(error.to_string()))?;
    Ok(shown.tests.into_iter().map(|test| test.name).collect())
}

#[derive(Deserialize)]
struct Shown {
    tests: Vec<ShownTest>,
}

#[derive(Deserialize)]
struct ShownTest {
    name: String,
}

impl Launcher for Ctest {
    async fn launch(
        &mut self,
        context: &RunnerContext,
        progress: &Progress<'_>,
        pending: &[usize],
    ) -> Result<Launch, RunnerFailure> {
        let mut names = BTreeMap::new();
        for position in pending {
            let name = &progress.test(*position).name;
            let number = self.numbers.as_ref().and_then(|numbers| numbers.get(name)).ok_or_else(|| {
                let message = format!("the build tree has no test `{name}`");
                RunnerFailure::infrastructure(ReasonCode::TestNotRun, message)
            })?;
            names.insert(*number, name.clone());
        }
        let file = context.private_dir.join("ctest-numbers.txt");
        let numbers: Vec<String> = names.keys().map(u32::to_string).collect();
        // From, to, step, and then the tests: from 0 to 0 is none but those.
        std::fs::write(&file, format!("0,0,0,{}\n", numbers.join(",")))
            .map_err(|error| RunnerFailure::file("write", &file, &error))?;
        let mut arguments = Arguments::sort(&self.given)?.place;
        arguments.extend(["-V", "-j", "1", "--no-tests=error", "-I"].map(str::to_owned));
        arguments.push(file.display().to_string());
        let process = Process::New(command(context, arguments));
        let feed = Box::new(Output::new(names));
        Ok(Launch { process, feed, channel: None, positions: pending.to_vec(), hint: HINT })
    }

    fn is_regular(&self, exit: Exit) -> bool {
        // 8: some failed.
        matches!(exit, Exit::Status(0 | 8))
    }
}

const HINT: &str = "install CMake on the agent, or choose agents that have it by `runs-on`";
