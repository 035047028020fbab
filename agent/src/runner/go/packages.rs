//! The packages with tests, as the build has left them in its artifact.

use std::path::Path;

use muster_common::error_code::ReasonCode;
use serde::{Deserialize, Serialize};

use crate::runner::failure::RunnerFailure;

/// Every package with tests.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Packages {
    pub(super) packages: Vec<Package>,
}

/// One of them.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Package {
    /// Its import path.
    pub(super) path: String,
    /// Its folder, relative to the runner's.
    pub(super) folder: String,
    /// Its test program, in the artifact.
    pub(super) program: String,
}

impl Packages {
    /// Reads what the build has written.
    pub(super) fn read(build_dir: &Path) -> Result<Self, RunnerFailure> {
        let file = build_dir.join(FILE);
        let missing = |error: &dyn std::fmt::Display| {
            let message = format!("the build's `{}` cannot be read: {error}", file.display());
            RunnerFailure::infrastructure(ReasonCode::ArtifactMissing, message)
        };
        let text = std::fs::read(&file).map_err(|error| missing(&error))?;
        serde_json::from_slice(&text).map_err(|error| missing(&error))
    }

    /// Writes it for the agents that list and run.
    pub(super) fn write(&self, build_dir: &Path) -> Result<(), RunnerFailure> {
        let file = build_dir.join(FILE);
        let text = serde_json::to_vec_pretty(self)
            .map_err(|error| RunnerFailure::infrastructure(ReasonCode::Internal, error.to_string()))?;
        std::fs::write(&file, text).map_err(|error| RunnerFailure::file("write", &file, &error))
    }
}

const FILE: &str = "packages.json";
