//! Refusals as gRPC says them: a code, a text for people, and details that programs can match.

use std::collections::HashMap;
use std::time::Duration;

use muster_common::spec_check::SpecError;
use muster_scheduler::{Answer, CloseReason, Refusal};
use muster_service::wire::WireError;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

use crate::handle::NoAnswer;
use crate::sessions::SessionEnd;
use crate::watchers::WatchEnd;

/// A refusal with a stable reason.
pub(super) fn refused(code: Code, reason: &str, message: impl Into<String>) -> Status {
    Status::with_error_details(code, message, info(reason))
}

/// A refusal of one field of a request.
pub(super) fn invalid(field: impl Into<String>, why: impl Into<String>) -> Status {
    let (field, why) = (field.into(), why.into());
    let mut details = info("INVALID_ARGUMENT");
    details.add_bad_request_violation(&field, &why);
    Status::with_error_details(Code::InvalidArgument, format!("{field}: {why}"), details)
}

/// A refusal that ends by itself.
pub(super) fn try_again(reason: &str, message: impl Into<String>, after: Duration) -> Status {
    let mut details = info(reason);
    details.set_retry_info(Some(after));
    Status::with_error_details(Code::Unavailable, message, details)
}

/// A fault of the coordinator's own, or of its disk. The cause goes into the log, not to the caller.
pub(super) fn internal(what: &'static str, error: &(dyn std::error::Error + 'static)) -> Status {
    tracing::error!(error, what, "a call failed");
    refused(Code::Internal, "INTERNAL", format!("{what}: {error}"))
}

/// A message that does not say what it must.
pub(super) fn from_wire(error: &WireError) -> Status {
    invalid(error.field(), error.to_string())
}

/// A specification that cannot be run.
pub(super) fn from_spec(errors: &[SpecError]) -> Status {
    let mut details = info("INVALID_ARGUMENT");
    for error in errors.iter().take(ERRORS_SHOWN) {
        details.add_bad_request_violation("spec", shortened(&error.to_string()));
    }
    let texts: Vec<_> = errors.iter().take(ERRORS_SHOWN).map(|error| shortened(&error.to_string())).collect();
    let more = match errors.len().saturating_sub(ERRORS_SHOWN) {
        0 => String::new(),
        more => format!("; and {more} more"),
    };
    let message = format!("the run cannot be accepted: {}{more}", texts.join("; "));
    Status::with_error_details(Code::InvalidArgument, message, details)
}

/// No answer from the driver.
pub(super) fn from_no_answer(error: NoAnswer) -> Status {
    let reason = match error {
        NoAnswer::ShuttingDown => "SHUTTING_DOWN",
        NoAnswer::Lost => "RESTORING",
        NoAnswer::NoRoom => return refused(Code::ResourceExhausted, "DISK_FULL", error.to_string()),
    };
    try_again(reason, error.to_string(), RETRY_AFTER)
}

/// The scheduler's refusal.
pub(super) fn from_refusal(refusal: &Refusal) -> Status {
    let message = refusal.to_string();
    match refusal {
        Refusal::RunUnknown { run } => with(Code::NotFound, "RUN_UNKNOWN", message, [("run", run.to_string())]),
        Refusal::AgentUnknown { agent } => {
            with(Code::NotFound, "AGENT_UNKNOWN", message, [("agent", agent.to_string())])
        }
        Refusal::TestUnknown { name, .. } => with(Code::NotFound, "TEST_UNKNOWN", message, [("test", name.clone())]),
        Refusal::TestBroken { name, .. } => {
            with(Code::FailedPrecondition, "TEST_BROKEN", message, [("test", name.clone())])
        }
        Refusal::QuarantineOver { name, .. } => {
            with(Code::InvalidArgument, "QUARANTINE_OVER", message, [("test", name.clone())])
        }
        Refusal::TestNotQuarantined { name, .. } => {
            with(Code::FailedPrecondition, "TEST_NOT_QUARANTINED", message, [("test", name.clone())])
        }
        Refusal::AgentNotFenced { agent } => {
            with(Code::FailedPrecondition, "AGENT_NOT_FENCED", message, [("agent", agent.to_string())])
        }
        Refusal::TooManyRuns { open } => {
            let mut details = ErrorDetails::with_quota_failure_violation("runs", message.clone());
            let metadata = HashMap::from([("open".to_owned(), open.to_string())]);
            details.set_error_info("TOO_MANY_RUNS", DOMAIN, metadata);
            Status::with_error_details(Code::ResourceExhausted, message, details)
        }
        Refusal::Unsatisfiable { job, .. } => {
            with(Code::FailedPrecondition, "UNSATISFIABLE", message, [("job", job.clone())])
        }
    }
}

/// An answer of another kind than the question's: a fault of the scheduler's.
pub(super) fn unexpected(answer: &Answer) -> Status {
    match answer {
        Answer::Refused(refusal) => from_refusal(refusal),
        Answer::Submitted { .. }
        | Answer::Cancelled { .. }
        | Answer::Run(_)
        | Answer::Spec(_)
        | Answer::Runs(_)
        | Answer::Tests { .. }
        | Answer::KnownTests { .. }
        | Answer::Watching(_)
        | Answer::Agents(_)
        | Answer::Overview(_)
        | Answer::Done => {
            tracing::error!(?answer, "the scheduler answered another question");
            refused(Code::Internal, "INTERNAL", "the coordinator answered another question than was asked")
        }
    }
}

/// Why an agent's stream is ended; none: the agent has left, and there is nobody to tell.
pub(super) fn from_session_end(end: &SessionEnd) -> Option<Status> {
    Some(match end {
        SessionEnd::Left => return None,
        SessionEnd::Closed(CloseReason::Replaced) => {
            refused(Code::Aborted, "SESSION_REPLACED", "the same agent has opened a newer session")
        }
        SessionEnd::Closed(CloseReason::NameTaken) => refused(
            Code::AlreadyExists,
            "AGENT_NAME_TAKEN",
            "another agent with this name is connected; give each agent its own name",
        ),
        SessionEnd::Closed(CloseReason::Silent) => {
            try_again("SESSION_SILENT", "nothing was heard for the whole lease time; open a new session", RETRY_AT_ONCE)
        }
        SessionEnd::Closed(CloseReason::Protocol(why)) | SessionEnd::Invalid(why) => {
            refused(Code::InvalidArgument, "PROTOCOL", why.as_str())
        }
        SessionEnd::TooSlow => try_again(
            "SESSION_TOO_SLOW",
            "messages were not read as fast as they came; open a new session",
            RETRY_AT_ONCE,
        ),
        SessionEnd::NotOpened => {
            refused(Code::DeadlineExceeded, "SESSION_NOT_OPENED", "the first message of a session must be `open`")
        }
        SessionEnd::Restoring => try_again("RESTORING", NoAnswer::Lost.to_string(), RETRY_AT_ONCE),
        SessionEnd::ShuttingDown => try_again("SHUTTING_DOWN", NoAnswer::ShuttingDown.to_string(), RETRY_AFTER),
    })
}

/// Why a watcher gets nothing more.
pub(super) fn from_watch_end(end: WatchEnd) -> Status {
    match end {
        WatchEnd::TooSlow => {
            try_again("WATCH_TOO_SLOW", "events were not read as fast as they came; watch again", RETRY_AT_ONCE)
        }
        WatchEnd::TooMany => try_again("TOO_MANY_WATCHERS", "too many watch runs; watch again later", RETRY_LATER),
        WatchEnd::Restoring => from_no_answer(NoAnswer::Lost),
        WatchEnd::ShuttingDown => from_no_answer(NoAnswer::ShuttingDown),
    }
}

fn with<const N: usize>(code: Code, reason: &str, message: String, metadata: [(&str, String); N]) -> Status {
    let metadata: HashMap<String, String> = metadata.map(|(key, value)| (key.to_owned(), value)).into();
    Status::with_error_details(code, message, ErrorDetails::with_error_info(reason, DOMAIN, metadata))
}

fn shortened(text: &str) -> String {
    text.chars().take(ERROR_CHARS_MAX).collect()
}

fn info(reason: &str) -> ErrorDetails {
    ErrorDetails::with_error_info(reason, DOMAIN, HashMap::new())
}

// A status travels in headers, of which peers take 16 KiB.
const ERRORS_SHOWN: usize = 8;
const ERROR_CHARS_MAX: usize = 300;
/// Whose reasons these are.
const DOMAIN: &str = "muster";
const RETRY_AT_ONCE: Duration = Duration::from_millis(100);
const RETRY_AFTER: Duration = Duration::from_secs(1);
const RETRY_LATER: Duration = Duration::from_secs(30);
