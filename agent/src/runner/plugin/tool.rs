//! What is particular to a runner that takes a plugin.

use std::path::Path;

use muster_common::error_code::ReasonCode;

use crate::attempt::exit::Exit;
use crate::attempt::process::Command;
use crate::runner::context::RunnerContext;
use crate::runner::excerpt::Tail;
use crate::runner::failure::RunnerFailure;

/// A runner.
#[derive(Debug)]
pub(crate) struct Tool {
    /// As people call it.
    pub(crate) name: &'static str,
    /// What to do where it is missing.
    pub(crate) hint: &'static str,
    /// The plugin: names and texts of its files.
    pub(crate) files: &'static [(&'static str, &'static str)],
    /// The command that lists or runs.
    pub(crate) command: fn(&RunnerContext, &Ask<'_>) -> Result<Command, RunnerFailure>,
    /// Exit statuses of a run that did all that it should.
    pub(crate) regular: &'static [i32],
    /// Exit statuses of a list that is whole.
    pub(crate) listed: &'static [i32],
    /// Whether its last words say that the runner is not there at all. Exit status 127 always does.
    pub(crate) is_missing: fn(&str) -> bool,
    /// A variable that has it look everywhere for tests that it did not find where their names lead.
    pub(crate) look_everywhere: Option<&'static str>,
    /// Whether a run that ends with an error although no test failed has said something that no test says.
    pub(crate) is_strict: bool,
    /// Whether its plugin runs one batch after the other in one process.
    pub(crate) is_warm: bool,
}

/// What a command is for.
#[derive(Debug)]
pub(crate) struct Ask<'a> {
    /// The job's arguments.
    pub(crate) given: &'a [String],
    /// Where the plugin's files are.
    pub(crate) folder: &'a Path,
    /// The tests to be run; none: list. A process that gets several batches is told only the first.
    pub(crate) tests: Option<&'a [&'a str]>,
}

impl Tool {
    pub(super) fn is_missing(&self, exit: Exit, words: &[u8]) -> bool {
        exit == Exit::Status(MISSING) || (self.is_missing)(&String::from_utf8_lossy(words))
    }

    pub(super) fn missing(&self, words: &Tail) -> RunnerFailure {
        let message = format!("{} is not installed; {}{}", self.name, self.hint, words.quoted());
        RunnerFailure::infrastructure(ReasonCode::RunnerMissing, message)
    }

    pub(super) fn is_regular(&self, exit: Exit) -> bool {
        match exit {
            Exit::Status(status) => self.regular.contains(&status),
            Exit::Signal(_) | Exit::TimedOut(_) | Exit::Cancelled => false,
        }
    }

    pub(super) fn is_listed(&self, exit: Exit) -> bool {
        match exit {
            Exit::Status(status) => self.listed.contains(&status),
            Exit::Signal(_) | Exit::TimedOut(_) | Exit::Cancelled => false,
        }
    }
}

/// Exit status by which a plugin says that the runner itself is not there.
const MISSING: i32 = 127;
