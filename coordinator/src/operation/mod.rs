//! What operators do with a coordinator's data, one command a file.

mod backup;
mod restore;
mod text;
mod verify;

use std::process::ExitCode;

use clap::Subcommand;

/// A command of the binary.
#[derive(Debug, Subcommand)]
pub(crate) enum Operation {
    Backup(backup::Arguments),
    Restore(restore::Arguments),
    Verify(verify::Arguments),
}

impl Operation {
    /// Runs it.
    pub(crate) fn run(&self) -> anyhow::Result<ExitCode> {
        match self {
            Self::Backup(arguments) => backup::run(arguments),
            Self::Restore(arguments) => restore::run(arguments),
            Self::Verify(arguments) => verify::run(arguments),
        }
    }
}
