//! The muster command: run pipelines and test suites here or on a fleet.
//!
//! - [`commands`]: one file per command. [`arguments`]: what they share on the command line.
//! - [`fleet`]: the coordinator that a command speaks to; [`local`] is the one inside this process.
//! - [`client`], [`follow`], [`run_view`], [`report`]: a run over gRPC, from its submission to its report.
//! - [`proof`]: the report as a file that anyone can check.
//! - [`output`]: for people, for programs, for CI systems. [`exit_code`]: the number at the end.

mod application;
mod arguments;
mod client;
mod commands;
mod data_directory;
mod details;
mod exit_code;
mod failure;
mod finished_run;
mod fleet;
mod follow;
mod interrupt;
mod local;
mod origin;
mod output;
mod owners;
mod project;
mod proof;
#[cfg(test)]
mod reference;
mod report;
mod report_files;
mod rerun;
mod run_view;
mod stress;
mod submission;
mod watching;
mod why;

fn main() -> std::process::ExitCode {
    application::run().into()
}
