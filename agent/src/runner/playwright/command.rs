//! The command line of Playwright Test.

use std::ffi::OsString;

use crate::attempt::process::Command;
use crate::runner::context::RunnerContext;
use crate::runner::failure::RunnerFailure;
use crate::runner::node;
use crate::runner::plugin::tool::{Ask, Tool};

/// Playwright Test.
pub(crate) const PLAYWRIGHT: Tool = Tool {
    name: "playwright",
    hint: "let a setup step of the test job install it: `npm ci && npx playwright install --with-deps`",
    files: &[
        node::EVENTS,
        ("muster_playwright.cjs", include_str!("muster_playwright.cjs")),
        ("muster_playwright_reporter.cjs", include_str!("muster_playwright_reporter.cjs")),
    ],
    command,
    regular: &[0, 1],
    listed: &[0],
    is_missing: |_| false,
    look_everywhere: None,
    is_strict: true,
    is_warm: false,
};

fn command(context: &RunnerContext, ask: &Ask<'_>) -> Result<Command, RunnerFailure> {
    let mut arguments: Vec<OsString> = ask.given.iter().map(OsString::from).collect();
    arguments.extend(
        ["--retries=0", "--workers=1", "--max-failures=0", "--repeat-each=1", "--pass-with-no-tests"]
            .map(OsString::from),
    );
    let mut reporter = OsString::from("--reporter=");
    reporter.push(ask.folder.join("muster_playwright_reporter.cjs"));
    arguments.push(reporter);
    if ask.tests.is_none() {
        arguments.push("--list".into());
    }
    Ok(node::command(context, &ask.folder.join("muster_playwright.cjs"), arguments))
}
