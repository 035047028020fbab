//! [`RunSpec`]: what is to be run. The one form to which the CLI, the API, pipeline files and importers lower.
//!
//! Texts that may hold `${{ … }}` say so; what could be computed when the file was compiled has been computed, what
//! is left needs the results of other jobs or steps and is computed by
//! [`crate::pipeline::expression`] where the job runs.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::requirement::Requirement;
pub use crate::runner::{ResultFormat, Runner};
pub use crate::test_group::TestGroup;
pub use crate::test_scope::TestScope;

/// Environment variables. Values may hold `${{ … }}`.
pub type Env = BTreeMap<String, String>;

/// One run: a graph of jobs over one workspace.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RunSpec {
    /// Whose tests these are: history and fair shares go by project.
    pub project: String,
    /// What people call it; the pipeline's name.
    pub name: String,
    /// Root directory (a Remote Execution API `Directory`) of the files that every job begins with; none: an empty one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workspace: Option<Digest>,
    /// Variables of every job. Weaker than a job's own.
    #[serde(default, skip_serializing_if = "Env::is_empty")]
    pub env: Env,
    /// The jobs. A job's needs stand before it.
    pub jobs: Vec<JobSpec>,
    /// Of test jobs, by their names: the only tests that are wanted of those that discovery finds. One that it does not
    /// find is named in the job's reason, and the job does not pass.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub only: BTreeMap<String, Vec<String>>,
    /// Tests that are run several times although they pass, so that a flaky one is seen before it is old; none: no test is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stress: Option<StressSpec>,
}

/// New tests are run several times although they pass: those that no earlier run of their job has seen (of a job that was
/// never run none is new), and those whose names begin with one of `changed`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StressSpec {
    /// How often each is run, from 2 to [`crate::limits::STRESS_TIMES_MAX`].
    pub times: u32,
    /// Beginnings of names of tests that have changed, such as their files.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changed: Vec<String>,
}

/// One node of a run's graph.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct JobSpec {
    /// Unique in the run, such as `unit (3.12, linux)`.
    pub name: String,
    /// The key under `jobs:` that it comes from. The jobs of one matrix share it; `needs.<group>` names it.
    pub group: String,
    /// Names of jobs that must have ended before this one begins. Each stands before this job in the run.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub needs: Vec<String>,
    /// Expression (without `${{ }}`) that decides whether it runs at all; none: only if all its needs passed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub condition: Option<String>,
    /// What its agent must have.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub requirements: Vec<Requirement>,
    /// Variables of every step. Stronger than the run's, weaker than a step's.
    #[serde(default, skip_serializing_if = "Env::is_empty")]
    pub env: Env,
    /// Time limit from its first attempt's start to its end, over all attempts.
    pub timeout_ms: u64,
    /// How long it may wait for an agent.
    pub queue_timeout_ms: u64,
    /// Whether it may be run a second time after its agent was lost in the middle of it. A deploy may not.
    pub is_repeatable: bool,
    /// Whether the run may pass although this job did not.
    #[serde(default)]
    pub may_fail: bool,
    /// What it does.
    pub work: Work,
    /// Artifacts of jobs it needs that are laid over its workspace before it begins.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub inputs: Vec<ArtifactInput>,
    /// Artifacts that it hands over when it has passed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub artifacts: Vec<ArtifactSpec>,
    /// Values for the jobs that need it. Texts with `${{ steps.… }}`, computed when its steps have ended.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub outputs: BTreeMap<String, String>,
}

/// What a job does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Work {
    /// Runs its steps in order on one agent.
    Steps(Vec<StepSpec>),
    /// Builds what the shards of a test job run, once. Hands it over as the artifact [`BUILD_ARTIFACT`].
    TestBuild(TestSpec),
    /// Discovers tests and deals them out to shards.
    Tests(TestSpec),
}

/// Name of the artifact by which a [`Work::TestBuild`] hands over what it has built.
pub const BUILD_ARTIFACT: &str = "test-build";
/// Name of the artifact by which the preparation of a test suite hands over what it has made.
pub const PREPARE_ARTIFACT: &str = "test-prepare";

/// One command of a job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StepSpec {
    /// Name under which its outputs are known as `steps.<id>.outputs`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// What people call it.
    pub name: String,
    /// Expression (without `${{ }}`) that decides whether it runs; none: only if all steps before it passed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub condition: Option<String>,
    /// Script. May hold `${{ … }}`.
    pub run: String,
    /// Interpreter of the script.
    pub shell: Shell,
    /// Variables of this step alone.
    #[serde(default, skip_serializing_if = "Env::is_empty")]
    pub env: Env,
    /// Folder beneath the workspace in which it runs; none: the workspace itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub working_directory: Option<String>,
    /// Its own time limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u64>,
    /// Whether the job goes on as if it had passed when it did not.
    #[serde(default)]
    pub may_fail: bool,
}

/// Interpreter of a script.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Shell {
    /// `bash -e` where bash is installed, else `sh -e`, as GitHub Actions does for a step without `shell`.
    #[default]
    Default,
    /// `bash --noprofile --norc -eo pipefail`.
    Bash,
    /// `sh -e`.
    Sh,
    /// `python3`.
    Python,
}

/// A test suite.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TestSpec {
    /// What lists and runs its tests.
    pub runner: Runner,
    /// Folder beneath the workspace in which the runner runs; none: the workspace itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub working_directory: Option<String>,
    /// Steps that every agent runs before it lists or runs tests, such as the making of a virtual environment.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub setup: Vec<StepSpec>,
    /// How often a failed test is run again.
    pub retries: u32,
    /// Most shards at one time; none: as many as there are slots.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parallel: Option<u32>,
    /// Time limit of one test.
    pub test_timeout_ms: u64,
    /// Which tests stay together.
    #[serde(default, skip_serializing_if = "TestScope::is_test")]
    pub scope: TestScope,
    /// Tests of which only so many may run at one time.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<TestGroup>,
    /// Whether agents may keep the suite's list for the next discovery of the same files. A list that was kept is checked
    /// while its tests run.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub caches_discovery: bool,
}

/// Files that a job hands over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ArtifactSpec {
    /// Unique in the job.
    pub name: String,
    /// Files and folders beneath the workspace; `*` and `**` match names. At least one file must be found.
    pub paths: Vec<String>,
}

/// Files that a job takes over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ArtifactInput {
    /// Name of a job in `needs`.
    pub job: String,
    /// Name of one of its artifacts.
    pub artifact: String,
    /// Folder beneath the workspace into which it is laid; none: the workspace itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
}
