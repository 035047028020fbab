//! The door to all runners.

use muster_common::control::{DealtTest, Seal};
use muster_common::spec::Runner;
use tokio::sync::mpsc;

use super::cargo_nextest::CargoNextest;
use super::cargo_test::CargoTest;
use super::context::RunnerContext;
use super::event::{BatchEnd, BatchEvent};
use super::failure::RunnerFailure;
use super::generic::Generic;
use super::listing::Listing;
use super::pytest::Pytest;

/// A runner as a job asks for it. Make one per attempt and keep it for all of its batches: it remembers what it has
/// prepared.
#[derive(Debug)]
pub enum Adapter {
    /// `cargo nextest`.
    CargoNextest(CargoNextest),
    /// `cargo test`.
    CargoTest(CargoTest),
    /// `python -m pytest`.
    Pytest(Pytest),
    /// Two commands and JUnit XML.
    Generic(Generic),
}

impl Adapter {
    /// The adapter of a runner.
    #[must_use]
    pub fn new(runner: &Runner) -> Self {
        match runner {
            Runner::CargoNextest { args } => Self::CargoNextest(CargoNextest::new(args)),
            Runner::CargoTest { args } => Self::CargoTest(CargoTest::new(args)),
            Runner::Pytest { args } => Self::Pytest(Pytest::new(args)),
            Runner::Generic { list, run, results } => Self::Generic(Generic::new(list, run, results)),
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
            Self::Pytest(_) | Self::Generic(_) => Ok(()),
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
        let mut listing = Listing::new(parts);
        let listed = match self {
            Self::CargoNextest(runner) => runner.list(context, &mut listing).await,
            Self::CargoTest(runner) => runner.list(context, &mut listing).await,
            Self::Pytest(runner) => runner.list(context, &mut listing).await,
            Self::Generic(runner) => runner.list(context, &mut listing).await,
        };
        listed.map_err(|failure| failure.or_workspace_lost(context))?;
        listing.seal().await
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
        match self {
            Self::CargoNextest(runner) => runner.run(context, tests, events).await,
            Self::CargoTest(runner) => runner.run(context, tests, events).await,
            Self::Pytest(runner) => runner.run(context, tests, events).await,
            Self::Generic(runner) => runner.run(context, tests, events).await,
        }
    }
}
