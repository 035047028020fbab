//! The command line of unittest.

use std::ffi::OsString;

use crate::attempt::process::Command;
use crate::runner::context::RunnerContext;
use crate::runner::failure::RunnerFailure;
use crate::runner::plugin::tool::{Ask, Tool};
use crate::runner::python;

/// Unittest.
pub(crate) const UNITTEST: Tool = Tool {
    name: "unittest",
    hint: HINT,
    files: &[("muster_unittest.py", include_str!("muster_unittest.py"))],
    command,
    regular: &[0, 1],
    listed: &[0],
    is_missing: |_| false,
    look_everywhere: None,
    is_strict: true,
    is_warm: true,
};

fn command(context: &RunnerContext, ask: &Ask<'_>) -> Result<Command, RunnerFailure> {
    let mut argv: Vec<OsString> = vec![python::interpreter(context, HINT)?.into()];
    argv.push(ask.folder.join("muster_unittest.py").into());
    argv.extend(ask.given.iter().map(OsString::from));
    Ok(context.command(argv))
}

const HINT: &str = "install python3, or let a setup step of the test job make a `.venv`";
