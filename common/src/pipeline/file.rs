//! What a pipeline file holds, with the place of everything. The JSON Schema for editors is made from these types.

use std::collections::BTreeMap;

use schemars::JsonSchema;

use super::expression::Value;
use super::forms;
use super::place::{At, Span};

/// Names and values in the order of the file.
pub(crate) type Texts = Vec<(At<String>, At<String>)>;

/// A pipeline: jobs that run on a fleet of agents, or on one machine.
#[derive(Clone, Debug, JsonSchema)]
#[schemars(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct PipelineFile {
    /// What people call the pipeline. Default: the name of its folder.
    pub(crate) name: Option<At<String>>,
    /// Whose tests these are: the history of tests and fair shares go by project. Default: given by the caller.
    pub(crate) project: Option<At<String>>,
    /// Environment variables of every job. Values may hold `${{ muster.… }}`.
    #[schemars(with = "Option<BTreeMap<String, forms::Text>>")]
    pub(crate) env: Texts,
    /// What holds for every `run` step that does not say otherwise.
    #[schemars(with = "Option<Defaults>")]
    pub(crate) defaults: Defaults,
    /// The jobs, by name.
    #[schemars(with = "BTreeMap<String, Job>")]
    pub(crate) jobs: Vec<(At<String>, Job)>,
}

/// What holds where nothing else is said.
#[derive(Clone, Debug, Default, JsonSchema)]
#[schemars(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Defaults {
    /// For `run` steps.
    #[schemars(with = "Option<RunDefaults>")]
    pub(crate) run: RunDefaults,
}

/// What holds for `run` steps where nothing else is said.
#[derive(Clone, Debug, Default, JsonSchema)]
#[schemars(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct RunDefaults {
    /// Interpreter of scripts.
    #[schemars(with = "Option<forms::Shell>")]
    pub(crate) shell: Option<At<String>>,
    /// Folder beneath the workspace.
    pub(crate) working_directory: Option<At<String>>,
}

/// A job: steps on one agent, or a test suite that is dealt out to many.
#[derive(Clone, Debug, JsonSchema)]
#[schemars(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Job {
    /// What people call it. May hold `${{ matrix.… }}`. Default: its key.
    pub(crate) name: Option<At<String>>,
    /// Jobs that must have ended before it begins.
    #[schemars(with = "Option<forms::OneOrMany>")]
    pub(crate) needs: Vec<At<String>>,
    /// Labels that its agent must have, such as `linux` or `os=linux`.
    #[schemars(with = "Option<forms::OneOrMany>")]
    pub(crate) runs_on: Vec<At<String>>,
    /// Condition on which it runs. `success() &&` is implied where it asks for no status.
    #[schemars(with = "Option<forms::Condition>")]
    pub(crate) r#if: Option<At<String>>,
    /// Environment variables of every step. Values may hold `${{ … }}`.
    #[schemars(with = "Option<BTreeMap<String, forms::Text>>")]
    pub(crate) env: Texts,
    /// Makes several jobs of this one.
    pub(crate) strategy: Option<Strategy>,
    /// Time limit in minutes, from its first start to its end. Default: 60.
    #[schemars(with = "Option<forms::Minutes>")]
    pub(crate) timeout_minutes: Option<At<String>>,
    /// How many minutes it may wait for an agent. Default: 1440.
    #[schemars(with = "Option<forms::Minutes>")]
    pub(crate) queue_timeout_minutes: Option<At<String>>,
    /// Whether it may be run a second time after its agent was lost in the middle of it. A deploy may not. Default: true.
    pub(crate) repeatable: Option<At<bool>>,
    /// Whether the run may pass although this job did not. Default: false.
    #[schemars(with = "Option<forms::Flag>")]
    pub(crate) continue_on_error: Option<At<String>>,
    /// What holds for its `run` steps that do not say otherwise.
    #[schemars(with = "Option<Defaults>")]
    pub(crate) defaults: Defaults,
    /// Values for the jobs that need it, as texts with `${{ steps.<id>.outputs.<name> }}`.
    #[schemars(with = "Option<BTreeMap<String, forms::Text>>")]
    pub(crate) outputs: Texts,
    /// What it does, in order.
    pub(crate) steps: Vec<Step>,
    /// Files that it hands over when it has passed.
    #[schemars(with = "Option<Vec<Artifact>>")]
    pub(crate) artifacts: Vec<Artifact>,
    /// Artifacts of jobs that it needs, laid over its workspace before it begins.
    #[schemars(with = "Option<Vec<Download>>")]
    pub(crate) download: Vec<Download>,
}

/// How one job becomes several.
#[derive(Clone, Debug, JsonSchema)]
#[schemars(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Strategy {
    /// Names with lists of values: one job for each combination.
    #[schemars(with = "Option<forms::Matrix>")]
    pub(crate) matrix: Option<Matrix>,
    /// Only `false`: every job of a matrix runs to its end.
    #[schemars(with = "Option<forms::FailFast>")]
    pub(crate) fail_fast: Option<At<bool>>,
}

/// The values that a matrix combines.
#[derive(Clone, Debug)]
pub(crate) struct Matrix {
    pub(crate) place: Span,
    pub(crate) axes: Vec<(At<String>, Vec<At<Value>>)>,
    pub(crate) include: Vec<Combination>,
    pub(crate) exclude: Vec<Combination>,
}

/// Names and values of one item of `include` or `exclude`.
pub(crate) type Combination = Vec<(At<String>, At<Value>)>;

/// One step of a job.
#[derive(Clone, Debug, JsonSchema)]
#[schemars(untagged)]
pub(crate) enum Step {
    /// A script.
    Run(Box<RunStep>),
    /// A test suite.
    Test(Box<TestStep>),
}

/// A script that is run.
#[derive(Clone, Debug, JsonSchema)]
#[schemars(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct RunStep {
    /// Name under which its outputs are known as `steps.<id>.outputs`.
    pub(crate) id: Option<At<String>>,
    /// What people call it. May hold `${{ matrix.… }}`. Default: the first line of its script.
    pub(crate) name: Option<At<String>>,
    /// Condition on which it runs. `success() &&` is implied where it asks for no status.
    #[schemars(with = "Option<forms::Condition>")]
    pub(crate) r#if: Option<At<String>>,
    /// The script. May hold `${{ … }}`.
    pub(crate) run: At<String>,
    /// Interpreter of the script. Default: bash where it is installed, else sh.
    #[schemars(with = "Option<forms::Shell>")]
    pub(crate) shell: Option<At<String>>,
    /// Environment variables of this step. Values may hold `${{ … }}`.
    #[schemars(with = "Option<BTreeMap<String, forms::Text>>")]
    pub(crate) env: Texts,
    /// Folder beneath the workspace in which it runs.
    pub(crate) working_directory: Option<At<String>>,
    /// Its own time limit in minutes.
    #[schemars(with = "Option<forms::Minutes>")]
    pub(crate) timeout_minutes: Option<At<String>>,
    /// Whether the job goes on as if it had passed when it did not. Default: false.
    #[schemars(with = "Option<forms::Flag>")]
    pub(crate) continue_on_error: Option<At<String>>,
}

/// A test suite, dealt out test by test to as many agents as there are. The last step of its job; `run` steps before it
/// are what every agent does first.
#[derive(Clone, Debug, JsonSchema)]
#[schemars(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct TestStep {
    /// For the reader of the file. What people see is the name of the job.
    pub(crate) name: Option<At<String>>,
    /// The suite; a runner's name alone, if there is nothing more to say.
    #[schemars(with = "TestForm")]
    pub(crate) test: TestOptions,
}

/// How a test suite is run.
#[derive(Clone, Debug, JsonSchema)]
#[schemars(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct TestOptions {
    /// Where it stands.
    #[schemars(skip)]
    pub(crate) place: Span,
    /// What lists and runs the tests.
    #[schemars(with = "forms::Runner")]
    pub(crate) runner: At<String>,
    /// Further arguments of the runner: a list, or a text that is cut at spaces outside of quotes. Not for `generic`.
    #[schemars(with = "Option<forms::OneOrMany>")]
    pub(crate) args: Option<Arguments>,
    /// How often a failed test is run again, elsewhere where there is an elsewhere. Default: 2, at most 10.
    pub(crate) retries: Option<At<u32>>,
    /// Most shards at one time. Default: as many as there are slots.
    pub(crate) parallel: Option<At<u32>>,
    /// Time limit of one test, in minutes. Default: 10.
    #[schemars(with = "Option<forms::Minutes>")]
    pub(crate) timeout_minutes: Option<At<String>>,
    /// Folder beneath the workspace in which the runner runs.
    pub(crate) working_directory: Option<At<String>>,
    /// For `generic`: command that prints the tests, one id a line.
    pub(crate) list: Option<At<String>>,
    /// For `generic`: command that runs exactly the tests in the file `$MUSTER_TESTS_FILE`, also written `{tests_file}`.
    pub(crate) run: Option<At<String>>,
    /// For `generic`: where its results are found after `run`; `*` and `**` match names.
    #[schemars(with = "Option<forms::OneOrMany>")]
    pub(crate) results: Option<Vec<At<String>>>,
    /// For `generic`: what its results are written in. Default: `junit`.
    #[schemars(with = "Option<forms::ResultFormat>")]
    pub(crate) format: Option<At<String>>,
    /// What is done once, on one agent, before any test is listed or built.
    pub(crate) prepare: Option<Prepare>,
    /// Which tests are dealt together, to one agent and in their order: those of a class, of a file. Default: `test`,
    /// every test by itself.
    #[schemars(with = "Option<forms::TestScope>")]
    pub(crate) scope: Option<At<String>>,
    /// Tests of which only so many may run at one time, over all agents.
    #[schemars(with = "Option<Vec<TestGroup>>")]
    pub(crate) groups: Vec<TestGroup>,
    /// Whether agents may keep the list of tests for an hour, for the next run on the same files. Default: false.
    pub(crate) cache_discovery: Option<At<bool>>,
}

/// Tests that exclude each other.
#[derive(Clone, Debug, JsonSchema)]
#[schemars(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct TestGroup {
    /// What people call it; unique in the suite.
    pub(crate) name: At<String>,
    /// Patterns of the tests' whole names: `*` stands for any characters, `?` for one.
    #[schemars(with = "forms::OneOrMany")]
    pub(crate) r#match: Vec<At<String>>,
    /// Most of its tests that run at one time. Default: 1.
    pub(crate) limit: Option<At<u32>>,
}

/// Work that is done once for all shards of a test suite.
#[derive(Clone, Debug, JsonSchema)]
#[schemars(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Prepare {
    /// The script.
    pub(crate) run: At<String>,
    /// Files and folders beneath the workspace that it makes and every shard takes over; `*` and `**` match names.
    #[schemars(with = "forms::OneOrMany")]
    pub(crate) paths: Vec<At<String>>,
}

/// Files that a job hands over.
#[derive(Clone, Debug, JsonSchema)]
#[schemars(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Artifact {
    /// Its name. May hold `${{ matrix.… }}`.
    pub(crate) name: At<String>,
    /// Files and folders beneath the workspace; `*` and `**` match names. At least one file must be found.
    #[schemars(with = "forms::OneOrMany")]
    pub(crate) paths: Vec<At<String>>,
}

/// Files that a job takes over.
#[derive(Clone, Debug, JsonSchema)]
#[schemars(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Download {
    /// One of the jobs in `needs`.
    pub(crate) job: At<String>,
    /// Name of the artifact. May hold `${{ matrix.… }}`.
    pub(crate) name: At<String>,
    /// Folder beneath the workspace into which it is laid. Default: the workspace itself.
    pub(crate) path: Option<At<String>>,
}

/// How `test` may be written, for the schema alone.
enum TestForm {}

/// Arguments of a runner.
#[derive(Clone, Debug)]
pub(crate) enum Arguments {
    /// One text, to be cut.
    Line(At<String>),
    /// One argument each.
    List(Vec<At<String>>),
}

impl Step {
    /// Its id, if it has one.
    pub(crate) fn id(&self) -> Option<&At<String>> {
        match self {
            Self::Run(step) => step.id.as_ref(),
            Self::Test(_) => None,
        }
    }
}

impl Job {
    /// The step that runs its test suite, if it is a test job.
    pub(crate) fn test(&self) -> Option<&TestStep> {
        self.steps.iter().find_map(|step| match step {
            Step::Run(_) => None,
            Step::Test(step) => Some(step.as_ref()),
        })
    }
}

/// A runner's name, or everything about the suite.
impl JsonSchema for TestForm {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "TestForm".into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let runner = generator.subschema_for::<forms::Runner>();
        let options = generator.subschema_for::<TestOptions>();
        schemars::json_schema!({ "anyOf": [runner, options] })
    }
}
