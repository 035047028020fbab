//! The adapter of `go test`.

use std::path::Path;

use muster_common::control::DealtTest;
use muster_common::error_code::ReasonCode;
use tokio::sync::mpsc;

use super::arguments::Arguments;
use super::build::{self, GO_HINT};
use super::output::{Output, listed_names};
use super::packages::{Package, Packages};
use crate::attempt::exit::Exit;
use crate::attempt::process::Command;
use crate::runner::batch::{self, Launcher};
use crate::runner::collect::collect;
use crate::runner::context::RunnerContext;
use crate::runner::event::{BatchEnd, BatchEvent};
use crate::runner::failure::RunnerFailure;
use crate::runner::kept::key::{Draft, Key};
use crate::runner::kept::relisting::{Empty, Relisting};
use crate::runner::listing::Listing;
use crate::runner::progress::Progress;
use crate::runner::session::{Launch, Process};

/// `go test` with the arguments of a job.
#[derive(Debug)]
pub struct Go {
    given: Vec<String>,
    packages: Option<Packages>,
}

impl Go {
    pub(crate) fn new(given: &[String]) -> Self {
        Self { given: given.to_vec(), packages: None }
    }

    pub(crate) async fn build(&self, context: &RunnerContext) -> Result<(), RunnerFailure> {
        build::build(context, &Arguments::sort(&self.given)?).await
    }

    pub(crate) async fn list(&self, context: &RunnerContext, listing: &mut Listing) -> Result<(), RunnerFailure> {
        let arguments = Arguments::sort(&self.given)?;
        // Of a pattern for subtests the first part is for tests.
        let pattern = arguments.run.as_deref().map_or(".*", |run| run.split('/').next().unwrap_or(run)).to_owned();
        // A `TestMain` may end a program before it comes to its list, so a list without names says little.
        let mut relisting = Relisting::new(context, Empty::Listed);
        for package in Packages::read(&context.build_dir)?.packages {
            let key = key(context, &package, &pattern, &arguments);
            for name in relisting.names(key, list(context, &package, &pattern, &arguments)).await? {
                listing.push(format!("{} {name}", package.path)).await?;
            }
        }
        relisting.note("test programs").await;
        Ok(())
    }

    pub(crate) async fn run(
        &mut self,
        context: &RunnerContext,
        tests: &[DealtTest],
        events: mpsc::Sender<BatchEvent>,
    ) -> Result<BatchEnd, RunnerFailure> {
        if self.packages.is_none() {
            self.packages = Some(Packages::read(&context.build_dir)?);
        }
        batch::run(context, tests, events, self).await
    }

    fn package(&self, path: &str) -> Result<&Package, RunnerFailure> {
        let packages = self.packages.iter().flat_map(|packages| &packages.packages);
        packages.into_iter().find(|package| package.path == path).ok_or_else(|| {
            let message = format!("the build has no tests of a package `{path}`");
            RunnerFailure::infrastructure(ReasonCode::TestNotRun, message)
        })
    }
}

/// What the list of a package's test program is kept under.
fn key(context: &RunnerContext, package: &Package, pattern: &str, arguments: &Arguments) -> Option<Key> {
    let digest = context.lists.built(Path::new(&package.program))?;
    let mut draft = Draft::within("go", context);
    draft.add("program", digest.to_string()).add("pattern", pattern);
    for word in arguments.program.iter().chain(&arguments.rest) {
        draft.add("argument", word);
    }
    Some(draft.key())
}

/// Names of the tests in a package's test program.
async fn list(
    context: &RunnerContext,
    package: &Package,
    pattern: &str,
    arguments: &Arguments,
) -> Result<Vec<String>, RunnerFailure> {
    let own = vec![format!("-test.list={pattern}")];
    let listed = collect(context, command(context, package, own, arguments), GO_HINT).await?;
    if !listed.exit.is_success() {
        let (path, exit, tail) = (&package.path, listed.exit, listed.tail.quoted());
        let message = format!("the test program of `{path}` cannot list its tests: it {exit}{tail}");
        return Err(RunnerFailure::user(ReasonCode::DiscoveryFailed, message));
    }
    Ok(listed_names(&listed.stdout))
}

/// A package's test program, in the package's folder.
fn command(context: &RunnerContext, package: &Package, own: Vec<String>, arguments: &Arguments) -> Command {
    let program = context.build_dir.join(&package.program).display().to_string();
    let words = std::iter::once(program).chain(own).chain(arguments.program.iter().cloned());
    let mut command = context.command(words.chain(arguments.rest.iter().cloned()));
    command.directory = context.directory.join(&package.folder);
    command.environment.insert("PWD".into(), command.directory.clone().into());
    command
}

impl Launcher for Go {
    async fn launch(
        &mut self,
        context: &RunnerContext,
        progress: &Progress<'_>,
        pending: &[usize],
    ) -> Result<Launch, RunnerFailure> {
        let parts = |position: usize| progress.test(position).name.split_once(' ').unwrap_or(("", ""));
        let path = pending.first().map_or("", |position| parts(*position).0);
        let mut bytes = 0;
        let chosen: Vec<(usize, &str)> = pending
            .iter()
            .map(|position| (*position, parts(*position)))
            .filter(|(_, (package, _))| *package == path)
            .map(|(position, (_, name))| (position, name))
            .take_while(|(_, name)| {
                bytes += name.len() + 1;
                bytes <= PATTERN_BYTES_MAX
            })
            .collect();
        let names: Vec<&str> = chosen.iter().map(|(_, name)| *name).collect();
        let mut own = vec![format!("-test.run=^({})$", names.join("|"))];
        own.extend(["-test.v=true", "-test.parallel=1", "-test.count=1", "-test.paniconexit0"].map(str::to_owned));
        let command = command(context, self.package(path)?, own, &Arguments::sort(&self.given)?);
        let feed = Box::new(Output::new(path, names.into_iter().map(str::to_owned).collect()));
        let positions = chosen.into_iter().map(|(position, _)| position).collect();
        Ok(Launch { process: Process::New(command), feed, channel: None, positions, hint: GO_HINT })
    }

    fn is_regular(&self, exit: Exit) -> bool {
        matches!(exit, Exit::Status(0 | 1))
    }
}

/// Linux takes 128 KiB in one argument.
const PATTERN_BYTES_MAX: usize = 100_000;
