//! Which Ruby runs: that of the bundle where there is a Gemfile.

use std::ffi::OsString;

use super::context::RunnerContext;
use crate::attempt::environment::find_program;

/// The words by which a Ruby `program` is started.
pub(crate) fn program(context: &RunnerContext, program: &str) -> Vec<OsString> {
    let has_bundle =
        context.directory.join("Gemfile").is_file() && find_program("bundle", &context.environment).is_some();
    let words: &[&str] = if has_bundle { &["bundle", "exec", program] } else { &[program] };
    words.iter().map(OsString::from).collect()
}

/// How a plugin reports: for all of them.
pub(crate) const EVENTS: (&str, &str) = ("muster_events.rb", include_str!("ruby/muster_events.rb"));
