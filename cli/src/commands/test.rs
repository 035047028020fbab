//! `muster test`: a test suite without a pipeline file.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use clap::builder::{PossibleValue, PossibleValuesParser};
use muster_common::limits::{RETRIES_DEFAULT, RETRIES_MAX, SHARDS_PER_JOB_MAX, TEST_TIMEOUT_DEFAULT};
use muster_common::pipeline::{SingleTest, single_test};
use muster_common::spec::{ResultFormat, RunSpec, Runner, TestScope, TestSpec};

use crate::arguments::{Agents, Place, Show, parse_span, parse_variable};
use crate::exit_code::ExitCode;
use crate::failure::Failure;
use crate::project::{Project, Recognised};
use crate::stress::Stress;
use crate::submission::Submission;

/// Run a test suite: find its tests, deal them out to agents, run failed ones again, report
#[derive(Debug, Args)]
pub(crate) struct Test {
    /// Folder of the project; all its files but the ignored ones go to the agents
    #[arg(value_name = "PATH", default_value = ".")]
    path: PathBuf,
    /// What lists and runs the tests [default: what fits the folder]
    #[arg(long, value_name = "NAME", value_parser = PossibleValuesParser::new(runner_names()))]
    runner: Option<String>,
    /// For the runner `generic`: command that prints the tests, one id a line
    #[arg(long, value_name = "COMMAND", required_if_eq("runner", "generic"))]
    list: Option<String>,
    /// For the runner `generic`: command that runs exactly the tests named in the file {tests_file}
    #[arg(long, value_name = "COMMAND", required_if_eq("runner", "generic"))]
    run: Option<String>,
    /// For the runner `generic`: where its results are found afterwards; `*` and `**` match names
    #[arg(long, value_name = "PATTERN", required_if_eq("runner", "generic"))]
    results: Vec<String>,
    /// For the runner `generic`: what its results are written in [default: junit]
    #[arg(long, value_name = "FORMAT", value_parser = PossibleValuesParser::new(ResultFormat::NAMES))]
    results_format: Option<String>,
    /// Variable for the tests
    #[arg(long, value_name = "KEY=VALUE", value_parser = parse_variable)]
    env: Vec<(String, String)>,
    /// How often a failed test is run again
    #[arg(long, value_name = "N", default_value_t = RETRIES_DEFAULT, value_parser = clap::value_parser!(u32).range(0..=i64::from(RETRIES_MAX)))]
    retries: u32,
    /// Most shards at one time [default: as many as there are slots]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=i64::from(SHARDS_PER_JOB_MAX)))]
    parallel: Option<u32>,
    /// Which tests are dealt together, to one agent and in their order: those of a class, of a file
    #[arg(long, value_name = "SCOPE", default_value = "test", value_parser = PossibleValuesParser::new(TestScope::NAMES))]
    scope: String,
    /// Time limit of one test, such as 90s or 10m [default: 10m]
    #[arg(long, value_name = "SPAN", value_parser = parse_span)]
    test_timeout: Option<Duration>,
    /// Time limit of the build and of all tests together, such as 30m [default: 1h]
    #[arg(long, value_name = "SPAN", value_parser = parse_span)]
    timeout: Option<Duration>,
    /// Folder beneath PATH in which the runner runs
    #[arg(long, value_name = "DIR")]
    working_directory: Option<PathBuf>,
    #[command(flatten)]
    stress: Stress,
    #[command(flatten)]
    agents: Agents,
    #[command(flatten)]
    pub(super) show: Show,
    #[command(flatten)]
    place: Place,
    /// Further arguments of the runner
    #[arg(last = true, value_name = "ARGS")]
    args: Vec<String>,
}

impl Test {
    /// Runs it.
    pub(crate) async fn run(&self) -> Result<ExitCode, Failure> {
        let project = Project::open(&self.path)?;
        let (spec, runner) = self.spec(&project)?;
        let submission = Submission {
            spec,
            folder: project.folder,
            place: &self.place,
            agents: &self.agents,
            show: &self.show,
            is_detached: false,
            runner,
        };
        submission.run().await
    }

    fn spec(&self, project: &Project) -> Result<(RunSpec, Option<Recognised>), Failure> {
        let working_directory = self.working_directory.as_deref().map(|folder| beneath(project, folder)).transpose()?;
        let (runner, recognised) = match &self.runner {
            Some(name) => (self.named(name), None),
            None => {
                let recognised = project.recognise(working_directory.as_deref())?;
                (self.named(recognised.runner.name()), Some(recognised))
            }
        };
        if matches!(runner, Runner::Generic { .. }) && !self.args.is_empty() {
            return Err(Failure::usage("the runner `generic` takes no further arguments").advise("put them into --run"));
        }
        if !matches!(runner, Runner::Generic { .. })
            && (self.list.is_some() || self.run.is_some() || !self.results.is_empty() || self.results_format.is_some())
        {
            return Err(Failure::usage("--list, --run, --results and --results-format are for the runner `generic`")
                .advise("add --runner generic"));
        }
        let test = TestSpec {
            working_directory,
            retries: self.retries,
            parallel: self.parallel,
            test_timeout_ms: millis(self.test_timeout.unwrap_or(TEST_TIMEOUT_DEFAULT)),
            scope: TestScope::named(&self.scope).unwrap_or_default(),
            ..TestSpec::new(runner)
        };
        let mut spec = single_test(SingleTest {
            project: project.name.clone(),
            name: project.name.clone(),
            test,
            env: self.env.iter().cloned().collect(),
            requirements: Vec::new(),
        });
        if let Some(timeout) = self.timeout {
            for job in &mut spec.jobs {
                job.timeout_ms = millis(timeout);
            }
        }
        spec.stress = self.stress.spec(&project.folder)?;
        crate::project::check(&spec)?;
        Ok((spec, recognised))
    }

    fn named(&self, name: &str) -> Runner {
        Runner::named(name, self.args.clone()).unwrap_or_else(|| Runner::Generic {
            list: self.list.clone().unwrap_or_default(),
            run: self.run.clone().unwrap_or_default(),
            results: self.results.clone(),
            format: self.results_format.as_deref().and_then(ResultFormat::named).unwrap_or_default(),
        })
    }
}

/// The runners by name, with what else people call them.
fn runner_names() -> Vec<PossibleValue> {
    let named = |name: &'static str| match name {
        "cargo-nextest" => PossibleValue::new(name).alias("nextest").help("`cargo nextest`"),
        "cargo-test" => PossibleValue::new(name).aliases(["cargo", "libtest"]).help("`cargo test`, doc tests included"),
        "pytest" => PossibleValue::new(name).help("`python -m pytest`"),
        "unittest" => PossibleValue::new(name).help("`python -m unittest`"),
        "go" => PossibleValue::new(name).alias("go-test").help("`go test`"),
        "googletest" => PossibleValue::new(name).alias("gtest").help("Executables made with GoogleTest"),
        "maven" => PossibleValue::new(name).aliases(["mvn", "surefire"]).help("JUnit and TestNG by Maven Surefire"),
        "gradle" => PossibleValue::new(name).help("JUnit and TestNG by Gradle"),
        "generic" => PossibleValue::new(name).help("Any other, by two commands and a file of results"),
        name => PossibleValue::new(name),
    };
    Runner::NAMES.map(named).to_vec()
}

/// `folder` as the run's specification names it: relative to the project.
fn beneath(project: &Project, folder: &Path) -> Result<String, Failure> {
    let full = project.folder.join(folder);
    let failure = || Failure::usage(format!("--working-directory {} cannot be used", folder.display()));
    let full = full.canonicalize().map_err(|error| failure().because(error))?;
    let relative = full.strip_prefix(&project.folder).ok().filter(|_| full.is_dir());
    relative
        .and_then(|path| path.to_str())
        .map(str::to_owned)
        .ok_or_else(|| failure().advise(format!("name a folder beneath {}", project.folder.display())))
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::arguments::Arguments;
    use crate::commands::Command;

    fn parsed(arguments: &[&str]) -> Result<Test, clap::Error> {
        let line = ["muster", "test"].iter().chain(arguments);
        match Arguments::try_parse_from(line)?.command {
            Command::Test(test) => Ok(*test),
            other => panic!("{other:?} is not `muster test`"),
        }
    }

    fn project() -> (tempfile::TempDir, Project) {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        std::fs::create_dir(folder.path().join("sub")).expect("it can be written");
        let project = Project::open(folder.path()).expect("it is there");
        (folder, project)
    }

    #[test]
    fn the_command_line_becomes_a_specification() {
        let (_folder, project) = project();
        let test = parsed(&[
            ".",
            "--runner",
            "pytest",
            "--env",
            "A=b",
            "--retries",
            "0",
            "--parallel",
            "3",
            "--test-timeout",
            "5s",
            "--timeout",
            "2m",
            "--working-directory",
            "sub",
            "--",
            "-m",
            "not slow",
        ])
        .expect("it is right");
        let (spec, _) = test.spec(&project).expect("it is right");
        insta::assert_snapshot!(
            serde_json::to_string_pretty(&spec.jobs).expect("a specification is JSON").replace(&project.name, "NAME")
        );
        assert_eq!(spec.env.get("A").map(String::as_str), Some("b"));
    }

    #[test]
    fn what_cannot_be_is_refused() {
        for arguments in [
            &["--runner", "nose"][..],
            &["--env", "A"],
            &["--retries", "11"],
            &["--agents", "0"],
            &["--timeout", "0"],
            &["--runner", "generic"],
            &["--label", "=x"],
        ] {
            assert!(parsed(arguments).is_err(), "{arguments:?}");
        }
        let (_folder, project) = project();
        for arguments in [
            &["--runner", "pytest", "--working-directory", ".."][..],
            &["--runner", "pytest", "--working-directory", "missing"],
            &["--runner", "pytest", "--list", "ls"],
            &["--runner", "generic", "--list", "a", "--run", "b", "--results", "c", "--", "x"],
            &[],
        ] {
            let test = parsed(arguments).expect("its words are known");
            assert_eq!(test.spec(&project).map_err(|failure| failure.exit), Err(ExitCode::Usage), "{arguments:?}");
        }
    }
}
