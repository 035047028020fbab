//! What clients and operators do.

use std::time::Duration;

use muster_common::spec::RunSpec;

use super::{JobTruth, TestTruth};

/// One run that a client submits.
#[derive(Clone, Debug, PartialEq)]
pub struct RunPlan {
    /// When it is submitted. Its client sends the same again until it is answered.
    pub at: Duration,
    /// What is submitted. Passes `muster_common::spec_check`.
    pub spec: RunSpec,
    /// The client's id of the request; may be empty, and may be that of an earlier run.
    pub request_id: String,
    /// When the same request is sent again although it may have been answered.
    pub again: Vec<Duration>,
    /// What truly happens when its jobs run, one for each job of `spec`.
    pub truth: Vec<JobTruth>,
}

impl RunPlan {
    /// Its tests, over all its suites.
    pub fn tests(&self) -> impl Iterator<Item = &TestTruth> {
        let suites = self.truth.iter().filter_map(|truth| match truth {
            JobTruth::Suite(suite) => Some(suite),
            JobTruth::Work(_) => None,
        });
        suites.flat_map(|suite| &suite.tests)
    }
}

/// Something that a client or operator does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeedPlan {
    /// When.
    pub at: Duration,
    /// What.
    pub deed: Deed,
}

/// What a client or operator does. Runs are named by their place in [`super::Plan::runs`], agents by theirs in
/// [`super::Plan::agents`]; a run without an answered submit is named by a number that no run has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deed {
    /// Stops a run.
    Cancel(usize),
    /// Looks at a run.
    GetRun(usize),
    /// Asks what a run was to do.
    GetSpec(usize),
    /// Looks at all open runs.
    ListRuns,
    /// Lists the tests of a run, page by page.
    ListRunTests {
        /// The run.
        run: usize,
        /// Tests in one page.
        limit: usize,
    },
    /// Watches a run from now on.
    WatchRun(usize),
    /// Looks at the fleet.
    ListAgents,
    /// Asks what is known of the tests of a run's project, page by page.
    ListTests {
        /// The run.
        run: usize,
        /// Tests in one page.
        limit: usize,
    },
    /// Asks how much there is of everything.
    Overview,
    /// Drains an agent; it comes back with its next life.
    DrainAgent(usize),
    /// Says that an agent is well.
    TrustAgent(usize),
    /// Puts a test of a run's project into quarantine, for so long.
    QuarantineTest {
        /// The run.
        run: usize,
        /// Which of its tests, over all its suites.
        test: usize,
        /// For how long.
        span: Duration,
    },
    /// Takes a test of a run's project out of quarantine.
    ReleaseTest {
        /// The run.
        run: usize,
        /// Which of its tests, over all its suites.
        test: usize,
    },
    /// Asks for a run that there never was.
    GetNoRun,
}
