//! Why something ended as it did, by a stable code that programs can match and a text that people can read.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A cause, with what is known of this case.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    /// The cause.
    pub code: ReasonCode,
    /// What failed, on what, and what to do next; lower case, no full stop at the end.
    pub message: String,
}

/// The causes. Their texts are part of the interface: added to, never renamed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReasonCode {
    /// A command ended with another exit status than 0.
    ExitStatus,
    /// A command was ended by a signal.
    Signal,
    /// A command was ended because there was no memory left.
    OutOfMemory,
    /// The work ran longer than it may.
    Timeout,
    /// The job waited longer for an agent than it may.
    QueueTimeout,
    /// Somebody stopped it.
    Cancelled,
    /// Tests failed.
    TestsFailed,
    /// The build before the tests failed.
    BuildFailed,
    /// The test runner, or something it needs, is not installed on the agent.
    RunnerMissing,
    /// The runner could not list its tests because of the user's code, such as a syntax error.
    DiscoveryFailed,
    /// Discovery found no test.
    NoTests,
    /// The runner ended in a way that it should not.
    RunnerCrashed,
    /// A result file is not there.
    ResultsMissing,
    /// A result file is cut off or cannot be read.
    ResultsBroken,
    /// A test that was dealt has no result.
    TestNotRun,
    /// A result is of a test that was not dealt.
    TestUnknown,
    /// The list of tests does not agree with its own count or digest.
    DiscoveryUnsealed,
    /// The workspace or an input could not be made on the agent.
    WorkspaceFailed,
    /// The workspace was gone when the work ended.
    WorkspaceLost,
    /// There is no room left on the agent's disk.
    DiskFull,
    /// An artifact that the job names is not there.
    ArtifactMissing,
    /// The agents that held the work were lost too often.
    AgentsLost,
    /// The agent that held work that is not safe to repeat was lost; nobody knows how it ended.
    OutcomeUnknown,
    /// No agent has what the job asks for.
    Unsatisfiable,
    /// Something that the job needs did not pass.
    NeedsFailed,
    /// The job's condition did not hold.
    ConditionFalse,
    /// An expression in the job could not be computed.
    ExpressionFailed,
    /// A limit of `muster_common::limits` was exceeded.
    LimitExceeded,
    /// The agent refused the work.
    AgentRefused,
    /// A fault of Muster's own.
    Internal,
}

impl Reason {
    /// A reason from its two parts.
    pub fn new(code: ReasonCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }
}

impl ReasonCode {
    /// Every code, in the order of their declaration.
    pub const ALL: &[Self] = &[
        Self::ExitStatus,
        Self::Signal,
        Self::OutOfMemory,
        Self::Timeout,
        Self::QueueTimeout,
        Self::Cancelled,
        Self::TestsFailed,
        Self::BuildFailed,
        Self::RunnerMissing,
        Self::DiscoveryFailed,
        Self::NoTests,
        Self::RunnerCrashed,
        Self::ResultsMissing,
        Self::ResultsBroken,
        Self::TestNotRun,
        Self::TestUnknown,
        Self::DiscoveryUnsealed,
        Self::WorkspaceFailed,
        Self::WorkspaceLost,
        Self::DiskFull,
        Self::ArtifactMissing,
        Self::AgentsLost,
        Self::OutcomeUnknown,
        Self::Unsatisfiable,
        Self::NeedsFailed,
        Self::ConditionFalse,
        Self::ExpressionFailed,
        Self::LimitExceeded,
        Self::AgentRefused,
        Self::Internal,
    ];

    /// The code as programs see it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::ExitStatus => "exit_status",
            Self::Signal => "signal",
            Self::OutOfMemory => "out_of_memory",
            Self::Timeout => "timeout",
            Self::QueueTimeout => "queue_timeout",
            Self::Cancelled => "cancelled",
            Self::TestsFailed => "tests_failed",
            Self::BuildFailed => "build_failed",
            Self::RunnerMissing => "runner_missing",
            Self::DiscoveryFailed => "discovery_failed",
            Self::NoTests => "no_tests",
            Self::RunnerCrashed => "runner_crashed",
            Self::ResultsMissing => "results_missing",
            Self::ResultsBroken => "results_broken",
            Self::TestNotRun => "test_not_run",
            Self::TestUnknown => "test_unknown",
            Self::DiscoveryUnsealed => "discovery_unsealed",
            Self::WorkspaceFailed => "workspace_failed",
            Self::WorkspaceLost => "workspace_lost",
            Self::DiskFull => "disk_full",
            Self::ArtifactMissing => "artifact_missing",
            Self::AgentsLost => "agents_lost",
            Self::OutcomeUnknown => "outcome_unknown",
            Self::Unsatisfiable => "unsatisfiable",
            Self::NeedsFailed => "needs_failed",
            Self::ConditionFalse => "condition_false",
            Self::ExpressionFailed => "expression_failed",
            Self::LimitExceeded => "limit_exceeded",
            Self::AgentRefused => "agent_refused",
            Self::Internal => "internal",
        }
    }

    /// The code that `word` names; `Internal` for a word of a newer version.
    #[must_use]
    pub fn from_word(word: &str) -> Self {
        Self::ALL.iter().copied().find(|code| code.word() == word).unwrap_or(Self::Internal)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_reads_back_from_its_word() {
        for code in ReasonCode::ALL {
            assert_eq!(ReasonCode::from_word(code.word()), *code);
            assert_eq!(serde_json::to_value(code).ok(), Some(code.word().into()));
        }
    }
}
