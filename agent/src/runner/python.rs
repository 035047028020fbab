//! Which Python runs, and what it can import.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use muster_common::error_code::ReasonCode;

use super::context::RunnerContext;
use super::failure::RunnerFailure;
use crate::attempt::environment::find_program;
use crate::attempt::process::Command;

/// The interpreter of the job's virtual environment, else of the one beneath its directory, else from PATH.
pub(crate) fn interpreter(context: &RunnerContext, hint: &str) -> Result<PathBuf, RunnerFailure> {
    let chosen = context.environment.get(OsStr::new("VIRTUAL_ENV")).map(PathBuf::from);
    let beneath = [".venv", "venv"].map(|name| context.directory.join(name));
    let in_folder =
        chosen.into_iter().chain(beneath).map(|folder| folder.join("bin/python")).find(|file| file.exists());
    let in_path = || ["python3", "python"].iter().find_map(|name| find_program(name, &context.environment));
    in_folder.or_else(in_path).ok_or_else(|| {
        let message = format!(
            "no python is installed: neither a `.venv` beneath the job's directory nor `python3` in PATH; {hint}"
        );
        RunnerFailure::infrastructure(ReasonCode::RunnerMissing, message)
    })
}

/// Lets `command` import what is in `folder`, before anything else of that name.
pub(crate) fn add_to_path(command: &mut Command, folder: &Path) -> Result<(), RunnerFailure> {
    let inherited = command.environment.get(OsStr::new(PYTHONPATH)).map(std::env::split_paths).into_iter().flatten();
    let folders = std::iter::once(folder.to_owned()).chain(inherited);
    let path = std::env::join_paths(folders).map_err(|error| {
        let message = format!("cannot add `{}` to PYTHONPATH: {error}", folder.display());
        RunnerFailure::infrastructure(ReasonCode::Internal, message)
    })?;
    command.environment.insert(PYTHONPATH.into(), path);
    Ok(())
}

const PYTHONPATH: &str = "PYTHONPATH";
