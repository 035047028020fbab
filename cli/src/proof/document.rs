//! What is in a report.
//!
//! The fields of every record stand in the order of their names: that is their order in the canonical form, so writing
//! a record down writes its canonical form.

use muster_common::outcome::{Outcome, TestVerdict, TryOutcome};
use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde::{Deserialize, Serialize};

/// The report of a run that has ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "Report")]
pub(crate) struct Document {
    /// `sha256:` and 64 hexadecimal digits: over the canonical form of everything else.
    pub(crate) digest: String,
    /// `muster-report-1`.
    pub(crate) format: String,
    /// Every job of the run, in the order of their numbers.
    pub(crate) jobs: Vec<JobRecord>,
    /// The run.
    pub(crate) run: RunRecord,
    /// Every discovered test, in the order of jobs and discovery.
    pub(crate) tests: Vec<TestRecord>,
}

/// A run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RunRecord {
    /// When it ended, in milliseconds since 1970.
    pub(crate) finished_unix_ms: Option<u64>,
    /// Whether somebody wanted it stopped.
    pub(crate) is_cancel_requested: bool,
    /// What people call it.
    pub(crate) name: String,
    /// How it ended; null: it has not.
    pub(crate) outcome: Option<Outcome>,
    /// Whose tests these are.
    pub(crate) project: String,
    /// Why it did not pass.
    pub(crate) reason: Option<ReasonRecord>,
    /// Its number.
    pub(crate) run: u64,
    /// When its first job began.
    pub(crate) started_unix_ms: Option<u64>,
    /// When it was accepted.
    pub(crate) submitted_unix_ms: u64,
    /// Sums over all its tests.
    pub(crate) tests: Counts,
}

/// A job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct JobRecord {
    /// Of a test job whose discovery is complete: what it found.
    pub(crate) discovery: Option<Discovery>,
    /// When it ended.
    pub(crate) finished_unix_ms: Option<u64>,
    /// Its number.
    pub(crate) job: u32,
    /// What it does.
    pub(crate) kind: Kind,
    /// Attempts and shards whose agents were lost.
    pub(crate) lost_attempts: u32,
    /// Whether the run may pass although this job did not.
    pub(crate) may_fail: bool,
    /// Its name.
    pub(crate) name: String,
    /// How it ended; null: it has not.
    pub(crate) outcome: Option<Outcome>,
    /// Why it did not pass.
    pub(crate) reason: Option<ReasonRecord>,
    /// How many tests the run has selected of it; null: it wants all.
    pub(crate) selected: Option<u32>,
    /// When its first attempt began.
    pub(crate) started_unix_ms: Option<u64>,
    /// Of a test job: sums over its tests.
    pub(crate) tests: Option<Counts>,
}

/// What a job does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    /// Steps.
    Steps,
    /// The build of a test suite.
    TestBuild,
    /// A test suite.
    Tests,
}

/// A complete discovery.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Discovery {
    /// SHA-256 in hexadecimal digits over the names of its tests in their order, each followed by a zero byte.
    pub(crate) sha256: String,
    /// How many they are.
    pub(crate) tests: u32,
}

/// How many tests ended how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Counts {
    /// All of them.
    pub(crate) discovered: u32,
    /// Could not be run.
    pub(crate) errored: u32,
    /// Failed.
    pub(crate) failed: u32,
    /// Failed, then passed.
    pub(crate) flaky: u32,
    /// Passed.
    pub(crate) passed: u32,
    /// Those that failed and are in quarantine, so that they do not count.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(crate) quarantined: u32,
    /// Left out, as their runner says.
    pub(crate) skipped: u32,
    /// Without a verdict when their job ended.
    pub(crate) without_verdict: u32,
}

/// A test.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TestRecord {
    /// The number of its job.
    pub(crate) job: u32,
    /// Its id, as its runner names it.
    pub(crate) name: String,
    /// Whether a failure of it counts for nothing.
    #[serde(default, skip_serializing_if = "is_false")]
    pub(crate) quarantined: bool,
    /// Its place in its job's discovery, from 0.
    pub(crate) test: u32,
    /// Its tries, in their order.
    pub(crate) tries: Vec<TryRecord>,
    /// What is held of it; null: its job ended before that was known.
    pub(crate) verdict: Option<TestVerdict>,
}

/// One try of a test.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TryRecord {
    /// Where it ran.
    pub(crate) agent: String,
    /// Which try, from 1.
    pub(crate) attempt: u32,
    /// How long it took, in microseconds.
    pub(crate) duration_us: u64,
    /// When its result arrived.
    pub(crate) finished_unix_ms: u64,
    /// The first thing that a person wants to read.
    pub(crate) message: String,
    /// What it said.
    pub(crate) outcome: TryOutcome,
    /// What it wrote, as a blob of the coordinator.
    pub(crate) output: Option<OutputRecord>,
}

/// What a try wrote.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct OutputRecord {
    /// SHA-256 in hexadecimal digits.
    pub(crate) sha256: String,
    /// Its length.
    pub(crate) size_bytes: u64,
}

/// Why something ended as it did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReasonRecord {
    /// Stable: one of docs/reference/reasons.md.
    pub(crate) code: String,
    /// For people.
    pub(crate) message: String,
}

impl Document {
    /// Name of a job.
    pub(crate) fn job_name(&self, job: u32) -> &str {
        self.jobs.iter().find(|candidate| candidate.job == job).map_or("?", |job| job.name.as_str())
    }
}

impl Counts {
    /// One more test with this verdict.
    pub(crate) fn add(&mut self, verdict: Option<TestVerdict>, is_quarantined: bool) {
        self.discovered += 1;
        self.quarantined += u32::from(is_quarantined && verdict == Some(TestVerdict::Failed));
        let count = match verdict {
            Some(TestVerdict::Passed) => &mut self.passed,
            Some(TestVerdict::Failed) => &mut self.failed,
            Some(TestVerdict::Flaky) => &mut self.flaky,
            Some(TestVerdict::Skipped) => &mut self.skipped,
            Some(TestVerdict::Errored) => &mut self.errored,
            None => &mut self.without_verdict,
        };
        *count += 1;
    }

    /// Each count with what it counts.
    pub(crate) const fn named(&self) -> [(&'static str, u32); 8] {
        [
            ("discovered", self.discovered),
            ("passed", self.passed),
            ("failed", self.failed),
            ("flaky", self.flaky),
            ("skipped", self.skipped),
            ("errored", self.errored),
            ("without_verdict", self.without_verdict),
            ("quarantined", self.quarantined),
        ]
    }
}

// What is not so is not written, so that reports of older versions keep their digests.

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over references")]
const fn is_zero(count: &u32) -> bool {
    *count == 0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over references")]
const fn is_false(flag: &bool) -> bool {
    !*flag
}

/// The JSON Schema of a report.
pub(crate) fn schema() -> serde_json::Value {
    SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<Document>().to_value()
}

/// The form that is written, and the only one that is read.
pub(crate) const FORMAT: &str = "muster-report-1";
