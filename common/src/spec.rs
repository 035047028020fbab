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

/// What lists and runs tests.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Runner {
    /// `cargo nextest`, built once with `cargo nextest archive`.
    CargoNextest {
        /// Further arguments for build and list, such as `--features x`.
        #[serde(default)]
        args: Vec<String>,
    },
    /// `cargo test` on the standard test harness, doc tests included.
    CargoTest {
        /// Further arguments for build and list, such as `--features x`.
        #[serde(default)]
        args: Vec<String>,
    },
    /// `python -m pytest`.
    Pytest {
        /// Further arguments, such as paths or `-m "not slow"`.
        #[serde(default)]
        args: Vec<String>,
    },
    /// `python -m unittest`.
    Unittest {
        /// Further arguments as `python -m unittest` takes them, such as `discover -s tests`.
        #[serde(default)]
        args: Vec<String>,
    },
    /// `go test`, each package compiled once with `go test -c`.
    Go {
        /// Packages and flags, such as `./... -race`; none: `./...`.
        #[serde(default)]
        args: Vec<String>,
    },
    /// Jest.
    Jest {
        /// Further arguments, such as `--config x` or paths.
        #[serde(default)]
        args: Vec<String>,
    },
    /// Vitest.
    Vitest {
        /// Further arguments, such as `--project x` or paths.
        #[serde(default)]
        args: Vec<String>,
    },
    /// Mocha.
    Mocha {
        /// Further arguments, such as `--config x` or files.
        #[serde(default)]
        args: Vec<String>,
    },
    /// Playwright Test.
    Playwright {
        /// Further arguments, such as `--project x` or paths.
        #[serde(default)]
        args: Vec<String>,
    },
    /// Test executables that are made with GoogleTest.
    Googletest {
        /// The executables, as patterns beneath the working directory, and flags for them.
        #[serde(default)]
        args: Vec<String>,
    },
    /// `ctest` in a build tree that stands.
    Ctest {
        /// Further arguments, such as `--test-dir build` or `-L unit`.
        #[serde(default)]
        args: Vec<String>,
    },
    /// RSpec.
    Rspec {
        /// Further arguments, such as `--tag fast` or paths.
        #[serde(default)]
        args: Vec<String>,
    },
    /// Minitest.
    Minitest {
        /// Test files as patterns, and folders for `ruby -I`.
        #[serde(default)]
        args: Vec<String>,
    },
    /// PHPUnit.
    Phpunit {
        /// Further arguments, such as `--configuration x` or paths.
        #[serde(default)]
        args: Vec<String>,
    },
    /// JUnit and TestNG by Maven Surefire.
    Maven {
        /// Further arguments of `mvn`, such as `-pl core`.
        #[serde(default)]
        args: Vec<String>,
    },
    /// JUnit and TestNG by Gradle.
    Gradle {
        /// Further arguments of `gradle`; words without a dash are test tasks, by default `test`.
        #[serde(default)]
        args: Vec<String>,
    },
    /// Any other runner, by two commands and a file of results.
    Generic {
        /// Command that prints the tests, one id a line.
        list: String,
        /// Command that runs exactly the tests named in the file `$MUSTER_TESTS_FILE`, one id a line. `{tests_file}` in
        /// it stands for that file's path.
        run: String,
        /// Where its results are found after `run`, beneath the working directory; `*` and `**` match names.
        results: Vec<String>,
        /// What they are written in.
        #[serde(default, skip_serializing_if = "ResultFormat::is_junit")]
        format: ResultFormat,
    },
}

/// What a file of results is written in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ResultFormat {
    /// JUnit XML, in any of its kinds.
    #[default]
    Junit,
    /// Test Anything Protocol, versions 12 to 14.
    Tap,
    /// Common Test Report Format.
    Ctrf,
    /// What `go test -json` prints.
    GoTest,
    /// What Rust's test harness prints with `--format json`.
    Libtest,
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

impl Runner {
    /// The names by which files and people choose a runner.
    pub const NAMES: [&'static str; 17] = [
        "cargo-nextest",
        "cargo-test",
        "pytest",
        "unittest",
        "go",
        "jest",
        "vitest",
        "mocha",
        "playwright",
        "googletest",
        "ctest",
        "rspec",
        "minitest",
        "phpunit",
        "maven",
        "gradle",
        "generic",
    ];

    /// The runner of this name, with its arguments; none if there is no such runner, or if it takes more than arguments.
    #[must_use]
    pub fn named(name: &str, args: Vec<String>) -> Option<Self> {
        Some(match name {
            "cargo-nextest" => Self::CargoNextest { args },
            "cargo-test" => Self::CargoTest { args },
            "pytest" => Self::Pytest { args },
            "unittest" => Self::Unittest { args },
            "go" => Self::Go { args },
            "jest" => Self::Jest { args },
            "vitest" => Self::Vitest { args },
            "mocha" => Self::Mocha { args },
            "playwright" => Self::Playwright { args },
            "googletest" => Self::Googletest { args },
            "ctest" => Self::Ctest { args },
            "rspec" => Self::Rspec { args },
            "minitest" => Self::Minitest { args },
            "phpunit" => Self::Phpunit { args },
            "maven" => Self::Maven { args },
            "gradle" => Self::Gradle { args },
            _ => return None,
        })
    }

    /// The name by which files and people choose it.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::CargoNextest { .. } => "cargo-nextest",
            Self::CargoTest { .. } => "cargo-test",
            Self::Pytest { .. } => "pytest",
            Self::Unittest { .. } => "unittest",
            Self::Go { .. } => "go",
            Self::Jest { .. } => "jest",
            Self::Vitest { .. } => "vitest",
            Self::Mocha { .. } => "mocha",
            Self::Playwright { .. } => "playwright",
            Self::Googletest { .. } => "googletest",
            Self::Ctest { .. } => "ctest",
            Self::Rspec { .. } => "rspec",
            Self::Minitest { .. } => "minitest",
            Self::Phpunit { .. } => "phpunit",
            Self::Maven { .. } => "maven",
            Self::Gradle { .. } => "gradle",
            Self::Generic { .. } => "generic",
        }
    }

    /// Its further arguments; none if it takes none.
    #[must_use]
    pub fn args(&self) -> Option<&[String]> {
        match self {
            Self::CargoNextest { args }
            | Self::CargoTest { args }
            | Self::Pytest { args }
            | Self::Unittest { args }
            | Self::Go { args }
            | Self::Jest { args }
            | Self::Vitest { args }
            | Self::Mocha { args }
            | Self::Playwright { args }
            | Self::Googletest { args }
            | Self::Ctest { args }
            | Self::Rspec { args }
            | Self::Minitest { args }
            | Self::Phpunit { args }
            | Self::Maven { args }
            | Self::Gradle { args } => Some(args),
            Self::Generic { .. } => None,
        }
    }

    /// Whether it needs a [`Work::TestBuild`] before its tests can be listed.
    #[must_use]
    pub const fn needs_build(&self) -> bool {
        match self {
            Self::CargoNextest { .. } | Self::CargoTest { .. } | Self::Go { .. } => true,
            Self::Pytest { .. }
            | Self::Unittest { .. }
            | Self::Jest { .. }
            | Self::Vitest { .. }
            | Self::Mocha { .. }
            | Self::Playwright { .. }
            | Self::Googletest { .. }
            | Self::Ctest { .. }
            | Self::Rspec { .. }
            | Self::Minitest { .. }
            | Self::Phpunit { .. }
            | Self::Maven { .. }
            | Self::Gradle { .. }
            | Self::Generic { .. } => false,
        }
    }
}

impl ResultFormat {
    /// The names by which files and people choose a format.
    pub const NAMES: [&'static str; 5] = ["junit", "tap", "ctrf", "go-test", "libtest"];

    /// The format of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "junit" => Self::Junit,
            "tap" => Self::Tap,
            "ctrf" => Self::Ctrf,
            "go-test" => Self::GoTest,
            "libtest" => Self::Libtest,
            _ => return None,
        })
    }

    /// The name by which files and people choose it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Junit => "junit",
            Self::Tap => "tap",
            Self::Ctrf => "ctrf",
            Self::GoTest => "go-test",
            Self::Libtest => "libtest",
        }
    }

    /// Whether it is the format that is meant where none is named.
    #[must_use]
    pub const fn is_junit(&self) -> bool {
        match self {
            Self::Junit => true,
            Self::Tap | Self::Ctrf | Self::GoTest | Self::Libtest => false,
        }
    }
}
