//! `cargo xtask test`: everything that the tests need, then the tests.

use std::process::Command;

use anyhow::Result;

use super::node::node_with;
use super::{debian, must_run, python_with, root};

/// Arguments of `cargo xtask test`.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Further arguments for `cargo nextest run`, such as a filter.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    nextest: Vec<String>,
}

/// Packages of the Python that tests of the pytest runner use.
const PYTHON_PACKAGES: &[&str] = &["pytest==9.2.0"];

/// Packages of npm that tests of the runners on Node use.
const NODE_PACKAGES: &[&str] = &["jest@30.5.2", "vitest@4.1.12", "mocha@11.8.0", "@playwright/test@1.65.1"];

/// Fetches, builds, and tests. Ends with nextest's summary.
///
/// # Errors
/// If something cannot be had or built, or a test fails.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    debian::install_missing()?;
    if Command::new("cargo").args(["nextest", "--version"]).output().map_or(true, |output| !output.status.success()) {
        must_run(Command::new("cargo").args(["install", "--locked", "cargo-nextest"]))?;
    }
    let python = python_with("python", PYTHON_PACKAGES)?;
    let node = node_with("node", NODE_PACKAGES)?;
    let cargo = |words: &[&str]| {
        let mut command = Command::new("cargo");
        command.args(words).current_dir(root()).env("MUSTER_TEST_PYTHON", &python).env("MUSTER_TEST_NODE", &node);
        command
    };
    must_run(&mut cargo(&["build", "--workspace", "--bins", "--locked"]))?;
    must_run(&mut cargo(&["test", "--workspace", "--doc", "--locked", "--quiet"]))?;
    must_run(cargo(&["nextest", "run", "--workspace", "--locked"]).args(&arguments.nextest))
}
