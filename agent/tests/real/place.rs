//! A runner in a temporary place, for the tests with real tools.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use muster_agent::attempt::environment::{self, Environment};
use muster_agent::attempt::traces::Traces;
use muster_agent::runner::kept::Lists;
use muster_agent::runner::{Adapter, BatchEnd, BatchEvent, Log, RunnerContext, RunnerFailure};
use muster_common::control::{DealtTest, Output, Seal, TestResult};
use muster_common::id::TestIndex;
use muster_common::outcome::TryOutcome;
use muster_common::spec::Runner;
use tempfile::TempDir;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// One attempt's directories.
pub(crate) struct Place {
    _folder: TempDir,
    pub(crate) context: RunnerContext,
}

/// What a batch did.
pub(crate) struct Ran {
    pub(crate) started: Vec<TestIndex>,
    pub(crate) results: Vec<TestResult>,
    pub(crate) end: Result<BatchEnd, RunnerFailure>,
}

impl Place {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        for name in ["workspace", "private", "build"] {
            std::fs::create_dir(folder.path().join(name)).expect("a folder");
        }
        let mut environment: Environment = environment::base(std::env::vars_os());
        environment.insert("RUST_BACKTRACE".into(), "0".into());
        let context = RunnerContext {
            directory: folder.path().join("workspace"),
            environment,
            private_dir: folder.path().join("private"),
            build_dir: folder.path().join("build"),
            log: Log::discarded(),
            stop: CancellationToken::new(),
            test_timeout: Duration::from_secs(60),
            grace: Duration::from_millis(500),
            lifeline: None,
            confinement: None,
            traces: Traces::default(),
            lists: Lists::default(),
        };
        Self { _folder: folder, context }
    }

    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let file = self.context.directory.join(name);
        std::fs::create_dir_all(file.parent().expect("a file has a folder")).expect("folders");
        std::fs::write(&file, text).expect("a file");
        file
    }

    pub(crate) async fn build(&self, runner: &Runner) -> Result<(), RunnerFailure> {
        Adapter::new(runner).build(&self.context).await
    }

    pub(crate) async fn discover(&self, runner: &Runner) -> Result<(Vec<String>, Seal), RunnerFailure> {
        let (sender, mut parts) = mpsc::channel(1);
        let mut adapter = Adapter::new(runner);
        let collect = async {
            let mut names = Vec::new();
            while let Some(part) = parts.recv().await {
                names.extend(part);
            }
            names
        };
        let (seal, names) = tokio::join!(adapter.discover(&self.context, sender), collect);
        Ok((names, seal?))
    }

    /// Runs the named tests as one batch.
    pub(crate) async fn run(&self, runner: &Runner, names: &[String]) -> Ran {
        self.run_with(&mut Adapter::new(runner), names, 1).await
    }

    /// Runs the named tests as one batch of an adapter that may have run others.
    pub(crate) async fn run_with(&self, adapter: &mut Adapter, names: &[String], attempt: u32) -> Ran {
        let dealt: Vec<DealtTest> = names
            .iter()
            .enumerate()
            .map(|(index, name)| DealtTest { test: TestIndex(index as u32), name: name.clone(), attempt })
            .collect();
        let (sender, mut events) = mpsc::channel(4);
        let collect = async {
            let (mut started, mut results) = (Vec::new(), Vec::new());
            while let Some(event) = events.recv().await {
                match event {
                    BatchEvent::Started(test) => started.push(test),
                    BatchEvent::Result(result) => results.push(result),
                }
            }
            (started, results)
        };
        let (end, (started, results)) = tokio::join!(adapter.run_batch(&self.context, &dealt, sender), collect);
        Ran { started, results, end }
    }
}

impl Ran {
    /// Outcomes by name; every test must have exactly one.
    pub(crate) fn outcomes<'a>(&self, names: &'a [String]) -> BTreeMap<&'a str, TryOutcome> {
        self.end.as_ref().unwrap_or_else(|failure| panic!("the batch failed: {failure:?}"));
        assert_eq!(self.results.len(), names.len(), "one result a test");
        let outcomes: BTreeMap<_, _> =
            self.results.iter().map(|result| (names[result.test.0 as usize].as_str(), result.outcome)).collect();
        assert_eq!(outcomes.len(), names.len(), "no test twice");
        outcomes
    }

    pub(crate) fn result(&self, names: &[String], name: &str) -> &TestResult {
        let index = names.iter().position(|known| known == name).expect("a known name");
        self.results.iter().find(|result| result.test.0 as usize == index).expect("a result")
    }
}

pub(crate) fn text(output: &Output) -> String {
    match output {
        Output::Inline(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        Output::None | Output::Stored(_) => String::new(),
    }
}

pub(crate) fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// The interpreter with pytest that the test command made.
pub(crate) fn python() -> PathBuf {
    let python = std::env::var_os("MUSTER_TEST_PYTHON").map(PathBuf::from).unwrap_or_else(|| {
        panic!(
            "MUSTER_TEST_PYTHON is not set: it names a python that has pytest. Make one: \
             python3 -m venv DIR && DIR/bin/pip install pytest, then MUSTER_TEST_PYTHON=DIR/bin/python"
        )
    });
    assert!(is_executable(&python), "MUSTER_TEST_PYTHON names `{}`, which is no file", python.display());
    python
}

fn is_executable(file: &Path) -> bool {
    file.is_file()
}
