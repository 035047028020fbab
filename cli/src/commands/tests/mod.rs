//! `muster tests`: what is remembered of the tests of a project.

mod flaky;
mod history;
mod list;
mod memory;
mod owners;
mod quarantine;
mod slow;

use clap::{Args, Subcommand};

use crate::exit_code::ExitCode;
use crate::failure::Failure;

/// Show what earlier runs have shown of a project's tests
#[derive(Debug, Args)]
#[command(subcommand_required = true, arg_required_else_help = true)]
pub(crate) struct Tests {
    #[command(subcommand)]
    command: TestsCommand,
}

#[derive(Debug, Subcommand)]
enum TestsCommand {
    List(list::ListTests),
    Slow(slow::SlowTests),
    Flaky(flaky::FlakyTests),
    Quarantine(quarantine::QuarantineTests),
    History(history::TestHistory),
    Owners(owners::TestOwners),
}

impl Tests {
    /// Shows it.
    pub(crate) async fn run(&self) -> Result<ExitCode, Failure> {
        match &self.command {
            TestsCommand::List(command) => command.run().await,
            TestsCommand::Slow(command) => command.run().await,
            TestsCommand::Flaky(command) => command.run().await,
            TestsCommand::Quarantine(command) => command.run().await,
            TestsCommand::History(command) => command.run().await,
            TestsCommand::Owners(command) => command.run().await,
        }
    }

    /// Whether standard output is for programs.
    pub(super) const fn is_json(&self) -> bool {
        match &self.command {
            TestsCommand::List(command) => command.memory.json,
            TestsCommand::Slow(command) => command.memory.json,
            TestsCommand::Flaky(command) => command.memory.json,
            TestsCommand::Quarantine(command) => command.is_json(),
            TestsCommand::History(command) => command.memory.json,
            TestsCommand::Owners(command) => command.memory.json,
        }
    }
}
