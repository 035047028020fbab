//! `cargo xtask mutants`: changes the pure crates in every small way that cargo-mutants knows, and runs their own tests on
//! each: a change that no test sees is a rule that no test holds.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use nix::sys::resource::{Resource, getrlimit, setrlimit};

use super::{root, workshop};

/// What is changed.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The crate; both of the pure crates if none is named.
    #[arg(long)]
    package: Vec<String>,
    /// Only a part of the changes, such as `0/8`.
    #[arg(long)]
    shard: Option<String>,
    /// Only changes of files whose path holds this.
    #[arg(long)]
    file: Option<String>,
    /// Let the tests of the simulation look at each change too: minutes for each, for what the crate's own did not see.
    #[arg(long)]
    with_simulation: bool,
}

/// Makes the changes. What is not to be made, and why, stands in `.cargo/mutants.toml`.
///
/// # Errors
/// If cargo-mutants is not installed, or a change is seen by no test.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let is_there =
        Command::new("cargo").args(["mutants", "--version"]).output().is_ok_and(|output| output.status.success());
    ensure!(is_there, "cargo-mutants is not installed; install it with `cargo install cargo-mutants --locked`");
    let output = workshop().join("mutants");
    fs::create_dir_all(&output)?;
    let mut command = Command::new("cargo");
    let timeout = if arguments.with_simulation { "900" } else { "120" };
    command.args(["mutants", "--jobs", "1", "--timeout", timeout, "--output"]).arg(&output).current_dir(root());
    // A shorter look at each change: the random histories are many, and every change is seen by most or by none; and what
    // is built for a few seconds of tests is not worth optimising.
    command.env("MUSTER_HISTORIES", HISTORIES).env("CARGO_PROFILE_DEV_DEBUG", "false");
    command.env("CARGO_TARGET_DIR", output.join("target"));
    command.args(["--cargo-test-arg=--lib", "--cargo-test-arg=--tests"]);
    for package in PURE {
        command.arg(format!("--cargo-arg=--config=profile.dev.package.{package}.opt-level=0"));
    }
    let packages =
        if arguments.package.is_empty() { PURE.map(str::to_owned).to_vec() } else { arguments.package.clone() };
    for package in &packages {
        command.args(["--package", package]);
    }
    if arguments.with_simulation {
        packages.iter().map(String::as_str).chain([SIMULATION]).for_each(|package| {
            command.args(["--test-package", package]);
        });
    }
    if let Some(shard) = &arguments.shard {
        command.args(["--shard", shard]);
    }
    if let Some(file) = &arguments.file {
        command.args(["--file", &format!("*{file}*")]);
    }
    limit_memory()?;
    // Its status says whether something was missed; the lists say what.
    command.status().context("cannot start cargo-mutants")?;
    let lists = output.join("mutants.out");
    let [caught, missed, timeouts, unviable] =
        ["caught", "missed", "timeout", "unviable"].map(|list| lines(&lists.join(format!("{list}.txt"))));
    missed.iter().for_each(|mutant| println!("missed: {mutant}"));
    println!(
        "mutants: {} of {}, {} caught, {} by a test that did not end, {} do not build, {} missed",
        caught.len() + missed.len() + timeouts.len() + unviable.len(),
        packages.join(" and "),
        caught.len(),
        timeouts.len(),
        unviable.len(),
        missed.len(),
    );
    ensure!(missed.is_empty(), "{} changes are seen by no test", missed.len());
    ensure!(!caught.is_empty(), "no change was made");
    Ok(())
}

/// A change may make something grow without end. Whoever asks for more ends, and its test has failed. Every process that is
/// started from here has the limit.
fn limit_memory() -> Result<()> {
    let (_, hard) = getrlimit(Resource::RLIMIT_AS).context("cannot read the limit of memory")?;
    setrlimit(Resource::RLIMIT_AS, MEMORY_BYTES_MAX.min(hard), hard).context("cannot set a limit of memory")
}

fn lines(path: &Path) -> Vec<String> {
    fs::read_to_string(path).unwrap_or_default().lines().map(str::to_owned).collect()
}

const PURE: [&str; 2] = ["muster-scheduler", "muster-session"];
const SIMULATION: &str = "muster-sim";
const HISTORIES: &str = "15";
/// Address space of each process; compilers take less.
const MEMORY_BYTES_MAX: u64 = 8 << 30;
