//! Test suites: what they say, and the jobs that they become.

use super::steps::StepDefaults;
use crate::limits::{JOB_TIMEOUT_MAX, RETRIES_DEFAULT, TEST_TIMEOUT_DEFAULT};
use crate::pipeline::diagnostic::{Diagnostic, DiagnosticCode, shown};
use crate::pipeline::expression::{Template, parse};
use crate::pipeline::file::{Arguments, Prepare, TestOptions};
use crate::pipeline::place::At;
use crate::pipeline::scope::FIXED;
use crate::pipeline::suggestion::nearest;
use crate::pipeline::texts::Texts;
use crate::pipeline::words;
use crate::requirement::Requirement;
use crate::spec::{
    ArtifactInput, ArtifactSpec, BUILD_ARTIFACT, Env, JobSpec, PREPARE_ARTIFACT, ResultFormat, RunSpec, Runner,
    StepSpec, TestSpec, Work,
};

/// A test suite that is run without a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SingleTest {
    /// Whose tests these are.
    pub project: String,
    /// What people call the run.
    pub name: String,
    /// The suite.
    pub test: TestSpec,
    /// Variables. They stand for themselves: `${{` in them has no meaning.
    pub env: Env,
    /// What agents must have.
    pub requirements: Vec<Requirement>,
}

/// The run that does nothing but `suite`: the same jobs that a file with one `test` step lowers to.
#[must_use]
pub fn single_test(suite: SingleTest) -> RunSpec {
    let SingleTest { project, name, test, env, requirements } = suite;
    let base = JobSpec { requirements, ..JobSpec::new(SINGLE_TEST_JOB, Work::Steps(Vec::new())) };
    RunSpec {
        project,
        name,
        workspace: None,
        env: env.into_iter().map(|(name, value)| (name, Template::escaped(&value))).collect(),
        jobs: test_jobs(TestJobs { base, test, prepare: None }),
        only: [].into(),
        stress: None,
    }
}

/// What the jobs of a test suite are made of.
pub(super) struct TestJobs {
    /// What all of them have in common; named as the test job is.
    pub(super) base: JobSpec,
    pub(super) test: TestSpec,
    pub(super) prepare: Option<(StepSpec, ArtifactSpec)>,
}

/// The jobs that prepare, build and run a test suite, in this order.
pub(super) fn test_jobs(TestJobs { base, test, prepare }: TestJobs) -> Vec<JobSpec> {
    let mut jobs = Vec::new();
    let mut base = base;
    let name = base.name.clone();
    if let Some((step, artifact)) = prepare {
        let prepare = JobSpec {
            name: format!("{name} / prepare"),
            work: Work::Steps(vec![step]),
            artifacts: vec![artifact],
            ..base.clone()
        };
        base = after(base, &prepare.name, PREPARE_ARTIFACT);
        jobs.push(prepare);
    }
    if test.runner.needs_build() {
        let build = JobSpec { name: format!("{name} / build"), work: Work::TestBuild(test.clone()), ..base.clone() };
        base = after(base, &build.name, BUILD_ARTIFACT);
        jobs.push(build);
    }
    jobs.push(JobSpec { work: Work::Tests(test), ..base });
    jobs
}

/// `job`, when it also waits for `before` and takes over what that hands over.
fn after(mut job: JobSpec, before: &str, artifact: &str) -> JobSpec {
    job.needs.push(before.to_owned());
    job.inputs.push(ArtifactInput { job: before.to_owned(), artifact: artifact.to_owned(), path: None });
    // A condition such as `always()` must not start what has nothing to start with.
    let asks_for_status = |text: &String| parse(text).is_ok_and(|expression| expression.asks_for_status());
    if let Some(condition) = job.condition.take_if(|condition| asks_for_status(condition)) {
        let passed = format!("needs['{}'].result == 'success'", job.group);
        job.condition =
            Some(if condition.contains(&passed) { condition } else { format!("{passed} && ({condition})") });
    }
    job
}

impl Texts<'_> {
    pub(super) fn prepare(&mut self, prepare: &Prepare, defaults: StepDefaults<'_>) -> (StepSpec, ArtifactSpec) {
        let step = self.plain_step("prepare", &prepare.run, defaults);
        let paths = prepare.paths.iter().map(|path| self.path(path)).collect();
        (step, ArtifactSpec { name: PREPARE_ARTIFACT.to_owned(), paths })
    }

    /// The suite that `options` describes; none, if its runner cannot be made out.
    pub(super) fn test_spec(&mut self, options: &TestOptions, setup: Vec<StepSpec>) -> Option<TestSpec> {
        let default_timeout_ms = u64::try_from(TEST_TIMEOUT_DEFAULT.as_millis()).unwrap_or(u64::MAX);
        let runner = self.runner(options)?;
        let scope = self.scope(options, &runner);
        let spec = TestSpec {
            runner,
            scope,
            groups: self.groups(options),
            working_directory: self.folder(options.working_directory.as_ref()),
            setup,
            retries: options.retries.as_ref().map_or(RETRIES_DEFAULT, |retries| retries.value),
            parallel: options.parallel.as_ref().map(|parallel| parallel.value),
            caches_discovery: options.cache_discovery.as_ref().is_some_and(|flag| flag.value),
            test_timeout_ms: options
                .timeout_minutes
                .as_ref()
                .and_then(|text| self.minutes_ms(text, "timeout-minutes", JOB_TIMEOUT_MAX))
                .unwrap_or(default_timeout_ms),
        };
        self.check_exclusion(options, &spec);
        Some(spec)
    }

    fn runner(&mut self, options: &TestOptions) -> Option<Runner> {
        let word = self.text(&options.runner, &FIXED);
        let args = self.arguments(options.args.as_ref());
        if word == "generic" {
            return self.generic_runner(options);
        }
        let Some(runner) = Runner::named(&word, args) else {
            let message = format!("unknown test runner {}", shown(&word));
            self.found.push(
                Diagnostic::new(DiagnosticCode::BadValue, options.runner.span, message)
                    .label(format!("expected one of: {}", Runner::NAMES.join(", ")))
                    .did_you_mean(likely_runner(&word))
                    .help("any other runner is served by `generic` with `list`, `run` and `results`"),
            );
            return None;
        };
        let only_generic = [("list", &options.list), ("run", &options.run), ("format", &options.format)];
        for (key, text) in only_generic {
            if let Some(text) = text {
                self.refuse_for_runner(text, key, runner.name());
            }
        }
        if let Some(text) = options.results.as_ref().and_then(|results| results.first()) {
            self.refuse_for_runner(text, "results", runner.name());
        }
        Some(runner)
    }

    fn refuse_for_runner(&mut self, text: &At<String>, key: &str, runner: &str) {
        let message = format!("`{key}` is not supported with the runner `{runner}`");
        let diagnostic = Diagnostic::new(DiagnosticCode::Unsupported, text.span, message);
        self.found.push(diagnostic.label("this runner knows by itself").help("it is for `runner: generic`"));
    }

    fn generic_runner(&mut self, options: &TestOptions) -> Option<Runner> {
        if let Some(args) = &options.args {
            let span = match args {
                Arguments::Line(line) => Some(line.span),
                Arguments::List(list) => list.first().map(|first| first.span),
            };
            let message = "`args` is not supported with the runner `generic`";
            self.found.push(
                Diagnostic::new(DiagnosticCode::Unsupported, span.unwrap_or(options.place), message)
                    .help("write them into `list` and `run`"),
            );
        }
        let is_missing =
            [("list", options.list.is_none()), ("run", options.run.is_none()), ("results", options.results.is_none())];
        for (key, _) in is_missing.iter().filter(|(_, is_missing)| *is_missing) {
            let message = format!("the runner `generic` needs `{key}`");
            let diagnostic = Diagnostic::new(DiagnosticCode::MissingKey, options.runner.span, message);
            self.found.push(diagnostic.label(format!("expected the key `{key}` beside it")));
        }
        let list = self.text(options.list.as_ref()?, &FIXED);
        let run = self.text(options.run.as_ref()?, &FIXED);
        let results = options.results.as_ref()?.iter().map(|path| self.path(path)).collect();
        let format = options.format.as_ref().map_or(Some(ResultFormat::Junit), |word| self.result_format(word))?;
        Some(Runner::Generic { list, run, results, format })
    }

    fn result_format(&mut self, word: &At<String>) -> Option<ResultFormat> {
        let text = self.text(word, &FIXED);
        let format = ResultFormat::named(&text);
        if format.is_none() {
            let message = format!("unknown format of results {}", shown(&text));
            self.found.push(
                Diagnostic::new(DiagnosticCode::BadValue, word.span, message)
                    .label(format!("expected one of: {}", ResultFormat::NAMES.join(", ")))
                    .did_you_mean(nearest(&text, ResultFormat::NAMES)),
            );
        }
        format
    }

    fn arguments(&mut self, arguments: Option<&Arguments>) -> Vec<String> {
        match arguments {
            None => Vec::new(),
            Some(Arguments::List(list)) => list.iter().map(|text| self.text(text, &FIXED)).collect(),
            Some(Arguments::Line(line)) => {
                let text = self.text(line, &FIXED);
                words::cut(&text).unwrap_or_else(|| {
                    let message = "a quote in `args` is not closed";
                    self.found.push(
                        Diagnostic::new(DiagnosticCode::BadValue, line.span, message)
                            .help("write the arguments as a list: each item is one argument, as it is"),
                    );
                    Vec::new()
                })
            }
        }
    }
}

/// Names that people use for a runner, too.
fn likely_runner(word: &str) -> Option<&'static str> {
    match word {
        "nextest" | "cargo nextest" => Some("cargo-nextest"),
        "cargo" | "libtest" | "rust" => Some("cargo-test"),
        "py.test" | "python" => Some("pytest"),
        "golang" | "go test" => Some("go"),
        "gtest" | "google-test" => Some("googletest"),
        "cmake" => Some("ctest"),
        "surefire" | "mvn" | "junit" => Some("maven"),
        _ => nearest(word, Runner::NAMES),
    }
}

/// Name of the only test job of a run without a file.
const SINGLE_TEST_JOB: &str = "test";
