//! The command line of pytest, and the plugin's place.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use muster_common::error_code::ReasonCode;

use crate::attempt::environment::find_program;
use crate::attempt::process::Command;
use crate::runner::context::RunnerContext;
use crate::runner::failure::RunnerFailure;

/// Pytest with the job's arguments and the plugin, which will report to `events`.
pub(super) fn command(context: &RunnerContext, given: &[String], events: &Path) -> Result<Command, RunnerFailure> {
    let folder = context.private_dir.join("pytest");
    let plugin = folder.join("muster_pytest.py");
    std::fs::create_dir_all(&folder)
        .and_then(|()| std::fs::write(&plugin, PLUGIN))
        .map_err(|error| RunnerFailure::file("write", &plugin, &error))?;
    let mut argv: Vec<OsString> = vec![python(context)?.into()];
    argv.extend(["-m", "pytest", "-p", "muster_pytest", "-o"].map(OsString::from));
    let mut cache = OsString::from("cache_dir=");
    cache.push(folder.join("cache"));
    argv.push(cache);
    argv.extend(given.iter().map(OsString::from));
    let mut command = context.command(argv);
    let inherited = context.environment.get(OsStr::new(PYTHONPATH)).map(std::env::split_paths).into_iter().flatten();
    let folders = std::iter::once(folder.clone()).chain(inherited);
    let path = std::env::join_paths(folders).map_err(|error| {
        RunnerFailure::infrastructure(
            ReasonCode::Internal,
            format!("cannot add `{}` to PYTHONPATH: {error}", folder.display()),
        )
    })?;
    command.environment.insert(PYTHONPATH.into(), path);
    command.environment.insert("MUSTER_PYTEST_EVENTS".into(), events.into());
    Ok(command)
}

/// The interpreter of the job's virtual environment, else of the one beneath its directory, else from PATH.
fn python(context: &RunnerContext) -> Result<PathBuf, RunnerFailure> {
    let chosen = context.environment.get(OsStr::new("VIRTUAL_ENV")).map(PathBuf::from);
    let beneath = [".venv", "venv"].map(|name| context.directory.join(name));
    let in_folder =
        chosen.into_iter().chain(beneath).map(|folder| folder.join("bin/python")).find(|file| file.exists());
    let in_path = || ["python3", "python"].iter().find_map(|name| find_program(name, &context.environment));
    in_folder.or_else(in_path).ok_or_else(|| {
        let message = format!(
            "no python is installed: neither a `.venv` beneath the job's directory nor `python3` in PATH; {PYTEST_HINT}"
        );
        RunnerFailure::infrastructure(ReasonCode::RunnerMissing, message)
    })
}

/// Whether pytest's last words say that it is not there at all.
pub(super) fn is_missing(words: &[u8]) -> bool {
    String::from_utf8_lossy(words).contains("No module named pytest")
}

/// That it is not there at all.
pub(super) fn missing(context: &RunnerContext) -> RunnerFailure {
    let place = python(context).map_or_else(|_| "python".to_owned(), |file| file.display().to_string());
    RunnerFailure::infrastructure(ReasonCode::RunnerMissing, format!("`{place}` has no pytest; {PYTEST_HINT}"))
}

pub(super) const PYTEST_HINT: &str = "let a setup step of the test job make it: \
    `python3 -m venv .venv && .venv/bin/pip install pytest`";
const PLUGIN: &str = include_str!("muster_pytest.py");
const PYTHONPATH: &str = "PYTHONPATH";
