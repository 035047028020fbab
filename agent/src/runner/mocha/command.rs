//! The command line of Mocha.

use std::ffi::OsString;

use crate::attempt::process::Command;
use crate::runner::context::RunnerContext;
use crate::runner::failure::RunnerFailure;
use crate::runner::node;
use crate::runner::plugin::tool::{Ask, Tool};

/// Mocha.
pub(crate) const MOCHA: Tool = Tool {
    name: "mocha",
    hint: "let a setup step of the test job install it: `npm ci`",
    files: &[
        node::EVENTS,
        ("muster_mocha.cjs", include_str!("muster_mocha.cjs")),
        ("muster_mocha_reporter.cjs", include_str!("muster_mocha_reporter.cjs")),
    ],
    command,
    // The number of failed tests, up to 255.
    regular: &STATUSES,
    listed: &[0],
    is_missing: |_| false,
    look_everywhere: None,
    is_strict: true,
    is_warm: false,
};

fn command(context: &RunnerContext, ask: &Ask<'_>) -> Result<Command, RunnerFailure> {
    let mut arguments: Vec<OsString> = ask.given.iter().map(OsString::from).collect();
    arguments.extend(["--no-parallel", "--no-bail", "--retries", "0", "--exit", "--reporter"].map(OsString::from));
    arguments.push(ask.folder.join("muster_mocha_reporter.cjs").into());
    Ok(node::command(context, &ask.folder.join("muster_mocha.cjs"), arguments))
}

/// Every number of failed tests.
const STATUSES: [i32; 256] = {
    let mut statuses = [0; 256];
    let mut status = 0;
    while status < 256 {
        statuses[status as usize] = status;
        status += 1;
    }
    statuses
};
