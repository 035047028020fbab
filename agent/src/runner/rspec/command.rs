//! The command line of RSpec.

use std::ffi::OsString;

use crate::attempt::process::Command;
use crate::runner::context::RunnerContext;
use crate::runner::failure::RunnerFailure;
use crate::runner::plugin::tool::{Ask, Tool};
use crate::runner::ruby;

/// RSpec.
pub(crate) const RSPEC: Tool = Tool {
    name: "rspec",
    hint: "let a setup step of the test job install it: `bundle install`",
    files: &[ruby::EVENTS, ("muster_rspec.rb", include_str!("muster_rspec.rb"))],
    command,
    regular: &[0, 1],
    listed: &[0],
    is_missing: |words| words.contains("command not found: rspec") || words.contains("can't find executable rspec"),
    look_everywhere: Some("MUSTER_ALL"),
    is_strict: true,
    is_warm: false,
};

fn command(context: &RunnerContext, ask: &Ask<'_>) -> Result<Command, RunnerFailure> {
    let mut argv = ruby::program(context, "rspec");
    argv.extend(["--require".into(), ask.folder.join("muster_rspec.rb").into_os_string()]);
    argv.extend(
        ["--no-fail-fast", "--no-color", "--format", "MusterFormatter", "--format", "progress"].map(OsString::from),
    );
    if ask.tests.is_none() {
        argv.push("--dry-run".into());
    }
    argv.extend(ask.given.iter().map(OsString::from));
    Ok(context.command(argv))
}
