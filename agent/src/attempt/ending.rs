//! Why an attempt does not go on.

use std::io;
use std::path::Path;

use muster_common::error_code::{Reason, ReasonCode};
use muster_common::outcome::AttemptOutcome;
use muster_common::pipeline::expression::ExpressionError;
use muster_service::blob::{CallError, UploadError};
use muster_service::workspace::listing::ListError;
use muster_service::workspace::{MaterialiseError, WorkspaceError};

use super::orders::Stop;
use super::process::StartError;
use crate::driver::chain;
use crate::isolation::sandbox::SandboxError;
use crate::runner::RunnerFailure;

/// An attempt ends early: with this outcome.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ending(pub(crate) AttemptOutcome);

impl Ending {
    /// The user's work said no.
    pub(crate) fn failed(code: ReasonCode, message: impl Into<String>) -> Self {
        Self(AttemptOutcome::Failed { reason: Reason::new(code, message) })
    }

    /// It could not be run.
    pub(crate) fn errored(code: ReasonCode, message: impl Into<String>) -> Self {
        Self(AttemptOutcome::Errored { reason: Reason::new(code, message) })
    }

    /// Something of Muster's own could not be done on this machine's disk.
    pub(crate) fn disk(doing: &str, path: &Path, error: &io::Error) -> Self {
        let code = if is_full(error) { ReasonCode::DiskFull } else { ReasonCode::WorkspaceFailed };
        Self::errored(code, format!("cannot {doing} `{}`: {error}", path.display()))
    }

    /// A place for a build cannot be had.
    pub(crate) fn home(error: &io::Error) -> Self {
        let code = if is_full(error) { ReasonCode::DiskFull } else { ReasonCode::WorkspaceFailed };
        Self::errored(code, format!("cannot use a place for builds: {error}"))
    }

    /// What keeps a job from the rest of the machine cannot be made.
    pub(crate) fn confinement(error: &SandboxError) -> Self {
        Self::errored(ReasonCode::WorkspaceFailed, chain(error))
    }

    /// An expression in `what` cannot be computed.
    pub(crate) fn expression(what: &str, error: &ExpressionError) -> Self {
        let help = error.help.as_ref().map(|help| format!("; {help}")).unwrap_or_default();
        Self::failed(ReasonCode::ExpressionFailed, format!("{what}: {}{help}", error.message))
    }

    /// A command could not be started.
    pub(crate) fn start(what: &str, error: &StartError) -> Self {
        match error {
            StartError::ProgramMissing { .. } => Self::errored(ReasonCode::RunnerMissing, format!("{what}: {error}")),
            StartError::DirectoryMissing { .. } => {
                Self::failed(ReasonCode::WorkspaceFailed, format!("{what}: {error}"))
            }
            StartError::Refused { source, .. } => {
                let code = if is_full(source) { ReasonCode::DiskFull } else { ReasonCode::Internal };
                Self::errored(code, format!("{what}: {error}: {source}"))
            }
        }
    }

    /// The attempt was stopped.
    pub(crate) fn stopped(stop: Stop) -> Self {
        Self(match stop {
            Stop::Cancelled | Stop::Superseded | Stop::AgentLeaves => AttemptOutcome::Cancelled,
            Stop::Timeout => AttemptOutcome::TimedOut,
            Stop::Fenced => AttemptOutcome::Errored {
                reason: Reason::new(
                    ReasonCode::OutcomeUnknown,
                    "the agent could not reach the coordinator and stopped the work before its lease ended, because it is \
                     not safe to repeat; what it had done by then is not known",
                ),
            },
        })
    }
}

impl From<Stop> for Ending {
    fn from(stop: Stop) -> Self {
        Self::stopped(stop)
    }
}

impl From<RunnerFailure> for Ending {
    fn from(failure: RunnerFailure) -> Self {
        Self(failure.outcome())
    }
}

impl From<MaterialiseError> for Ending {
    fn from(error: MaterialiseError) -> Self {
        let code = if error.is_disk_full() { ReasonCode::DiskFull } else { ReasonCode::WorkspaceFailed };
        Self::errored(code, format!("cannot make the workspace: {}", chain(&error)))
    }
}

/// An artifact could not be stored.
pub(crate) fn artifact(name: &str, error: &WorkspaceError) -> Ending {
    let message = format!("artifact `{name}`: {}", chain(error));
    match error {
        WorkspaceError::List(ListError::NothingFound(_)) => Ending::failed(ReasonCode::ArtifactMissing, message),
        WorkspaceError::List(_) | WorkspaceError::Changing(_) => Ending::failed(ReasonCode::WorkspaceFailed, message),
        WorkspaceError::Upload(UploadError::Call(CallError::Full(_))) => Ending::errored(ReasonCode::DiskFull, message),
        WorkspaceError::Upload(_) => Ending::errored(ReasonCode::Internal, message),
    }
}

/// Whether there is no room left.
pub(crate) fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}
