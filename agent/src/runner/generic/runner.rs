//! The adapter of any other runner.

use std::path::PathBuf;

use muster_common::control::DealtTest;
use muster_common::error_code::ReasonCode;
use muster_common::spec::{ResultFormat, Shell};
use tokio::sync::mpsc;

use super::feed::{Results, is_missing_program, was_killed};
use super::snapshot::Snapshot;
use crate::attempt::exit::Exit;
use crate::attempt::process::Command;
use crate::attempt::script;
use crate::runner::batch::{self, Launcher};
use crate::runner::collect::collect;
use crate::runner::context::RunnerContext;
use crate::runner::event::{BatchEnd, BatchEvent};
use crate::runner::excerpt::Tail;
use crate::runner::failure::RunnerFailure;
use crate::runner::listing::Listing;
use crate::runner::progress::Progress;
use crate::runner::session::{Launch, Process};

/// Two commands and where results are found.
#[derive(Debug)]
pub struct Generic {
    list: String,
    run: String,
    results: Vec<String>,
    format: ResultFormat,
}

impl Generic {
    pub(crate) fn new(list: &str, run: &str, results: &[String], format: ResultFormat) -> Self {
        Self { list: list.to_owned(), run: run.to_owned(), results: results.to_vec(), format }
    }

    pub(crate) async fn list(&self, context: &RunnerContext, listing: &mut Listing) -> Result<(), RunnerFailure> {
        let listed = collect(context, shell(context, &self.list, "list")?, HINT).await?;
        if !listed.exit.is_success() {
            let message = format!("the `list` command {}{}", listed.exit, listed.tail.quoted());
            return Err(if is_missing_program(listed.exit) {
                RunnerFailure::infrastructure(ReasonCode::RunnerMissing, message)
            } else {
                RunnerFailure::user(ReasonCode::DiscoveryFailed, message)
            });
        }
        let text = String::from_utf8(listed.stdout).map_err(|error| {
            let message = format!("the `list` command printed bytes that are not UTF-8: {error}");
            RunnerFailure::user(ReasonCode::DiscoveryFailed, message)
        })?;
        for line in text.lines().filter(|line| !line.trim().is_empty()) {
            listing.push(line.to_owned()).await?;
        }
        Ok(())
    }

    pub(crate) async fn run(
        &self,
        context: &RunnerContext,
        tests: &[DealtTest],
        events: mpsc::Sender<BatchEvent>,
    ) -> Result<BatchEnd, RunnerFailure> {
        batch::run(context, tests, events, &mut Processes { runner: self, is_alone: false }).await
    }
}

struct Processes<'a> {
    runner: &'a Generic,
    /// Whether tests go one by one, so that the one that stops the runner can be told.
    is_alone: bool,
}

impl Launcher for Processes<'_> {
    async fn launch(
        &mut self,
        context: &RunnerContext,
        progress: &Progress<'_>,
        pending: &[usize],
    ) -> Result<Launch, RunnerFailure> {
        let positions = if self.is_alone { pending[..1].to_vec() } else { pending.to_vec() };
        let names: Vec<String> = positions.iter().map(|position| progress.test(*position).name.clone()).collect();
        let file = context.private_dir.join("tests.txt");
        let mut text = names.join("\n");
        text.push('\n');
        std::fs::write(&file, text).map_err(|error| RunnerFailure::file("write", &file, &error))?;
        let place = file.to_string_lossy().replace('\'', r"'\''");
        let mut command = shell(context, &self.runner.run.replace("{tests_file}", &format!("'{place}'")), "run")?;
        command.environment.insert("MUSTER_TESTS_FILE".into(), file.into());
        let count = u32::try_from(names.len()).unwrap_or(u32::MAX);
        command.timeout = (count > 1).then(|| context.test_timeout.saturating_mul(count));
        let patterns = self.runner.results.clone();
        let before = Snapshot::take(&context.directory, &patterns).await?;
        let (directory, format) = (context.directory.clone(), self.runner.format);
        let feed = Box::new(Results { names, directory, patterns, format, before, tail: Tail::default() });
        Ok(Launch { process: Process::New(command), feed, channel: None, positions, hint: HINT })
    }

    fn is_regular(&self, exit: Exit) -> bool {
        match exit {
            Exit::Status(_) => true,
            Exit::Signal(_) | Exit::TimedOut(_) | Exit::Cancelled => false,
        }
    }

    fn may_run_missing(&mut self, exit: Exit) -> bool {
        was_killed(exit) && !std::mem::replace(&mut self.is_alone, true)
    }
}

fn shell(context: &RunnerContext, text: &str, name: &str) -> Result<Command, RunnerFailure> {
    let folder: PathBuf = context.private_dir.clone();
    let argv = script::command(Shell::Default, text, &folder, &format!("{name}.sh"), &context.environment)
        .map_err(|error| RunnerFailure::file("write a script into", &folder, &error))?;
    Ok(context.command(argv))
}

const HINT: &str = "it is the shell in which the job's commands run";
