//! Words of the interface for programs.

use muster_proto::v1;

/// The word for the state of a run.
pub(crate) fn state_word(state: v1::RunState) -> &'static str {
    match state {
        v1::RunState::Unspecified => "unknown",
        v1::RunState::Queued => "queued",
        v1::RunState::Running => "running",
        v1::RunState::Finished => "finished",
    }
}

/// The word for the state of an agent.
pub(crate) fn agent_word(state: v1::AgentState) -> &'static str {
    match state {
        v1::AgentState::Unspecified => "unknown",
        v1::AgentState::Connected => "connected",
        v1::AgentState::Suspect => "suspect",
        v1::AgentState::Draining => "draining",
        v1::AgentState::Fenced => "fenced",
    }
}

/// The word for how a run or a job ended; none while it has not.
pub(crate) fn outcome_word(outcome: v1::Outcome) -> Option<&'static str> {
    match outcome {
        v1::Outcome::Unspecified => None,
        v1::Outcome::Passed => Some("passed"),
        v1::Outcome::Skipped => Some("skipped"),
        v1::Outcome::Failed => Some("failed"),
        v1::Outcome::TimedOut => Some("timed_out"),
        v1::Outcome::Cancelled => Some("cancelled"),
        v1::Outcome::Errored => Some("errored"),
    }
}

/// The word for what a try of a test said.
pub(crate) fn try_word(outcome: v1::TryOutcome) -> &'static str {
    match outcome {
        v1::TryOutcome::Unspecified => "unknown",
        v1::TryOutcome::Passed => "passed",
        v1::TryOutcome::Failed => "failed",
        v1::TryOutcome::Skipped => "skipped",
        v1::TryOutcome::Errored => "errored",
    }
}

/// The word for what is held of a test; none while it is not decided.
pub(crate) fn verdict_word(verdict: v1::TestVerdict) -> Option<&'static str> {
    match verdict {
        v1::TestVerdict::Unspecified => None,
        v1::TestVerdict::Passed => Some("passed"),
        v1::TestVerdict::Failed => Some("failed"),
        v1::TestVerdict::Flaky => Some("flaky"),
        v1::TestVerdict::Skipped => Some("skipped"),
        v1::TestVerdict::Errored => Some("errored"),
    }
}

/// The word for what a job does.
pub(super) fn kind_word(kind: v1::JobKind) -> &'static str {
    match kind {
        v1::JobKind::Unspecified => "unknown",
        v1::JobKind::Steps => "steps",
        v1::JobKind::TestBuild => "test_build",
        v1::JobKind::Tests => "tests",
    }
}
