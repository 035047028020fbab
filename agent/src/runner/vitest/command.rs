//! The command line of Vitest.

use std::ffi::OsString;

use crate::attempt::process::Command;
use crate::runner::context::RunnerContext;
use crate::runner::failure::RunnerFailure;
use crate::runner::node;
use crate::runner::plugin::tool::{Ask, Tool};

/// Vitest.
pub(crate) const VITEST: Tool = Tool {
    name: "vitest",
    hint: "let a setup step of the test job install it: `npm ci`",
    files: &[
        node::EVENTS,
        ("muster_vitest.mjs", include_str!("muster_vitest.mjs")),
        ("muster_vitest_runner.mjs", include_str!("muster_vitest_runner.mjs")),
    ],
    command,
    regular: &[0, 1],
    // A file that cannot be loaded makes Vitest end with 1; it is in the list.
    listed: &[0, 1],
    is_missing: |_| false,
    look_everywhere: None,
    is_strict: true,
    is_warm: false,
};

fn command(context: &RunnerContext, ask: &Ask<'_>) -> Result<Command, RunnerFailure> {
    let mut arguments: Vec<OsString> = ask.given.iter().map(OsString::from).collect();
    if let Some(tests) = ask.tests {
        arguments.push(FILES.into());
        arguments.extend(node::files_of(tests, file_of).into_iter().map(OsString::from));
    }
    Ok(node::command(context, &ask.folder.join("muster_vitest.mjs"), arguments))
}

/// `|project| file > suite > test`, the project only where it has a name.
fn file_of(name: &str) -> &str {
    let name = name.strip_prefix('|').and_then(|rest| rest.split_once("| ")).map_or(name, |(_, rest)| rest);
    let file = name.split(" > ").next().unwrap_or(name);
    file.split(" [again ").next().unwrap_or(file)
}

/// What stands between the job's arguments and the files of the wanted tests.
const FILES: &str = "--muster-files";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_is_found_in_every_form_of_a_name() {
        for name in
            ["src/a.test.ts > sums > adds", "|web| src/a.test.ts > adds", "src/a.test.ts", "|web| src/a.test.ts"]
        {
            assert_eq!(file_of(name), "src/a.test.ts");
        }
    }
}
