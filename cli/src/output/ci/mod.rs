//! What CI systems show beside a log: by what they are told in it, in files, and through their own programs.
//!
//! One system a file. [`Ci`] is what a command asks of any of them, [`CiName`] how a person chooses one.

mod buildkite;
mod choice;
mod github;
mod gitlab;
mod reporter;

pub(crate) use choice::{CiName, Environment};
pub(crate) use reporter::InCi;

use crate::exit_code::ExitCode;
use crate::origin::Origin;
use crate::output::reporter::Details;
use crate::report::Report;

/// What is told to a CI system.
#[derive(Clone, Copy)]
pub(crate) struct Told<'a> {
    /// The report.
    pub(crate) report: &'a Report,
    /// Outputs of its tests.
    pub(crate) details: &'a Details,
    /// Where its files are.
    pub(crate) origin: &'a Origin,
    /// With what the command ends.
    pub(crate) exit: ExitCode,
    /// Whether a JUnit file is written.
    pub(crate) has_junit: bool,
}

/// A CI system.
pub(crate) trait Ci: Send + Sync {
    /// What stands in the log before anything of a run.
    fn begin(&self) -> String;
    /// What stands between the course of a run and its summary.
    fn turn(&self) -> String;
    /// What stands after the summary, or where the command ends early; `turned` says whether the summary began.
    fn end(&self, turned: bool) -> String;
    /// Lines for the log by which the system takes notice of the report. They stand after [`Ci::end`].
    fn notices(&self, told: Told<'_>) -> String;
    /// Tells the system what does not go through the log.
    ///
    /// # Errors
    /// With a sentence for people; the run's verdict does not hang on it.
    fn publish(&self, told: Told<'_>) -> Result<(), String>;
    /// The folder that is the top of the repository.
    fn top(&self) -> Option<&std::path::Path>;
}
