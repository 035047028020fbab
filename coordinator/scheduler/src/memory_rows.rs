//! What is stored of tests, test jobs and agents beyond their runs.

use muster_common::id::{AgentName, RunId};
use muster_common::time::Wall;

/// A test job of which runs are remembered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemorySuiteRow {
    /// Its number.
    pub suite: u32,
    /// Its project.
    pub project: String,
    /// Its name.
    pub job: String,
    /// When it was last learned from.
    pub last_seen: Wall,
    /// The last runs that were learned from, oldest first.
    pub runs: Vec<JudgedRun>,
}

/// A run of a test job that was learned from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JudgedRun {
    /// Its number.
    pub run: u32,
    /// What its failures say.
    pub kind: RunKind,
}

/// What the failures of one run of a test job say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunKind {
    /// Something about the tests.
    Telling,
    /// Nothing: tests failed and then passed on most agents at once, or many agents fell silent.
    Outage,
    /// Nothing about a single test: many failed in every try. It is the code, or what all of them need.
    ManyFailed,
}

/// What earlier runs have shown of one test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemoryTestRow {
    /// Number of its test job.
    pub suite: u32,
    /// Its place there.
    pub place: u32,
    /// Its name.
    pub name: String,
    /// Mean of its durations, the newest counting most, in microseconds; 0: it never came to an end.
    pub mean_us: u64,
    /// A duration that it hardly ever exceeds, in microseconds.
    pub high_us: u64,
    /// Runs in which it passed; may lag by some runs in which nothing was new.
    pub passed: u32,
    /// Runs in which it failed.
    pub failed: u32,
    /// Runs in which it failed and then passed.
    pub flaky: u32,
    /// When it was first seen, to the second.
    pub first_seen: Wall,
    /// When it was last seen, to the second; may lag likewise.
    pub last_seen: Wall,
    /// The last run that this row counts.
    pub last_run: RunId,
    /// Its last outcomes that are news, newest last: every one that was no pass (of a row of failures the first and the
    /// last), and passes on content on which it also failed.
    pub recent: Vec<RecentOutcome>,
    /// How much speaks for a raised rate of first failures, in thousandths.
    pub shift: u32,
    /// The run in which that was last so much that it was said; 0: none.
    pub alarm_run: u32,
    /// Since when and why its failures do not count, if they do not.
    pub quarantine: Option<Box<Quarantine>>,
}

/// Why the failures of a test do not count for a while.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quarantine {
    /// Who answers for it.
    pub owner: String,
    /// Why.
    pub reason: String,
    /// Since when.
    pub since: Wall,
    /// Until when at the latest.
    pub until: Wall,
    /// Whether the coordinator found it, and not a person.
    pub is_automatic: bool,
    /// How many of its runs had been counted then.
    pub from_sighting: u32,
}

/// How surely and how often a test was flaky of late.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct FlakeRate {
    /// Runs in which it failed and passed on the same content.
    pub flakes: u32,
    /// Runs that say something about it.
    pub runs: u32,
    /// Their share is hardly less (Wilson's interval of 95 %).
    pub low: f64,
    /// It is hardly more.
    pub high: f64,
}

/// What is to be thought of a test.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Standing {
    /// Nothing speaks against it.
    #[default]
    Healthy,
    /// It fails and passes on the same content, wherever it runs.
    Flaky,
    /// It fails in every try.
    Broken,
}

/// What is remembered of an agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentHealthRow {
    /// Its short number, as in [`RecentOutcome::agent`].
    pub number: u32,
    /// Its name.
    pub agent: AgentName,
    /// Tries of tests that ended on it of late.
    pub tries: u32,
    /// Those that failed there, and whose test passed elsewhere on the same content.
    pub surprises: u32,
    /// Hashes of the names of the last different tests of those.
    pub tests: Vec<u32>,
    /// When it was last learned from.
    pub last_seen: Wall,
    /// The last run in which what it said of tests is no sign; 0: none.
    pub discredited_until: u32,
    /// Why it gets no new work, if it is fenced off.
    pub fence: Option<Fence>,
}

/// Why an agent gets no new work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fence {
    /// For people.
    pub reason: String,
    /// Since when.
    pub since: Wall,
}

/// What one run said of a test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecentOutcome {
    /// The run's number.
    pub run: u32,
    /// A short number of the agent on which it failed, else of the one on which it passed.
    pub agent: u32,
    /// The first four bytes of the workspace's digest.
    pub content: u32,
    /// What it said.
    pub outcome: RememberedOutcome,
    /// Which of the counted runs of this test it was, from 1.
    pub sighting: u32,
    /// How many tries it had.
    pub tries: u8,
}

/// An outcome that says something about the test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RememberedOutcome {
    /// It passed at once.
    Passed,
    /// It failed in every try.
    Failed,
    /// It failed, then passed.
    Flaky,
    /// It failed in every try, and so did many others.
    FailedInCompany,
}
