//! How work ended.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error_code::Reason;

/// What one try of one test said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TryOutcome {
    /// It ran and said yes.
    Passed,
    /// It ran and said no.
    Failed,
    /// Its runner says that it is not to be run here.
    Skipped,
    /// It could not be run, or its end is not known.
    Errored,
}

/// What is held of a test when all its tries are over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TestVerdict {
    /// Passed at its first try.
    Passed,
    /// Failed at every try.
    Failed,
    /// Failed, then passed on the same code.
    Flaky,
    /// Not to be run here, as its runner says.
    Skipped,
    /// Could not be run.
    Errored,
}

/// How one attempt of a job, a discovery or a shard ended, as its agent saw it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum AttemptOutcome {
    /// It did what it was asked to do. For a shard: it ran every test that it was dealt, whatever they said.
    Passed,
    /// The user's work said no.
    Failed {
        /// Why.
        reason: Reason,
    },
    /// It could not be run: the agent's or the infrastructure's fault.
    Errored {
        /// Why.
        reason: Reason,
    },
    /// It ran longer than it may.
    TimedOut,
    /// It was stopped because the coordinator said so.
    Cancelled,
}

/// How a job or a whole run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// All said yes; flaky tests count as yes.
    Passed,
    /// Left out because its condition did not hold, or because something that it needs did not pass.
    Skipped,
    /// The user's code said no.
    Failed,
    /// It ran longer than it may.
    TimedOut,
    /// Somebody stopped it.
    Cancelled,
    /// It could not be run, or its result cannot be trusted.
    Errored,
}

impl TestVerdict {
    /// Whether a job with this verdict among its tests can still pass.
    #[must_use]
    pub const fn is_good(self) -> bool {
        match self {
            Self::Passed | Self::Flaky | Self::Skipped => true,
            Self::Failed | Self::Errored => false,
        }
    }

    /// The word that code, API and people use.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::Flaky => "flaky",
            Self::Skipped => "skipped",
            Self::Errored => "errored",
        }
    }
}

impl Outcome {
    /// The word that code, API and people use.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Skipped => "skipped",
            Self::Failed => "failed",
            Self::TimedOut => "timed out",
            Self::Cancelled => "cancelled",
            Self::Errored => "errored",
        }
    }
}
