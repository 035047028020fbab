//! The adapter of PHPUnit.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use muster_common::control::DealtTest;
use muster_common::error_code::ReasonCode;
use tokio::sync::mpsc;

use super::list;
use super::output::{Needs, Output};
use crate::attempt::exit::Exit;
use crate::attempt::process::Command;
use crate::runner::batch::{self, Launcher};
use crate::runner::collect::log_through;
use crate::runner::context::RunnerContext;
use crate::runner::event::{BatchEnd, BatchEvent};
use crate::runner::failure::RunnerFailure;
use crate::runner::listing::Listing;
use crate::runner::progress::Progress;
use crate::runner::session::{Launch, Process};

/// `phpunit` with the arguments of a job.
#[derive(Debug)]
pub struct Phpunit {
    given: Vec<String>,
}

impl Phpunit {
    pub(crate) fn new(given: &[String]) -> Self {
        Self { given: given.to_vec() }
    }

    pub(crate) async fn list(&self, context: &RunnerContext, listing: &mut Listing) -> Result<(), RunnerFailure> {
        let file = context.private_dir.join("phpunit-tests.xml");
        let own = vec!["--list-tests-xml".to_owned(), file.display().to_string()];
        let (exit, tail) = log_through(context, self.command(context, own), HINT).await?;
        let names = std::fs::read(&file).ok().and_then(|bytes| list::names(&bytes));
        let Some(names) = names.filter(|_| exit.is_success()) else {
            let message = format!("phpunit cannot list the tests: it {exit}{}", tail.quoted());
            return Err(RunnerFailure::user(ReasonCode::DiscoveryFailed, message));
        };
        // A test of several suites of the configuration is one test.
        let mut seen = BTreeSet::new();
        for name in names.into_iter().filter(|name| seen.insert(name.clone())) {
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
        let needs = Arc::new(Mutex::new(Needs::default()));
        batch::run(context, tests, events, &mut Processes { runner: self, needs, known: 0 }).await
    }

    fn command(&self, context: &RunnerContext, own: Vec<String>) -> Command {
        let vendored = context.directory.join("vendor/bin/phpunit");
        let program = if vendored.is_file() { vendored.display().to_string() } else { "phpunit".to_owned() };
        let words = std::iter::once(program).chain(self.given.iter().cloned());
        context.command(words.chain(["--no-coverage", "--colors=never"].map(str::to_owned)).chain(own))
    }
}

struct Processes<'a> {
    runner: &'a Phpunit,
    needs: Arc<Mutex<Needs>>,
    /// Tests put off so far.
    known: usize,
}

impl Launcher for Processes<'_> {
    async fn launch(
        &mut self,
        context: &RunnerContext,
        progress: &Progress<'_>,
        pending: &[usize],
    ) -> Result<Launch, RunnerFailure> {
        let also: Vec<String> =
            self.needs.lock().unwrap_or_else(PoisonError::into_inner).also.iter().map(|name| quoted(name)).collect();
        let mut bytes: usize = also.iter().map(|name| name.len() + 1).sum();
        let mut positions = Vec::new();
        let mut patterns = also;
        for position in pending {
            let pattern = quoted(&progress.test(*position).name);
            bytes += pattern.len() + 1;
            if bytes > PATTERN_BYTES_MAX && !positions.is_empty() {
                break;
            }
            patterns.push(pattern);
            positions.push(*position);
        }
        let mut own = vec!["--filter".to_owned(), format!("/^(?:{})$/", patterns.join("|")), "--teamcity".to_owned()];
        // Tests that assert nothing pass, as they do for PHPUnit's exit status, unless the job says otherwise.
        if !self.runner.given.iter().any(|word| word == "--fail-on-risky") {
            own.push("--dont-report-useless-tests".to_owned());
        }
        let asked = positions.iter().map(|position| progress.test(*position).name.clone()).collect();
        let feed = Box::new(Output::new(asked, Arc::clone(&self.needs)));
        let process = Process::New(self.runner.command(context, own));
        Ok(Launch { process, feed, channel: None, positions, hint: HINT })
    }

    fn is_regular(&self, exit: Exit) -> bool {
        matches!(exit, Exit::Status(0..=2))
    }

    fn may_run_missing(&mut self, exit: Exit) -> bool {
        let put_off = self.needs.lock().unwrap_or_else(PoisonError::into_inner).put_off.len();
        self.is_regular(exit) && std::mem::replace(&mut self.known, put_off) < put_off
    }
}

/// `name` as a regular expression of its own.
fn quoted(name: &str) -> String {
    let mut pattern = String::with_capacity(name.len() + 8);
    for character in name.chars() {
        if ".\\+*?[^]$(){}=!<>|:-#/".contains(character) {
            pattern.push('\\');
        }
        pattern.push(character);
    }
    pattern
}

const HINT: &str = "let a setup step of the test job install it: `composer install`";
/// Linux takes 128 KiB in one argument.
const PATTERN_BYTES_MAX: usize = 100_000;
