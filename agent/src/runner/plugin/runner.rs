//! The adapter of every runner that takes a plugin.

use std::path::PathBuf;

use muster_common::control::DealtTest;
use muster_common::error_code::ReasonCode;
use tokio::sync::mpsc;

use super::feed::Events;
use super::idle::{Batches, Warm};
use super::list;
use super::tool::{Ask, Tool};
use crate::attempt::exit::Exit;
use crate::attempt::process::Command;
use crate::runner::batch::{self, Launcher};
use crate::runner::channel::Channel;
use crate::runner::collect::log_through;
use crate::runner::context::RunnerContext;
use crate::runner::event::{BatchEnd, BatchEvent};
use crate::runner::failure::RunnerFailure;
use crate::runner::listing::Listing;
use crate::runner::progress::Progress;
use crate::runner::session::{Feed, Idle, Launch, Process};

/// A runner with the arguments of a job.
pub struct PluginRunner {
    tool: &'static Tool,
    given: Vec<String>,
    /// Whether names do not lead to their files here, so that tests are looked for everywhere.
    looks_everywhere: bool,
    /// Whether processes serve several batches.
    is_warm: bool,
    warm: Option<Warm>,
    /// How the process of this moment gets its next batch.
    batches: Option<Batches>,
    is_reused: bool,
}

impl PluginRunner {
    pub(crate) fn new(tool: &'static Tool, given: &[String]) -> Self {
        Self {
            tool,
            given: given.to_vec(),
            looks_everywhere: false,
            is_warm: tool.is_warm,
            warm: None,
            batches: None,
            is_reused: false,
        }
    }

    pub(crate) async fn list(&self, context: &RunnerContext, listing: &mut Listing) -> Result<(), RunnerFailure> {
        let file = unique(context, "list");
        let mut command = self.command(context, None)?;
        command.environment.insert(EVENTS.into(), file.clone().into());
        let (exit, tail) = log_through(context, command, self.tool.hint).await?;
        let (name, is_loaded) = (self.tool.name, file.exists());
        match exit {
            _ if is_loaded && self.tool.is_listed(exit) => list::read(&file, listing).await,
            _ if !is_loaded && self.tool.is_missing(exit, &tail.bytes()) => Err(self.tool.missing(&tail)),
            Exit::Status(_) => {
                let message = format!("{name} cannot collect the tests: it {exit}{}", tail.quoted());
                Err(RunnerFailure::user(ReasonCode::DiscoveryFailed, message))
            }
            Exit::Signal(_) | Exit::TimedOut(_) | Exit::Cancelled => {
                let message = format!("{name} {exit} while it collected the tests{}", tail.quoted());
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

    /// Ends the process that waits for a batch, if there is one.
    pub(crate) async fn close(&mut self, context: &RunnerContext) {
        if let Some(warm) = self.warm.take() {
            warm.end(context).await;
        }
    }

    fn command(&self, context: &RunnerContext, tests: Option<&[&str]>) -> Result<Command, RunnerFailure> {
        let folder = context.private_dir.join(PLUGIN_FOLDER);
        std::fs::create_dir_all(&folder).map_err(|error| RunnerFailure::file("make", &folder, &error))?;
        for (name, text) in self.tool.files {
            let file = folder.join(name);
            std::fs::write(&file, text).map_err(|error| RunnerFailure::file("write", &file, &error))?;
        }
        (self.tool.command)(context, &Ask { given: &self.given, folder: &folder, tests })
    }

    async fn reuse(&mut self, warm: Warm, tests: PathBuf, positions: Vec<usize>) -> Result<Launch, RunnerFailure> {
        let Warm { idle: Idle { running, channel, feed }, mut batches } = warm;
        // A pipe that has no room holds a batch that was never fetched: that is seen as a process without results.
        batches.send(&tests).await.map_err(|error| RunnerFailure::file("announce", &tests, &error))?;
        self.batches = Some(batches);
        self.is_reused = true;
        Ok(Launch { process: Process::Idle(running), feed, channel, positions, hint: self.tool.hint })
    }
}

impl Launcher for PluginRunner {
    async fn launch(
        &mut self,
        context: &RunnerContext,
        progress: &Progress<'_>,
        pending: &[usize],
    ) -> Result<Launch, RunnerFailure> {
        let names: Vec<&str> = pending.iter().map(|position| progress.test(*position).name.as_str()).collect();
        let tests = unique(context, "tests");
        let text = serde_json::to_vec(&names)
            .map_err(|error| RunnerFailure::infrastructure(ReasonCode::Internal, error.to_string()))?;
        std::fs::write(&tests, text).map_err(|error| RunnerFailure::file("write", &tests, &error))?;
        // A test that is run again is to have nothing of what ran before it.
        let is_warm = self.is_warm && pending.iter().all(|position| progress.test(*position).attempt <= 1);
        if let Some(warm) = self.warm.take_if(|_| is_warm) {
            return self.reuse(warm, tests, pending.to_vec()).await;
        }
        let pipe = unique(context, "events");
        let mut command = self.command(context, Some(&names))?;
        command.environment.insert(EVENTS.into(), pipe.clone().into());
        self.is_reused = false;
        self.batches = None;
        if is_warm {
            let place = unique(context, "batches");
            let mut batches = Batches::open(&place).map_err(|error| RunnerFailure::file("open", &place, &error))?;
            batches.send(&tests).await.map_err(|error| RunnerFailure::file("announce", &tests, &error))?;
            command.environment.insert("MUSTER_BATCHES".into(), place.into());
            self.batches = Some(batches);
        } else {
            command.environment.insert("MUSTER_TESTS".into(), tests.into());
        }
        if let Some(variable) = self.tool.look_everywhere.filter(|_| self.looks_everywhere) {
            command.environment.insert(variable.into(), "1".into());
        }
        let channel = Some(Channel::open(&pipe).map_err(|error| RunnerFailure::file("open", &pipe, &error))?);
        let feed: Box<dyn Feed> = Box::new(Events::new(self.tool));
        Ok(Launch { process: Process::New(command), feed, channel, positions: pending.to_vec(), hint: self.tool.hint })
    }

    fn is_regular(&self, exit: Exit) -> bool {
        self.tool.is_regular(exit)
    }

    fn may_run_missing(&mut self, exit: Exit) -> bool {
        if std::mem::take(&mut self.is_reused) {
            // It did not take its next batch as it should: this suite gets a process for every batch.
            self.is_warm = false;
            self.warm = None;
            return true;
        }
        self.is_regular(exit)
            && self.tool.look_everywhere.is_some()
            && !std::mem::replace(&mut self.looks_everywhere, true)
    }

    fn keep(&mut self, idle: Idle) {
        self.warm = self.batches.take().map(|batches| Warm { idle, batches });
    }
}

impl std::fmt::Debug for PluginRunner {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("PluginRunner").field("tool", &self.tool.name).finish_non_exhaustive()
    }
}

fn unique(context: &RunnerContext, what: &str) -> PathBuf {
    context.private_dir.join(format!("{what}-{}", uuid::Uuid::new_v4().simple()))
}

/// Where the plugin reports.
const EVENTS: &str = "MUSTER_EVENTS";
const PLUGIN_FOLDER: &str = "plugin";
