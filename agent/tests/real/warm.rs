//! One runner process for many batches.

use std::time::Duration;

use crate::place::{Place, names, python};
use muster_agent::runner::Adapter;
use muster_common::outcome::TryOutcome::{Errored, Failed, Passed};
use muster_common::spec::Runner;

#[tokio::test]
async fn batches_of_pytest_share_a_process_and_find_every_fixture() {
    let mut place = Place::new();
    place.context.environment.insert("VIRTUAL_ENV".into(), python().ancestors().nth(2).expect("a folder").into());
    place.write("conftest.py", CONFTEST);
    place.write("sub/conftest.py", "import pytest\n@pytest.fixture\ndef inner(base): return base + 1\n");
    place.write("test_a.py", PYTEST);
    place.write("sub/test_b.py", PYTEST_INNER);
    let runner = Runner::Pytest { args: Vec::new() };
    let mut adapter = Adapter::new(&runner);
    let batches: [&[&str]; 5] = [
        &["test_a.py::test_one", "test_a.py::test_bad"],
        // A file that no earlier batch wanted, with fixtures of two conftests, a class, and a module's own.
        &["sub/test_b.py::test_inner", "sub/test_b.py::TestB::test_in_class", "sub/test_b.py::TestU::test_unit"],
        &["test_a.py::test_param[2]", "sub/test_b.py::TestB::test_again"],
        &["test_a.py::test_kill", "test_a.py::test_param[1]"],
        &["test_a.py::test_two"],
    ];
    let mut processes = Vec::new();
    for batch in batches {
        let asked = names(batch);
        let ran = place.run_with(&mut adapter, &asked, 1).await;
        for (name, outcome) in ran.outcomes(&asked) {
            let expected = match name {
                "test_a.py::test_bad" => Failed,
                "test_a.py::test_kill" => Errored,
                _ => Passed,
            };
            assert_eq!(outcome, expected, "{name}: {:?}", ran.result(&asked, name));
        }
        processes.push(std::fs::read_to_string(place.context.directory.join("pid.txt")).expect("a process has run"));
    }
    assert!(processes[0] == processes[1] && processes[1] == processes[2], "{processes:?}");
    assert!(processes[3] != processes[2] && processes[4] == processes[3], "{processes:?}");
    // A test that is run again has a process of its own; the other waits on.
    let asked = names(&["test_a.py::test_one"]);
    place.run_with(&mut adapter, &asked, 2).await.outcomes(&asked);
    let pid = || std::fs::read_to_string(place.context.directory.join("pid.txt")).expect("a process has run");
    assert_ne!(pid(), processes[4]);
    place.run_with(&mut adapter, &asked, 1).await.outcomes(&asked);
    assert_eq!(pid(), processes[4]);
    adapter.close(&place.context).await;
    assert!(!is_alive(&processes[4]), "the process is still there");
}

#[tokio::test]
async fn batches_of_unittest_share_a_process() {
    let place = Place::new();
    place.write("test_a.py", UNITTEST);
    let mut adapter = Adapter::new(&Runner::Unittest { args: Vec::new() });
    let mut processes = Vec::new();
    for batch in [&["test_a.A.test_1"][..], &["test_a.A.test_2", "test_a.B.test_3"], &["test_a.A.test_1"]] {
        let asked = names(batch);
        let ran = place.run_with(&mut adapter, &asked, 1).await;
        assert!(ran.outcomes(&asked).values().all(|outcome| *outcome == Passed), "{:?}", ran.results);
        processes.push(std::fs::read_to_string(place.context.directory.join("pid.txt")).expect("a process has run"));
    }
    assert!(processes[0] == processes[1] && processes[1] == processes[2], "{processes:?}");
    adapter.close(&place.context).await;
    assert!(!is_alive(&processes[0]), "the process is still there");
}

#[tokio::test]
async fn a_process_that_dies_between_batches_costs_nothing() {
    let mut place = Place::new();
    place.context.grace = Duration::from_millis(200);
    place.write("test_a.py", UNITTEST);
    let mut adapter = Adapter::new(&Runner::Unittest { args: Vec::new() });
    let first = names(&["test_a.A.test_1"]);
    place.run_with(&mut adapter, &first, 1).await.outcomes(&first);
    let pid = std::fs::read_to_string(place.context.directory.join("pid.txt")).expect("a process has run");
    let killed = std::process::Command::new("kill").args(["-9", pid.trim()]).status().expect("kill is there");
    assert!(killed.success());
    let second = names(&["test_a.A.test_2", "test_a.B.test_3"]);
    let ran = place.run_with(&mut adapter, &second, 1).await;
    assert!(ran.outcomes(&second).values().all(|outcome| *outcome == Passed), "{:?}", ran.results);
}

fn is_alive(pid: &str) -> bool {
    std::path::Path::new("/proc").join(pid.trim()).join("exe").exists()
}

const CONFTEST: &str = r#"
import os
import pytest

@pytest.fixture(scope="session")
def base():
    return 40

@pytest.fixture(autouse=True)
def note(request):
    with open("pid.txt", "w") as file:
        file.write(str(os.getpid()))
"#;
const PYTEST: &str = r#"
import os
import pytest

def test_one(base): assert base == 40
def test_two(base): assert base == 40
def test_bad(): assert 1 == 2
def test_kill(): os.kill(os.getpid(), 9)
@pytest.mark.parametrize("number", [1, 2])
def test_param(number): assert number
"#;
const PYTEST_INNER: &str = r#"
import unittest
import pytest

MADE = []

def setup_module(module): MADE.append("module")

@pytest.fixture(scope="module")
def own(base): return base + 2

def test_inner(inner, own): assert (inner, own) == (41, 42)

class TestB:
    @classmethod
    def setup_class(cls): cls.made = True
    def test_in_class(self, own): assert self.made and MADE
    def test_again(self, inner): assert self.made and inner == 41

class TestU(unittest.TestCase):
    @classmethod
    def setUpClass(cls): cls.made = True
    def test_unit(self): self.assertTrue(self.made)
"#;
const UNITTEST: &str = r#"
import os
import unittest

class A(unittest.TestCase):
    def setUp(self):
        with open("pid.txt", "w") as file:
            file.write(str(os.getpid()))
    def test_1(self): pass
    def test_2(self): pass

class B(unittest.TestCase):
    def test_3(self): pass
"#;
