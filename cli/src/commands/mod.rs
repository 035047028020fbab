//! The commands, one file each.

mod agents;
mod cancel;
mod compile;
mod completions;
mod init;
mod logs;
mod report;
mod rerun;
mod run;
mod runs;
mod schema;
mod test;
mod tests;
mod verify_report;
mod watch;
mod why;

use std::io::{self, Write as _};

use clap::Subcommand;
use serde::Serialize;

use crate::exit_code::ExitCode;
use crate::failure::Failure;

/// What can be done.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Test(Box<test::Test>),
    Run(Box<run::Run>),
    Init(init::Init),
    Compile(compile::Compile),
    Runs(runs::Runs),
    Watch(watch::Watch),
    Why(why::Why),
    Rerun(Box<rerun::RunAgain>),
    Logs(logs::Logs),
    Report(report::ShowReport),
    VerifyReport(verify_report::VerifyReport),
    Cancel(cancel::Cancel),
    Tests(tests::Tests),
    Agents(agents::ListAgents),
    Schema(schema::PrintSchema),
    Completions(completions::Completions),
}

impl Command {
    /// Does it.
    pub(crate) async fn run(&self) -> Result<ExitCode, Failure> {
        match self {
            Self::Test(command) => command.run().await,
            Self::Run(command) => command.run().await,
            Self::Init(command) => command.run(),
            Self::Compile(command) => command.run(),
            Self::Runs(command) => command.run().await,
            Self::Watch(command) => command.run().await,
            Self::Why(command) => command.run().await,
            Self::Rerun(command) => command.run().await,
            Self::Logs(command) => command.run().await,
            Self::Report(command) => command.run().await,
            Self::VerifyReport(command) => command.run().await,
            Self::Cancel(command) => command.run().await,
            Self::Tests(command) => command.run().await,
            Self::Agents(command) => command.run().await,
            Self::Schema(command) => command.run(),
            Self::Completions(command) => Ok(command.run()),
        }
    }

    /// Whether standard output is for programs, errors included.
    pub(crate) const fn is_json(&self) -> bool {
        match self {
            Self::Test(command) => command.show.json,
            Self::Run(command) => command.show.json,
            Self::Watch(command) => command.show.json,
            Self::Why(command) => command.json,
            Self::Rerun(command) => command.show.json,
            Self::Compile(command) => command.json,
            Self::Runs(command) => command.json,
            Self::Tests(command) => command.is_json(),
            Self::Agents(command) => command.json,
            Self::Report(command) => command.json,
            Self::VerifyReport(command) => command.json,
            Self::Init(_) | Self::Logs(_) | Self::Cancel(_) | Self::Schema(_) | Self::Completions(_) => false,
        }
    }
}

/// Writes to standard output. A closed pipe ends nothing: whoever closed it has read enough.
fn print(text: &str) {
    let mut out = anstream::stdout().lock();
    let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    if let Err(error) = written {
        tracing::debug!(%error, "standard output takes nothing");
    }
}

fn print_json(value: &impl Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(value)
        .map_err(|error| Failure::infrastructure("cannot write the answer as JSON").because(io::Error::other(error)))?;
    print(&format!("{text}\n"));
    Ok(())
}
