//! Tests that stay together and tests that exclude each other, with real processes under a real runner.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use muster_tests::fleet::{Fleet, muster};
use muster_tests::process::{HANG, Process};
use nix::sys::signal::Signal;
use tempfile::TempDir;

#[test]
fn classes_go_as_a_whole_and_of_a_group_one_test_runs_at_one_time() {
    let suite = Suite::new("scope: class", "{ name: data, match: '*.TestData*' }");
    suite.write_tests(&["TestDataA", "TestDataB", "TestDataC", "TestFreeA", "TestFreeB", "TestFreeC"], 3, "0.05");
    let mut command = muster(&["run", ".", "--agents", "4", "--ci", "none"]);
    command.current_dir(suite.folder()).arg("--data").arg(suite.home.path().join("data"));
    let ended = Process::start("muster", &mut command).wait();
    assert_eq!(ended.code(), 0, "{ended}");

    let marks = suite.marks();
    assert_eq!(marks.len(), 36, "each test has begun and ended once: {marks:?}");
    let mut runs: Vec<&str> = Vec::new();
    for mark in marks.iter().filter(|mark| mark.test.contains("TestData")) {
        runs.retain(|test| *test != mark.test);
        runs.extend(mark.has_begun.then_some(mark.test.as_str()));
        assert!(runs.len() <= 1, "{runs:?} run at one time");
    }
    let mut classes: BTreeMap<&str, Vec<(&str, u32)>> = BTreeMap::new();
    for mark in marks.iter().filter(|mark| mark.has_begun) {
        let (class, test) = mark.test.split_once('.').expect("a test is of a class");
        classes.entry(class).or_default().push((test, mark.process));
    }
    for (class, tests) in classes {
        let names: Vec<&str> = tests.iter().map(|(test, _)| *test).collect();
        assert_eq!(names, ["test_0", "test_1", "test_2"], "{class} in the order of the list");
        assert!(tests.iter().all(|(_, process)| *process == tests[0].1), "{class} in one process: {tests:?}");
    }
}

#[test]
fn a_test_of_a_group_on_a_frozen_agent_has_ended_before_the_next_begins() {
    let fleet = Fleet::start_with(&["--lease-unrepeatable-ms", "8000"]);
    let agents = ["agent-1", "agent-2"].map(|name| (name, fleet.agent(name)));
    let suite = Suite::new("retries: 0", "{ name: data, match: '*' }");
    suite.write_tests(&["TestData"], 2, "until");
    let run = Process::start("muster run", &mut fleet.muster(&["run", &suite.folder().display().to_string()]));
    wait_for("the first test", || !suite.marks().is_empty());
    let first = suite.marks().remove(0).process;
    let (_, frozen) =
        agents.iter().find(|(name, _)| runs_beneath(&fleet.home().join(name), first)).expect("one has it");
    frozen.signal(Signal::SIGSTOP);

    wait_for("the next test", || suite.marks().len() > 1);
    assert!(has_ended(first), "it runs on beside {:?}", suite.marks());
    let next = suite.marks().remove(1).test;
    let waiting = ["TestData.test_0", "TestData.test_1"].into_iter().find(|test| *test != next);
    let why = fleet.run(&["why", &format!("1/unit/test_suite.{}", waiting.expect("one of two runs"))]);
    fs::write(suite.home.path().join("until"), "").expect("the suite's home can be written");
    let ended = run.wait();
    assert_eq!(ended.code(), 0, "{ended}");
    assert!(why.stdout.contains("waits for a place in group `data`"), "{why}");
    frozen.signal(Signal::SIGCONT);
}

/// A suite of Python's unittest whose tests write down when they begin and end.
struct Suite {
    home: TempDir,
}

/// A test has begun or ended.
#[derive(Debug)]
struct Mark {
    has_begun: bool,
    test: String,
    process: u32,
}

impl Suite {
    fn new(key: &str, group: &str) -> Self {
        let home = tempfile::Builder::new().prefix("muster-suite-").tempdir().expect("a temporary folder can be made");
        let suite = Self { home };
        fs::create_dir(suite.folder()).expect("it is new");
        let file = format!(
            "name: exclusion
jobs:
  unit:
    steps:
      - test:
          runner: unittest
          {key}
          groups: [{group}]
"
        );
        fs::write(suite.folder().join("muster.yml"), file).expect("its folder can be written");
        fs::write(suite.ledger(), "").expect("its folder can be written");
        suite
    }

    /// Classes with so many tests, which take so many seconds, or until there is a file `until` beside the ledger.
    fn write_tests(&self, classes: &[&str], tests: usize, seconds: &str) {
        let mut text = TESTS.replace("@LEDGER@", &self.ledger().display().to_string()).replace("@SECONDS@", seconds);
        for class in classes {
            text += &format!("\n\nclass {class}(unittest.TestCase):\n");
            for test in 0..tests {
                text += &format!("    def test_{test}(self):\n        run(self)\n\n");
            }
        }
        fs::write(self.folder().join("test_suite.py"), text).expect("its folder can be written");
    }

    fn folder(&self) -> PathBuf {
        self.home.path().join("suite")
    }

    fn ledger(&self) -> PathBuf {
        self.home.path().join("ledger")
    }

    fn marks(&self) -> Vec<Mark> {
        let text = fs::read_to_string(self.ledger()).expect("the ledger is there");
        let mark = |line: &str| {
            let mut words = line.split(' ');
            let has_begun = words.next()? == "begin";
            Some(Mark { has_begun, test: words.next()?.to_owned(), process: words.next()?.parse().ok()? })
        };
        text.lines().filter_map(mark).collect()
    }
}

/// Whether a process works in a folder, or beneath it.
fn runs_beneath(folder: &Path, process: u32) -> bool {
    let folder = folder.canonicalize().expect("the folder is there");
    fs::read_link(format!("/proc/{process}/cwd")).is_ok_and(|found| found.starts_with(folder))
}

/// Whether a process is gone, but for its status.
fn has_ended(process: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_none_or(|(_, rest)| rest.starts_with('Z') || rest.starts_with('X'))
}

fn wait_for(what: &str, mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < HANG, "no sign of {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

const TESTS: &str = r"
import os, time, unittest

LEDGER = '@LEDGER@'
SECONDS = '@SECONDS@'

def mark(word, test):
    line = '%s %s %d\n' % (word, test.id().split('.', 1)[1], os.getpid())
    file = os.open(LEDGER, os.O_WRONLY | os.O_APPEND)
    os.write(file, line.encode())
    os.close(file)

def run(test):
    mark('begin', test)
    if SECONDS == 'until':
        while not os.path.exists(os.path.join(os.path.dirname(LEDGER), 'until')):
            time.sleep(0.02)
    else:
        time.sleep(float(SECONDS))
    mark('end', test)
";
