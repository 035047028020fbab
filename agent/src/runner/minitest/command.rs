//! The command line of Minitest.

use std::ffi::OsString;

use crate::attempt::process::Command;
use crate::runner::context::RunnerContext;
use crate::runner::failure::RunnerFailure;
use crate::runner::plugin::tool::{Ask, Tool};
use crate::runner::ruby;

/// Minitest.
pub(crate) const MINITEST: Tool = Tool {
    name: "minitest",
    hint: "let a setup step of the test job install it: `bundle install`",
    files: &[ruby::EVENTS, ("muster_minitest.rb", include_str!("muster_minitest.rb"))],
    command,
    regular: &[0, 1],
    listed: &[0],
    is_missing: |words| words.contains("cannot load such file -- minitest "),
    look_everywhere: None,
    is_strict: true,
    is_warm: false,
};

fn command(context: &RunnerContext, ask: &Ask<'_>) -> Result<Command, RunnerFailure> {
    let mut argv = ruby::program(context, "ruby");
    argv.push(ask.folder.join("muster_minitest.rb").into());
    argv.extend(ask.given.iter().map(OsString::from));
    Ok(context.command(argv))
}
