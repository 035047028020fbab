//! Why a command could not do what it was asked to do.

use std::error::Error;
use std::fmt;

use muster_common::pipeline::{DiagnosticRecord, Diagnostics};
use tonic::Code;
use tonic_types::StatusExt as _;

use crate::exit_code::ExitCode;

/// A command's error: what failed, with what number the command ends, and what to do next.
#[derive(Debug)]
pub(crate) struct Failure {
    /// The number.
    pub(crate) exit: ExitCode,
    message: String,
    source: Option<Box<dyn Error + Send + Sync>>,
    advice: Option<String>,
    body: Option<String>,
    diagnostics: Vec<DiagnosticRecord>,
    is_unsatisfiable: bool,
}

impl Failure {
    /// The command line, the environment or a file of the user's is wrong.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(ExitCode::Usage, message)
    }

    /// Something outside failed.
    pub(crate) fn infrastructure(message: impl Into<String>) -> Self {
        Self::new(ExitCode::Infrastructure, message)
    }

    /// A pipeline file is wrong.
    pub(crate) fn pipeline(name: &str, found: &Diagnostics) -> Self {
        let diagnostics = found.records();
        let body = Some(found.render_coloured());
        Self { body, diagnostics, ..Self::usage(format!("{name} is not a valid pipeline file")) }
    }

    /// A signal stopped the command before there was a run.
    pub(crate) fn cancelled() -> Self {
        Self::new(ExitCode::Cancelled, "cancelled before the run was submitted")
    }

    /// An error with this exit code.
    pub(crate) fn new(exit: ExitCode, message: impl Into<String>) -> Self {
        Self {
            exit,
            message: message.into(),
            source: None,
            advice: None,
            body: None,
            diagnostics: Vec::new(),
            is_unsatisfiable: false,
        }
    }

    /// The same, because of `source`.
    pub(crate) fn because(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// The same, with what to do next.
    pub(crate) fn advise(mut self, advice: impl Into<String>) -> Self {
        self.advice = Some(advice.into());
        self
    }

    /// A call to the coordinator was refused or did not get through.
    pub(crate) fn call(what: &str, coordinator: &str, status: &tonic::Status) -> Self {
        match status.code() {
            Code::InvalidArgument | Code::NotFound | Code::OutOfRange => {
                Self::usage(format!("{what}: {}", status.message()))
            }
            Code::FailedPrecondition => {
                let is_unsatisfiable =
                    status.get_details_error_info().is_some_and(|info| info.reason == "UNSATISFIABLE");
                Self { is_unsatisfiable, ..Self::infrastructure(format!("{what}: {}", status.message())) }
            }
            _ if status.source().is_some() => unreachable_at(coordinator).because(status.clone()),
            _ => Self::infrastructure(format!("{what}: the coordinator says {}: {}", status.code(), status.message())),
        }
    }

    /// The same after the run was accepted: whatever is refused now, it was not asked for wrongly.
    pub(crate) fn after_submission(self) -> Self {
        match self.exit {
            ExitCode::Usage => Self { exit: ExitCode::Infrastructure, ..self },
            ExitCode::Passed
            | ExitCode::NoTests
            | ExitCode::Infrastructure
            | ExitCode::TestsFailed
            | ExitCode::BuildFailed
            | ExitCode::Timeout
            | ExitCode::Cancelled => self,
        }
    }

    /// What failed and why, on one line.
    pub(crate) fn summary(&self) -> String {
        let mut text = self.message.clone();
        for cause in self.causes() {
            text.push_str(": ");
            text.push_str(&cause);
        }
        text
    }

    /// What to do next.
    pub(crate) fn advice(&self) -> Option<&str> {
        self.advice.as_deref()
    }

    /// Whether no agent has what a job asks for.
    pub(crate) fn is_unsatisfiable(&self) -> bool {
        self.is_unsatisfiable
    }

    /// What stands before the message: lines of a file with what is wrong in them.
    pub(crate) fn body(&self) -> Option<&str> {
        self.body.as_deref()
    }

    /// The same as data.
    pub(crate) fn diagnostics(&self) -> &[DiagnosticRecord] {
        &self.diagnostics
    }

    fn causes(&self) -> Vec<String> {
        let mut causes: Vec<String> = Vec::new();
        let mut next: Option<&(dyn Error + 'static)> = self.source.as_deref().map(|source| source as _);
        while let Some(cause) = next {
            let text = cause.to_string();
            if causes.last().is_none_or(|last| !last.contains(&text)) && !self.message.contains(&text) {
                causes.push(text);
            }
            next = cause.source();
        }
        causes
    }
}

/// Nobody answers at the coordinator's address.
pub(crate) fn unreachable_at(coordinator: &str) -> Failure {
    Failure::infrastructure(format!("cannot reach the coordinator at {coordinator}")).advise(format!(
        "is it running? start it with `muster-coordinator --listen {}`, or leave --coordinator out to run here",
        coordinator.trim_start_matches("http://")
    ))
}

/// Whether a call did not get through, so that the same call may succeed later.
pub(crate) fn is_unreachable(status: &tonic::Status) -> bool {
    matches!(status.code(), Code::Unavailable) || status.source().is_some()
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        for cause in self.causes() {
            write!(f, "\n  because: {cause}")?;
        }
        match &self.advice {
            Some(advice) => write!(f, "\n  help: {advice}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_says_what_why_and_what_next() {
        let failure = unreachable_at("http://127.0.0.1:7000").because(std::io::Error::other("connection refused"));
        assert_eq!(
            failure.to_string(),
            "cannot reach the coordinator at http://127.0.0.1:7000\n  because: connection refused\n  help: is it \
             running? start it with `muster-coordinator --listen 127.0.0.1:7000`, or leave --coordinator out to run here"
        );
        assert_eq!(failure.exit, ExitCode::Infrastructure);
    }

    #[test]
    fn a_coordinator_that_answers_is_not_called_unreachable() {
        let failure = Failure::call("cannot watch run 7", "unix:/a", &tonic::Status::unavailable("the disk is full"));
        assert_eq!(failure.exit, ExitCode::Infrastructure);
        assert!(failure.to_string().ends_with(": the disk is full"), "{failure}");
    }

    #[test]
    fn what_the_coordinator_does_not_know_is_a_usage_error() {
        let failure = Failure::call("cannot cancel run 7", "unix:/a", &tonic::Status::not_found("there is no run 7"));
        assert_eq!(failure.exit, ExitCode::Usage);
        assert_eq!(failure.to_string(), "cannot cancel run 7: there is no run 7");
    }
}
