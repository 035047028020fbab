//! The adapter of GoogleTest.

use std::collections::{BTreeMap, HashSet};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use muster_common::control::DealtTest;
use muster_common::error_code::ReasonCode;
use tokio::sync::mpsc;

use super::output::{Output, is_disabled, listed_names};
use crate::attempt::exit::Exit;
use crate::attempt::process::Command;
use crate::report::files::matching_files;
use crate::runner::batch::{self, Launcher};
use crate::runner::collect::collect;
use crate::runner::context::RunnerContext;
use crate::runner::event::{BatchEnd, BatchEvent};
use crate::runner::failure::RunnerFailure;
use crate::runner::listing::Listing;
use crate::runner::progress::Progress;
use crate::runner::session::{Launch, Process};

/// Executables with the arguments of a job.
#[derive(Debug)]
pub struct Googletest {
    patterns: Vec<String>,
    flags: Vec<String>,
}

impl Googletest {
    pub(crate) fn new(given: &[String]) -> Self {
        let (flags, patterns) = given.iter().cloned().partition(|word| word.starts_with('-'));
        Self { patterns, flags }
    }

    pub(crate) async fn list(&self, context: &RunnerContext, listing: &mut Listing) -> Result<(), RunnerFailure> {
        let executables = self.executables(context)?;
        for (label, file) in &executables {
            let argv = [file.display().to_string()].into_iter().chain(self.flags.iter().cloned());
            let command = context.command(argv.chain(["--gtest_list_tests", "--gtest_color=no"].map(str::to_owned)));
            let listed = collect(context, command, HINT).await?;
            if !listed.exit.is_success() {
                let message = format!("`{label}` cannot list its tests: it {}{}", listed.exit, listed.tail.quoted());
                return Err(RunnerFailure::user(ReasonCode::DiscoveryFailed, message));
            }
            for name in listed_names(&listed.stdout) {
                listing.push(full(label, executables.len(), &name)).await?;
            }
        }
        Ok(())
    }

    pub(crate) async fn run(
        &self,
        context: &RunnerContext,
        tests: &[DealtTest],
        events: mpsc::Sender<BatchEvent>,
    ) -> Result<BatchEnd, RunnerFailure> {
        let executables = self.executables(context)?;
        batch::run(context, tests, events, &mut Processes { flags: &self.flags, executables }).await
    }

    /// The executables, each with its path beneath the job's directory.
    fn executables(&self, context: &RunnerContext) -> Result<Vec<(String, PathBuf)>, RunnerFailure> {
        let refused = |message: String| RunnerFailure::user(ReasonCode::DiscoveryFailed, message);
        let found = matching_files(&context.directory, &self.patterns).map_err(|error| refused(error.to_string()))?;
        let is_executable =
            |file: &PathBuf| file.metadata().is_ok_and(|metadata| metadata.permissions().mode() & 0o111 != 0);
        let label =
            |file: PathBuf| (file.strip_prefix(&context.directory).unwrap_or(&file).display().to_string(), file);
        let executables: Vec<_> = found.into_iter().filter(is_executable).map(label).collect();
        if executables.is_empty() {
            let message = format!(
                "no executable matches `{}` beneath the job's directory: name them in `args`, such as `build/*_test`, and \
                 build them in `prepare` or in a setup step",
                self.patterns.join("`, `")
            );
            return Err(refused(message));
        }
        Ok(executables)
    }
}

fn full(label: &str, executables: usize, name: &str) -> String {
    if executables == 1 { name.to_owned() } else { format!("{label} {name}") }
}

struct Processes<'a> {
    flags: &'a [String],
    executables: Vec<(String, PathBuf)>,
}

impl Processes<'_> {
    /// Of which executable a test is, and what it is called there.
    fn owner<'n>(&self, name: &'n str) -> Result<(usize, &'n str), RunnerFailure> {
        let several = self.executables.len() > 1;
        let parts = if several { name.rsplit_once(' ') } else { Some(("", name)) };
        let found = parts.and_then(|(label, test)| {
            let index = self.executables.iter().position(|(known, _)| !several || known == label)?;
            Some((index, test))
        });
        found.ok_or_else(|| {
            let message = format!("there is no executable here to which the test `{name}` belongs");
            RunnerFailure::infrastructure(ReasonCode::TestNotRun, message)
        })
    }

    fn command(&self, context: &RunnerContext, index: usize, tests: &[&str]) -> Result<Command, RunnerFailure> {
        let file = context.private_dir.join("gtest-flags");
        std::fs::write(&file, format!("--gtest_filter={}\n", tests.join(":")))
            .map_err(|error| RunnerFailure::file("write", &file, &error))?;
        let mut argv = vec![self.executables[index].1.display().to_string()];
        argv.extend(self.flags.iter().cloned());
        argv.push(format!("--gtest_flagfile={}", file.display()));
        let own = ["color=no", "print_time=1", "repeat=1", "shuffle=0", "break_on_failure=0", "fail_fast=0"];
        argv.extend(own.iter().map(|flag| format!("--gtest_{flag}")));
        let mut command = context.command(argv);
        for variable in ["GTEST_TOTAL_SHARDS", "GTEST_SHARD_INDEX", "GTEST_FILTER"] {
            command.environment.remove(std::ffi::OsStr::new(variable));
        }
        Ok(command)
    }
}

impl Launcher for Processes<'_> {
    async fn launch(
        &mut self,
        context: &RunnerContext,
        progress: &Progress<'_>,
        pending: &[usize],
    ) -> Result<Launch, RunnerFailure> {
        let mut owners = Vec::new();
        for position in pending {
            let name = progress.test(*position).name.as_str();
            let (index, test) = self.owner(name)?;
            owners.push((*position, name, index, test));
        }
        let chosen_index = owners.first().map_or(0, |(_, _, index, _)| *index);
        owners.retain(|(_, _, index, _)| *index == chosen_index);
        let runs_disabled = self.flags.iter().any(|flag| flag.contains("also_run_disabled_tests"));
        let is_off = |test: &str| is_disabled(test) && !runs_disabled;
        let tests: Vec<&str> = owners.iter().map(|(_, _, _, test)| *test).collect();
        let names: BTreeMap<_, _> =
            owners.iter().map(|(_, name, _, test)| ((*test).to_owned(), (*name).to_owned())).collect();
        let disabled: HashSet<_> =
            owners.iter().filter(|(.., test)| is_off(test)).map(|(_, name, ..)| (*name).to_owned()).collect();
        let process = Process::New(self.command(context, chosen_index, &tests)?);
        let feed = Box::new(Output::new(names, disabled));
        let positions = owners.iter().map(|(position, ..)| *position).collect();
        Ok(Launch { process, feed, channel: None, positions, hint: HINT })
    }

    fn is_regular(&self, exit: Exit) -> bool {
        matches!(exit, Exit::Status(0 | 1))
    }
}

const HINT: &str = "build it in `prepare` or in a setup step of the test job";
