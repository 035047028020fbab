//! The archive that carries a build from one agent to others.

use std::path::{Path, PathBuf};

use muster_common::error_code::ReasonCode;

use super::arguments::Arguments;
use crate::runner::cargo_build::{self, BuildPlace, CARGO_HINT, build_place, has_subcommand, words};
use crate::runner::collect::log_through;
use crate::runner::context::RunnerContext;
use crate::runner::failure::RunnerFailure;

/// A build, unpacked beside its archive.
#[derive(Clone, Debug)]
pub(super) struct Unpacked {
    target_dir: PathBuf,
    root: PathBuf,
}

/// Builds the tests into the build directory.
pub(super) async fn build(context: &RunnerContext, arguments: &Arguments) -> Result<(), RunnerFailure> {
    check_installed(context)?;
    BuildPlace::find(context, &arguments.all).await?;
    let mut argv = words(["cargo", "nextest", "archive", "--color", "never", "--archive-file"]);
    argv.push(context.build_dir.join(ARCHIVE).to_string_lossy().into_owned());
    argv.extend(arguments.build.iter().cloned());
    cargo_build::build(context, argv, &USERS_BUILD_STATUSES).await
}

impl Unpacked {
    /// Unpacks the archive into the build directory, once for all shards that share it.
    pub(super) async fn at(context: &RunnerContext) -> Result<Self, RunnerFailure> {
        check_installed(context)?;
        let place = build_place(&context.build_dir)?;
        let unpacked = Self { target_dir: context.build_dir.join(UNPACKED).join("target"), root: place.root(context)? };
        if !unpacked.target_dir.is_dir() {
            unpacked.unpack(context).await?;
        }
        Ok(unpacked)
    }

    /// The arguments by which nextest takes this build instead of making one.
    pub(super) fn arguments(&self) -> Vec<String> {
        let nextest = self.target_dir.join("nextest");
        let paths = [
            ("--binaries-metadata", nextest.join("binaries-metadata.json")),
            ("--cargo-metadata", nextest.join("cargo-metadata.json")),
            ("--target-dir-remap", self.target_dir.clone()),
            ("--workspace-remap", self.root.clone()),
        ];
        paths.into_iter().flat_map(|(name, path)| [name.to_owned(), path.to_string_lossy().into_owned()]).collect()
    }

    /// Unpacks under a name of its own and then renames, so that nobody sees half of it and the first to end wins.
    async fn unpack(&self, context: &RunnerContext) -> Result<(), RunnerFailure> {
        let own = context.build_dir.join(format!("{UNPACKED}-{}", uuid::Uuid::new_v4().simple()));
        std::fs::create_dir_all(&own).map_err(|error| RunnerFailure::file("create", &own, &error))?;
        let mut argv = words(["cargo", "nextest", "list", "--color", "never", "--list-type", "binaries-only"]);
        argv.push("--archive-file".to_owned());
        argv.push(context.build_dir.join(ARCHIVE).to_string_lossy().into_owned());
        argv.push("--extract-to".to_owned());
        argv.push(own.to_string_lossy().into_owned());
        argv.push("--workspace-remap".to_owned());
        argv.push(self.root.to_string_lossy().into_owned());
        let (exit, tail) = log_through(context, context.command(argv), NEXTEST_HINT).await?;
        if !exit.is_success() {
            let message = format!("cargo-nextest cannot unpack the build of the tests: it {exit}{}", tail.quoted());
            return Err(RunnerFailure::infrastructure(ReasonCode::RunnerCrashed, message));
        }
        publish(&own, &context.build_dir.join(UNPACKED))
    }
}

fn publish(own: &Path, shared: &Path) -> Result<(), RunnerFailure> {
    match std::fs::rename(own, shared) {
        Ok(()) => Ok(()),
        Err(_) if shared.join("target").is_dir() => {
            std::fs::remove_dir_all(own).map_err(|error| RunnerFailure::file("remove", own, &error))
        }
        Err(error) => Err(RunnerFailure::file("rename", own, &error)),
    }
}

fn check_installed(context: &RunnerContext) -> Result<(), RunnerFailure> {
    if crate::attempt::environment::find_program("cargo", &context.environment).is_none() {
        let message = format!("`cargo` is not installed; {CARGO_HINT}");
        return Err(RunnerFailure::infrastructure(ReasonCode::RunnerMissing, message));
    }
    if !has_subcommand(context, "nextest") {
        let message = format!("`cargo-nextest` is not installed; {NEXTEST_HINT}");
        return Err(RunnerFailure::infrastructure(ReasonCode::RunnerMissing, message));
    }
    Ok(())
}

pub(super) const NEXTEST_HINT: &str =
    "install it on the agent (https://nexte.st), or choose the runner `cargo-test`, which needs only cargo";
const ARCHIVE: &str = "tests.tar.zst";
const UNPACKED: &str = "unpacked";
/// Build failed, cargo metadata failed, setup error such as a configuration that cannot be read.
const USERS_BUILD_STATUSES: [i32; 3] = [101, 102, 96];
