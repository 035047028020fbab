//! The adapter of both.

use std::collections::BTreeSet;

use muster_common::control::DealtTest;
use muster_common::error_code::ReasonCode;
use tokio::sync::mpsc;

use super::reports::{self, Reports};
use super::selection::Selection;
use crate::attempt::exit::Exit;
use crate::attempt::process::Command;
use crate::runner::batch::{self, Launcher};
use crate::runner::collect::log_through;
use crate::runner::context::RunnerContext;
use crate::runner::event::{BatchEnd, BatchEvent};
use crate::runner::excerpt::Tail;
use crate::runner::failure::RunnerFailure;
use crate::runner::generic::Snapshot;
use crate::runner::listing::Listing;
use crate::runner::progress::Progress;
use crate::runner::session::{Launch, Process};

/// What is particular to one of them.
#[derive(Debug)]
pub(crate) struct JavaTool {
    /// Its program.
    pub(crate) name: &'static str,
    /// What to do where it is missing.
    pub(crate) hint: &'static str,
    /// Where its reports are.
    pub(crate) reports: &'static str,
    /// The command that lists or runs.
    pub(crate) command: fn(&RunnerContext, &Ask<'_>) -> Result<Command, RunnerFailure>,
}

/// What a command is for.
#[derive(Debug)]
pub(crate) struct Ask<'a> {
    /// The job's arguments.
    pub(crate) given: &'a [String],
    /// What is to be run; none: list.
    pub(super) tests: Option<&'a BTreeSet<Selection>>,
}

/// One of them, with the arguments of a job.
#[derive(Debug)]
pub struct JavaRunner {
    tool: &'static JavaTool,
    given: Vec<String>,
}

impl JavaRunner {
    pub(crate) fn new(tool: &'static JavaTool, given: &[String]) -> Self {
        Self { tool, given: given.to_vec() }
    }

    pub(crate) async fn list(&self, context: &RunnerContext, listing: &mut Listing) -> Result<(), RunnerFailure> {
        let patterns = [self.tool.reports.to_owned()];
        let before = Snapshot::take(&context.directory, &patterns).await?;
        let command = (self.tool.command)(context, &Ask { given: &self.given, tests: None })?;
        let (exit, tail) = log_through(context, command, self.tool.hint).await?;
        if !exit.is_success() {
            let message = format!("{} cannot list the tests: it {exit}{}", self.tool.name, tail.quoted());
            return Err(RunnerFailure::user(ReasonCode::DiscoveryFailed, message));
        }
        for name in reports::cases(&before, &context.directory, &patterns)?.into_keys() {
            listing.push(name).await?;
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
    runner: &'a JavaRunner,
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
        let mut positions = Vec::new();
        let mut chosen = BTreeSet::new();
        let mut bytes = 0;
        for position in pending.iter().take(if self.is_alone { 1 } else { pending.len() }) {
            let selection = Selection::of(&progress.test(*position).name);
            bytes += selection.class.len() + selection.method.as_deref().map_or(0, str::len) + 2;
            if bytes > SELECTION_BYTES_MAX && !positions.is_empty() {
                break;
            }
            chosen.insert(selection);
            positions.push(*position);
        }
        let tool = self.runner.tool;
        let mut command = (tool.command)(context, &Ask { given: &self.runner.given, tests: Some(&chosen) })?;
        let count = u32::try_from(positions.len()).unwrap_or(u32::MAX);
        command.timeout = (count > 1).then(|| context.test_timeout.saturating_mul(count));
        let (directory, patterns) = (context.directory.clone(), vec![tool.reports.to_owned()]);
        let before = Snapshot::take(&directory, &patterns).await?;
        let names = positions.iter().map(|position| progress.test(*position).name.clone()).collect();
        let feed = Box::new(Reports { tool: tool.name, names, directory, patterns, before, tail: Tail::default() });
        Ok(Launch { process: Process::New(command), feed, channel: None, positions, hint: tool.hint })
    }

    fn is_regular(&self, exit: Exit) -> bool {
        match exit {
            Exit::Status(_) => true,
            Exit::Signal(_) | Exit::TimedOut(_) | Exit::Cancelled => false,
        }
    }

    fn may_run_missing(&mut self, exit: Exit) -> bool {
        !self.is_regular(exit) && !std::mem::replace(&mut self.is_alone, true)
    }
}

/// Linux takes 128 KiB in one argument.
const SELECTION_BYTES_MAX: usize = 100_000;
