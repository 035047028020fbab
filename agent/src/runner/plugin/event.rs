//! What a plugin reports.

use muster_common::error_code::ReasonCode;
use muster_common::outcome::TryOutcome;
use serde::Deserialize;

use crate::runner::failure::RunnerFailure;

/// One line.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case", tag = "event")]
pub(crate) enum Event {
    /// The runner has loaded the plugin.
    Hello {
        /// The runner's version.
        version: String,
    },
    /// A test that there is.
    Item {
        /// Its name.
        name: String,
    },
    /// All tests have been named.
    Listed {
        /// How many they are.
        count: usize,
    },
    /// A test has begun.
    Started {
        /// Its name.
        name: String,
    },
    /// A test has ended, with all that belongs to it.
    Finished {
        /// Its name.
        name: String,
        /// What it said.
        outcome: TryOutcome,
        /// How long it took; none: as seen from here.
        #[serde(default)]
        seconds: Option<f64>,
        /// What went wrong, or why it was skipped.
        message: String,
        /// Traceback and captured output.
        output: String,
    },
    /// Something went wrong outside of every test, after the last of them.
    Outside {
        /// What, in short.
        message: String,
        /// All of it.
        output: String,
    },
    /// Every test of the batch that could be run has ended; the next batch may come.
    Done,
}

impl Event {
    /// Reads a line.
    pub(crate) fn read(line: &[u8]) -> Result<Self, RunnerFailure> {
        serde_json::from_slice(line).map_err(|error| {
            let message = format!("a line that the runner's plugin reported cannot be read: {error}");
            RunnerFailure::infrastructure(ReasonCode::ResultsBroken, message)
        })
    }
}
