//! What a build made, as the artifact carries it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use muster_common::error_code::ReasonCode;
use serde::{Deserialize, Serialize};

use crate::runner::cargo_build::words;
use crate::runner::context::RunnerContext;
use crate::runner::failure::RunnerFailure;

/// Everything that shards need to know of a build.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Targets {
    pub(super) binaries: Vec<Binary>,
    pub(super) docs: Vec<Doc>,
    /// Folders of shared libraries outside the artifact, used where they exist.
    pub(super) library_dirs: Vec<PathBuf>,
}

/// A test executable.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Binary {
    /// Such as `pkg::bin/name`.
    pub(super) id: String,
    /// Its file, beneath the build directory.
    pub(super) file: PathBuf,
    /// Its package's directory, beneath the cargo workspace's root.
    pub(super) package_dir: PathBuf,
    /// Variables that cargo sets when it runs the tests of this package.
    pub(super) environment: BTreeMap<String, String>,
    /// Whether its manifest says `harness = false`.
    pub(super) has_own_harness: bool,
}

/// The doc tests of a package.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Doc {
    /// Such as `pkg::doc/pkg`.
    pub(super) id: String,
    /// Name of the package.
    pub(super) package: String,
    /// The job's arguments, as far as they are for it.
    pub(super) arguments: Vec<String>,
    /// Names of all its doc tests.
    pub(super) tests: Vec<String>,
}

impl Doc {
    /// The command that compiles them and runs their harness, up to the harness's own arguments.
    pub(super) fn command(&self) -> Vec<String> {
        let mut argv = words(["cargo", "test", "--doc", "--color", "never", "-p", &self.package]);
        argv.extend(self.arguments.iter().cloned());
        argv.push("--".to_owned());
        argv
    }
}

impl Targets {
    /// Keeps it in the build directory.
    pub(super) fn write(&self, build_dir: &Path) -> Result<(), RunnerFailure> {
        let file = build_dir.join(FILE);
        let text = serde_json::to_vec(self).map_err(|error| broken(&file, &error.to_string()))?;
        std::fs::write(&file, text).map_err(|error| RunnerFailure::file("write", &file, &error))
    }

    /// Reads it from the build directory.
    pub(super) fn read(build_dir: &Path) -> Result<Self, RunnerFailure> {
        let file = build_dir.join(FILE);
        let text = std::fs::read(&file).map_err(|error| broken(&file, &error.to_string()))?;
        serde_json::from_slice(&text).map_err(|error| broken(&file, &error.to_string()))
    }

    /// The environment in which cargo would run the tests of `binary`, whose workspace lies at `root`.
    pub(super) fn environment(
        &self,
        context: &RunnerContext,
        binary: &Binary,
        root: &Path,
    ) -> crate::attempt::environment::Environment {
        let mut environment = context.environment.clone();
        environment.extend(binary.environment.iter().map(|(name, value)| (name.into(), value.into())));
        // Tests that call cargo look for it in PATH where this is not set.
        if binary.environment.get("CARGO").is_some_and(|cargo| !Path::new(cargo).is_file()) {
            environment.remove(std::ffi::OsStr::new("CARGO"));
        }
        let package_dir = root.join(&binary.package_dir);
        environment.insert("CARGO_MANIFEST_PATH".into(), package_dir.join("Cargo.toml").into());
        environment.insert("CARGO_MANIFEST_DIR".into(), package_dir.into());
        let own = [context.build_dir.join(LIBRARIES), context.build_dir.join(EXECUTABLES)];
        let known = self.library_dirs.iter().filter(|folder| folder.is_dir()).cloned();
        let inherited =
            environment.get(std::ffi::OsStr::new(LIBRARY_PATH)).map(std::env::split_paths).into_iter().flatten();
        let folders: Vec<PathBuf> = own.into_iter().chain(known).chain(inherited).collect();
        // Folders with a colon in their name cannot be in the list.
        if let Ok(joined) = std::env::join_paths(folders) {
            environment.insert(LIBRARY_PATH.into(), joined);
        }
        environment
    }
}

fn broken(file: &Path, why: &str) -> RunnerFailure {
    let message = format!("the build of the tests is not there: cannot use `{}`: {why}", file.display());
    RunnerFailure::infrastructure(ReasonCode::ArtifactMissing, message)
}

/// Folder of the executables beneath the build directory.
pub(super) const EXECUTABLES: &str = "executables";
/// Folder of the shared libraries beneath the build directory.
pub(super) const LIBRARIES: &str = "libraries";
const LIBRARY_PATH: &str = "LD_LIBRARY_PATH";
const FILE: &str = "muster-targets.json";
