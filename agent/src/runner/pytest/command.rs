//! The command line of pytest.

use std::ffi::OsString;

use crate::attempt::process::Command;
use crate::runner::context::RunnerContext;
use crate::runner::failure::RunnerFailure;
use crate::runner::plugin::tool::{Ask, Tool};
use crate::runner::python;

/// Pytest.
pub(crate) const PYTEST: Tool = Tool {
    name: "pytest",
    hint: HINT,
    files: &[("muster_pytest.py", include_str!("muster_pytest.py"))],
    command,
    // All passed; some failed (or a plugin such as a coverage limit said no, which one shard cannot judge); nothing was
    // collected, which is seen as missing results.
    regular: &[0, 1, 5],
    listed: &[0, 5],
    is_missing: |words| words.contains("No module named pytest"),
    look_everywhere: Some("MUSTER_ALL"),
    is_strict: false,
    is_warm: true,
};

fn command(context: &RunnerContext, ask: &Ask<'_>) -> Result<Command, RunnerFailure> {
    let mut argv: Vec<OsString> = vec![python::interpreter(context, HINT)?.into()];
    argv.extend(["-m", "pytest", "-p", "muster_pytest", "-o"].map(OsString::from));
    let mut cache = OsString::from("cache_dir=");
    cache.push(ask.folder.join("cache"));
    argv.push(cache);
    argv.extend(ask.given.iter().map(OsString::from));
    if ask.tests.is_none() {
        // Twice quiet: pytest prints one line a file into the log, not one a test. A failing list is told by its status.
        argv.extend(["--collect-only", "-qq"].map(OsString::from));
    }
    let mut command = context.command(argv);
    python::add_to_path(&mut command, ask.folder)?;
    Ok(command)
}

const HINT: &str = "let a setup step of the test job make it: `python3 -m venv .venv && .venv/bin/pip install pytest`";
