//! Why an adapter could not do what it was asked to do.

use muster_common::error_code::{Reason, ReasonCode};
use muster_common::outcome::AttemptOutcome;

use super::context::RunnerContext;
use crate::attempt::process::StartError;

/// A runner could not build, list or run. What it says about single tests is no failure of the runner.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct RunnerFailure {
    /// Whose fault it is.
    pub fault: Fault,
    /// Why.
    pub reason: Reason,
}

/// Whose fault a failure is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The user's code or configuration: running it again elsewhere will say the same.
    User,
    /// The agent's, the installation's or the runner's own.
    Infrastructure,
    /// Nobody's: it was stopped.
    Cancelled,
}

impl RunnerFailure {
    /// The user's work said no.
    pub fn user(code: ReasonCode, message: impl Into<String>) -> Self {
        Self { fault: Fault::User, reason: Reason::new(code, message) }
    }

    /// It could not be run.
    pub fn infrastructure(code: ReasonCode, message: impl Into<String>) -> Self {
        Self { fault: Fault::Infrastructure, reason: Reason::new(code, message) }
    }

    /// Its lease could not be renewed in time.
    #[must_use]
    pub fn fenced() -> Self {
        let message = "the runner was ended because the agent could not renew its lease in time";
        Self::infrastructure(ReasonCode::OutcomeUnknown, message)
    }

    /// It was stopped.
    #[must_use]
    pub fn cancelled() -> Self {
        Self { fault: Fault::Cancelled, reason: Reason::new(ReasonCode::Cancelled, "the runner was stopped") }
    }

    /// How an attempt that failed like this ended.
    #[must_use]
    pub fn outcome(&self) -> AttemptOutcome {
        match self.fault {
            Fault::User => AttemptOutcome::Failed { reason: self.reason.clone() },
            Fault::Infrastructure => AttemptOutcome::Errored { reason: self.reason.clone() },
            Fault::Cancelled => AttemptOutcome::Cancelled,
        }
    }

    /// The adapter's own file at `place` cannot be used.
    #[must_use]
    pub fn file(doing: &str, place: &std::path::Path, error: &std::io::Error) -> Self {
        let code = match error.kind() {
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => ReasonCode::DiskFull,
            _ => ReasonCode::Internal,
        };
        Self::infrastructure(code, format!("cannot {doing} `{}`: {error}", place.display()))
    }

    /// A command of the runner could not be started. `hint` says what to install.
    #[must_use]
    pub fn start(error: &StartError, hint: &str) -> Self {
        match error {
            StartError::ProgramMissing { .. } => {
                Self::infrastructure(ReasonCode::RunnerMissing, format!("{error}; {hint}"))
            }
            StartError::DirectoryMissing { .. } => Self::infrastructure(ReasonCode::WorkspaceLost, error.to_string()),
            StartError::Refused { source, .. } => {
                Self::infrastructure(ReasonCode::RunnerCrashed, format!("{error}: {source}"))
            }
        }
    }

    /// `self`, or, where the runner's directory is gone, that: it explains everything else.
    #[must_use]
    pub fn or_workspace_lost(self, context: &RunnerContext) -> Self {
        if self.fault == Fault::Cancelled || context.directory.is_dir() {
            return self;
        }
        let message = format!("the workspace was gone when the runner ended: {}", self.reason.message);
        Self::infrastructure(ReasonCode::WorkspaceLost, message)
    }
}
