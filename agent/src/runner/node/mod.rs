//! What the runners on Node have in common: the interpreter, and how their plugins report.

use std::ffi::OsString;
use std::path::Path;

use crate::attempt::process::Command;
use crate::runner::context::RunnerContext;

/// How a plugin reports: for all of them.
pub(crate) const EVENTS: (&str, &str) = ("muster_events.cjs", include_str!("muster_events.cjs"));

/// Node on one of the plugin's files, with further arguments.
pub(crate) fn command<Argument: Into<OsString>>(
    context: &RunnerContext,
    file: &Path,
    arguments: impl IntoIterator<Item = Argument>,
) -> Command {
    let argv = [OsString::from("node"), file.into()].into_iter().chain(arguments.into_iter().map(Into::into));
    context.command(argv)
}

/// The files of the wanted tests, each once, as `file` finds them in the tests' names.
pub(crate) fn files_of<'a>(tests: &[&'a str], file: impl Fn(&'a str) -> &'a str) -> Vec<&'a str> {
    let mut seen = std::collections::HashSet::new();
    tests.iter().map(|name| file(name)).filter(|name| seen.insert(*name)).collect()
}
