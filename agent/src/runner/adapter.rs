//! The door to all runners.

use muster_common::control::{DealtTest, Seal};
use muster_common::spec::Runner;
use tokio::sync::mpsc;

use super::cargo_nextest::CargoNextest;
use super::cargo_test::CargoTest;
use super::context::RunnerContext;
use super::ctest::Ctest;
use super::event::{BatchEnd, BatchEvent};
use super::failure::RunnerFailure;
use super::generic::Generic;
use super::go::Go;
use super::googletest::Googletest;
use super::java::{GRADLE, JavaRunner, MAVEN};
use super::jest::JEST;
use super::kept::{Checks, WholeList};
use super::listing::Listing;
use super::minitest::MINITEST;
use super::mocha::MOCHA;
use super::phpunit::Phpunit;
use super::playwright::PLAYWRIGHT;
use super::plugin::PluginRunner;
use super::pytest::PYTEST;
use super::rspec::RSPEC;
use super::unittest::UNITTEST;
use super::vitest::VITEST;

/// A runner as a job asks for it. Make one per attempt and keep it for all of its batches: it remembers what it has
/// prepared.
#[derive(Debug)]
pub enum Adapter {
    /// `cargo nextest`.
    CargoNextest(CargoNextest),
    /// `cargo test`.
    CargoTest(CargoTest),
    /// `go test`.
    Go(Go),
    /// GoogleTest.
    Googletest(Googletest),
    /// CTest.
    Ctest(Ctest),
    /// PHPUnit.
    Phpunit(Phpunit),
    /// Maven or Gradle.
    Java(JavaRunner),
    /// A runner that takes a plugin.
    Plugin(PluginRunner),
    /// Two commands and a file of results.
    Generic(Generic),
}

impl Adapter {
    /// The adapter of a runner.
    #[must_use]
    pub fn new(runner: &Runner) -> Self {
        match runner {
            Runner::CargoNextest { args } => Self::CargoNextest(CargoNextest::new(args)),
            Runner::CargoTest { args } => Self::CargoTest(CargoTest::new(args)),
            Runner::Pytest { args } => Self::Plugin(PluginRunner::new(&PYTEST, args)),
            Runner::Unittest { args } => Self::Plugin(PluginRunner::new(&UNITTEST, args)),
            Runner::Go { args } => Self::Go(Go::new(args)),
            Runner::Vitest { args } => Self::Plugin(PluginRunner::new(&VITEST, args)),
            Runner::Playwright { args } => Self::Plugin(PluginRunner::new(&PLAYWRIGHT, args)),
            Runner::Rspec { args } => Self::Plugin(PluginRunner::new(&RSPEC, args)),
            Runner::Minitest { args } => Self::Plugin(PluginRunner::new(&MINITEST, args)),
            Runner::Googletest { args } => Self::Googletest(Googletest::new(args)),
            Runner::Ctest { args } => Self::Ctest(Ctest::new(args)),
            Runner::Phpunit { args } => Self::Phpunit(Phpunit::new(args)),
            Runner::Maven { args } => Self::Java(JavaRunner::new(&MAVEN, args)),
            Runner::Gradle { args } => Self::Java(JavaRunner::new(&GRADLE, args)),
            Runner::Mocha { args } => Self::Plugin(PluginRunner::new(&MOCHA, args)),
            Runner::Jest { args } => Self::Plugin(PluginRunner::new(&JEST, args)),
            Runner::Generic { list, run, results, format } => Self::Generic(Generic::new(list, run, results, *format)),
        }
    }

    /// Builds once what all shards run. All that is in [`RunnerContext::build_dir`] afterwards is the artifact.
    ///
    /// # Errors
    /// The user's (`BuildFailed`) or the installation's. A runner that needs no build does nothing.
    pub async fn build(&self, context: &RunnerContext) -> Result<(), RunnerFailure> {
        match self {
            Self::CargoNextest(runner) => runner.build(context).await,
            Self::CargoTest(runner) => runner.build(context).await,
            Self::Go(runner) => runner.build(context).await,
            Self::Googletest(_)
            | Self::Ctest(_)
            | Self::Phpunit(_)
            | Self::Java(_)
            | Self::Plugin(_)
            | Self::Generic(_) => Ok(()),
        }
    }

    /// Lists the tests. Their names go into `parts` in order, each part within
    /// [`muster_common::limits::TESTS_PER_MESSAGE_MAX`]; the seal is over all of them. An empty list is sealed as well.
    ///
    /// # Errors
    /// The user's (`DiscoveryFailed`) or the installation's.
    pub async fn discover(
        &mut self,
        context: &RunnerContext,
        parts: mpsc::Sender<Vec<String>>,
    ) -> Result<Seal, RunnerFailure> {
        if let Some(whole) = WholeList::of(context).await {
            return whole.discover(self, context, parts).await;
        }
        let mut listing = Listing::new(parts);
        self.list(context, &mut listing).await?;
        listing.seal().await
    }

    /// Has the runner list the tests into `listing`.
    pub(super) async fn list(&mut self, context: &RunnerContext, listing: &mut Listing) -> Result<(), RunnerFailure> {
        let listed = match self {
            Self::CargoNextest(runner) => runner.list(context, listing).await,
            Self::CargoTest(runner) => runner.list(context, listing).await,
            Self::Go(runner) => runner.list(context, listing).await,
            Self::Googletest(runner) => runner.list(context, listing).await,
            Self::Ctest(runner) => runner.list(context, listing).await,
            Self::Phpunit(runner) => runner.list(context, listing).await,
            Self::Java(runner) => runner.list(context, listing).await,
            Self::Plugin(runner) => runner.list(context, listing).await,
            Self::Generic(runner) => runner.list(context, listing).await,
        };
        listed.map_err(|failure| failure.or_workspace_lost(context))
    }

    /// Runs exactly `tests`. When it returns `Ok`, each of them has had exactly one [`BatchEvent::Result`]; one that could
    /// not be run is `Errored` with the reason.
    ///
    /// # Errors
    /// If the runner could not be run, or what it said cannot be trusted. Results that were sent before then stand.
    pub async fn run_batch(
        &mut self,
        context: &RunnerContext,
        tests: &[DealtTest],
        events: mpsc::Sender<BatchEvent>,
    ) -> Result<BatchEnd, RunnerFailure> {
        let Some(checked) = Checks::among(tests, context) else { return self.run(context, tests, events).await };
        checked.run(self, context, events.clone()).await?;
        if checked.others.is_empty() {
            return Ok(BatchEnd::default());
        }
        self.run(context, &checked.others, events).await
    }

    async fn run(
        &mut self,
        context: &RunnerContext,
        tests: &[DealtTest],
        events: mpsc::Sender<BatchEvent>,
    ) -> Result<BatchEnd, RunnerFailure> {
        match self {
            Self::CargoNextest(runner) => runner.run(context, tests, events).await,
            Self::CargoTest(runner) => runner.run(context, tests, events).await,
            Self::Go(runner) => runner.run(context, tests, events).await,
            Self::Googletest(runner) => runner.run(context, tests, events).await,
            Self::Ctest(runner) => runner.run(context, tests, events).await,
            Self::Phpunit(runner) => runner.run(context, tests, events).await,
            Self::Java(runner) => runner.run(context, tests, events).await,
            Self::Plugin(runner) => runner.run(context, tests, events).await,
            Self::Generic(runner) => runner.run(context, tests, events).await,
        }
    }

    /// Ends what waits for a further batch. To be called when there will be none; a process that is not ended by this is
    /// stopped when `self` is dropped.
    pub async fn close(&mut self, context: &RunnerContext) {
        match self {
            Self::Plugin(runner) => runner.close(context).await,
            Self::CargoNextest(_)
            | Self::CargoTest(_)
            | Self::Go(_)
            | Self::Googletest(_)
            | Self::Ctest(_)
            | Self::Phpunit(_)
            | Self::Java(_)
            | Self::Generic(_) => {}
        }
    }
}
