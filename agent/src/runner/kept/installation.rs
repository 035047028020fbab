//! What is installed outside of the workspace and has a say in what a runner lists.

use std::ffi::OsString;

use muster_common::error_code::ReasonCode;
use muster_common::spec::Runner;
use sha2::{Digest as _, Sha256};

use crate::runner::collect::collect;
use crate::runner::context::RunnerContext;
use crate::runner::failure::RunnerFailure;
use crate::runner::python;

/// As much of it as can be told quickly: the same bytes where the same is installed.
pub(super) async fn identity(runner: &Runner, context: &RunnerContext) -> Result<Vec<u8>, RunnerFailure> {
    match runner {
        Runner::Pytest { .. } | Runner::Unittest { .. } => {
            let python = python::interpreter(context, HINT)?;
            said(context, [python.into(), "-c".into(), PYTHON.into()]).await
        }
        Runner::Jest { .. } | Runner::Vitest { .. } | Runner::Mocha { .. } | Runner::Playwright { .. } => {
            with_files(said(context, words(["node", "--version"])).await?, context, NODE_FILES)
        }
        Runner::Rspec { .. } | Runner::Minitest { .. } => {
            with_files(said(context, words(["ruby", "--version"])).await?, context, RUBY_FILES)
        }
        Runner::Phpunit { .. } => with_files(said(context, words(["php", "--version"])).await?, context, PHP_FILES),
        Runner::Maven { .. } | Runner::Gradle { .. } => said(context, words(["java", "--version"])).await,
        Runner::Ctest { .. } => said(context, words(["ctest", "--version"])).await,
        Runner::CargoNextest { .. } => said(context, words(["cargo", "nextest", "--version"])).await,
        // Executables that are built before, which the key knows, or a command that only the user knows.
        Runner::CargoTest { .. } | Runner::Go { .. } | Runner::Googletest { .. } | Runner::Generic { .. } => {
            Ok(Vec::new())
        }
    }
}

async fn said<const N: usize>(context: &RunnerContext, argv: [OsString; N]) -> Result<Vec<u8>, RunnerFailure> {
    let shown = argv[0].to_string_lossy().into_owned();
    let answered = collect(context, context.command(argv), HINT).await?;
    if answered.exit.is_success() {
        return Ok(answered.stdout);
    }
    let message = format!("`{shown}` did not say what it is: it {}{}", answered.exit, answered.tail.quoted());
    Err(RunnerFailure::infrastructure(ReasonCode::RunnerMissing, message))
}

/// With the contents of files beneath the job's directory in which package managers write down what they installed.
fn with_files(mut identity: Vec<u8>, context: &RunnerContext, files: &[&str]) -> Result<Vec<u8>, RunnerFailure> {
    for name in files {
        let file = context.directory.join(name);
        match std::fs::read(&file) {
            Ok(content) => identity.extend(Sha256::digest(content)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => identity.push(0),
            Err(error) => return Err(RunnerFailure::file("read", &file, &error)),
        }
    }
    Ok(identity)
}

fn words<const N: usize>(words: [&str; N]) -> [OsString; N] {
    words.map(OsString::from)
}

const PYTHON: &str = include_str!("installation.py");
/// Written by npm, pnpm and yarn.
const NODE_FILES: &[&str] = &[
    "node_modules/.package-lock.json",
    "node_modules/.pnpm/lock.yaml",
    "node_modules/.yarn-integrity",
    "node_modules/.yarn-state.yml",
];
const RUBY_FILES: &[&str] = &["Gemfile.lock"];
const PHP_FILES: &[&str] = &["vendor/composer/installed.json"];
const HINT: &str = "the runner's log says more";
