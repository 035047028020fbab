//! The command line of Jest.

use std::ffi::OsString;

use crate::attempt::process::Command;
use crate::runner::context::RunnerContext;
use crate::runner::failure::RunnerFailure;
use crate::runner::node;
use crate::runner::plugin::tool::{Ask, Tool};

/// Jest.
pub(crate) const JEST: Tool = Tool {
    name: "jest",
    hint: "let a setup step of the test job install it: `npm ci`",
    files: &[
        node::EVENTS,
        ("muster_jest.cjs", include_str!("muster_jest.cjs")),
        ("muster_jest_runner.cjs", include_str!("muster_jest_runner.cjs")),
    ],
    command,
    regular: &[0, 1],
    // A file that cannot be loaded makes Jest end with 1; it is in the list.
    listed: &[0, 1],
    is_missing: |_| false,
    look_everywhere: None,
    is_strict: true,
    is_warm: false,
};

fn command(context: &RunnerContext, ask: &Ask<'_>) -> Result<Command, RunnerFailure> {
    let mut arguments: Vec<OsString> = ask.given.iter().map(OsString::from).collect();
    // One process, no choice of its own, and no stopping at the first failure.
    let own = ["--runInBand", "--watchAll=false", "--watch=false", "--onlyChanged=false", "--onlyFailures=false"];
    arguments.extend(own.map(OsString::from));
    arguments.extend(
        ["--bail=0", "--coverage=false", "--passWithNoTests", "--forceExit=false", "--testRunner"].map(OsString::from),
    );
    arguments.push(ask.folder.join("muster_jest_runner.cjs").into());
    if let Some(tests) = ask.tests {
        arguments.push("--runTestsByPath".into());
        arguments.extend(node::files_of(tests, file_of).into_iter().map(OsString::from));
    }
    Ok(node::command(context, &ask.folder.join("muster_jest.cjs"), arguments))
}

/// `[project] file › describe › test`, the project only where it has a name.
fn file_of(name: &str) -> &str {
    let name = name.strip_prefix('[').and_then(|rest| rest.split_once("] ")).map_or(name, |(_, rest)| rest);
    let file = name.split(" \u{203a} ").next().unwrap_or(name);
    file.split(" [again ").next().unwrap_or(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_is_found_in_every_form_of_a_name() {
        for name in
            ["src/a.test.js › sums › adds", "[web] src/a.test.js › adds", "src/a.test.js", "[web] src/a.test.js"]
        {
            assert_eq!(file_of(name), "src/a.test.js");
        }
    }
}
