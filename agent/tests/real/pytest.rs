//! Pytest as it is installed, through the adapter. Needs `MUSTER_TEST_PYTHON`.

use std::time::Duration;

use crate::place::{Place, names, text};
use muster_agent::runner::Fault;
use muster_common::error_code::ReasonCode;
use muster_common::outcome::TryOutcome::{Errored, Failed, Passed, Skipped};
use muster_common::spec::Runner;

const PYTEST: Runner = Runner::Pytest { args: Vec::new() };

#[tokio::test]
async fn verdicts_texts_and_order_are_those_of_pytest() {
    let place = place();
    place.write("test_all.py", ALL);
    let (found, seal) = place.discover(&PYTEST).await.expect("it lists");
    assert_eq!(seal.count as usize, found.len());
    let ran = place.run(&PYTEST, &found).await;
    let outcomes = ran.outcomes(&found);
    let expected = [
        ("test_ok", Passed),
        ("test_bad", Failed),
        ("test_skip", Skipped),
        ("test_setup_error", Failed),
        ("test_teardown_error", Failed),
        ("test_xfail", Skipped),
        ("test_xpass", Passed),
        ("test_xpass_strict", Failed),
        ("TestClass::test_method", Passed),
    ];
    for (name, outcome) in expected {
        assert_eq!(outcomes[format!("test_all.py::{name}").as_str()], outcome, "{name}");
    }
    assert_eq!(outcomes.len(), expected.len());
    let bad = ran.result(&found, "test_all.py::test_bad");
    assert!(bad.message.contains("assert 1 == 2"), "{}", bad.message);
    assert!(text(&bad.output).contains("printed by bad"), "{:?}", text(&bad.output));
    assert!(text(&ran.result(&found, "test_all.py::test_ok").output).contains("printed by ok"));
    assert_eq!(ran.result(&found, "test_all.py::test_skip").message, "because");
    let end = ran.end.expect("it ran");
    assert_eq!((end.processes, ran.started.len()), (1, found.len()));
    assert!(end.start_cost.is_some_and(|cost| cost > Duration::ZERO));
}

#[tokio::test]
async fn odd_names_are_listed_and_selected_exactly() {
    let place = place();
    place.write("sub dir/test_odd[é].py", ODD);
    let (found, _) = place.discover(&PYTEST).await.expect("it lists");
    assert_eq!(found.len(), 14, "{found:#?}");
    for name in &found {
        let ran = place.run(&PYTEST, std::slice::from_ref(name)).await;
        assert_eq!(ran.outcomes(std::slice::from_ref(name))[name.as_str()], Passed, "{name}");
    }
}

#[tokio::test]
async fn thousands_are_selected_exactly() {
    let place = place();
    let many = "import pytest\n@pytest.mark.parametrize('n', range(3000))\ndef test_many(n, record):\n    record(n)\n";
    place.write("conftest.py", RECORDING);
    for file in ["test_a.py", "deep/test_b.py", "test_c.py"] {
        place.write(file, many);
    }
    let (found, _) = place.discover(&PYTEST).await.expect("it lists");
    assert_eq!(found.len(), 9_000);
    let chosen: Vec<String> =
        found.into_iter().filter(|name| !name.contains("test_c") && name.ends_with("7]")).collect();
    let ran = place.run(&PYTEST, &chosen).await;
    assert!(ran.outcomes(&chosen).values().all(|outcome| *outcome == Passed));
    let recorded = std::fs::read_to_string(place.context.directory.join("recorded")).expect("tests have run");
    assert_eq!(recorded.lines().count(), chosen.len(), "nothing else was run");
}

#[tokio::test]
async fn the_same_id_twice_is_two_tests() {
    let place = place();
    place.write("test_twice.py", "def test_a():\n    pass\n");
    let twice = Runner::Pytest { args: names(&["--keep-duplicates", "test_twice.py", "test_twice.py"]) };
    let (found, _) = place.discover(&twice).await.expect("it lists");
    assert_eq!(found, ["test_twice.py::test_a", "test_twice.py::test_a [again 2]"]);
    let ran = place.run(&twice, &found).await;
    assert!(ran.outcomes(&found).values().all(|outcome| *outcome == Passed));
}

#[tokio::test]
async fn a_crash_costs_one_test_and_the_rest_goes_on() {
    let place = place();
    place.write("test_crash.py", "import os, signal\ndef test_a():\n    pass\ndef test_kill():\n    os.kill(os.getpid(), signal.SIGKILL)\ndef test_exit():\n    os._exit(0)\ndef test_z():\n    pass\n");
    let (found, _) = place.discover(&PYTEST).await.expect("it lists");
    let ran = place.run(&PYTEST, &found).await;
    let outcomes: Vec<_> = ran.outcomes(&found).into_values().collect();
    assert_eq!(outcomes, [Passed, Errored, Errored, Passed]);
    let killed = ran.result(&found, "test_crash.py::test_kill");
    assert_eq!(killed.message, "the runner was ended by signal 9 (SIGKILL) while this test ran");
    let left = ran.result(&found, "test_crash.py::test_exit");
    assert_eq!(left.message, "the runner ended with exit status 0 while this test ran");
    assert_eq!(ran.end.expect("it ran").processes, 3);
}

#[tokio::test]
async fn a_test_that_hangs_fails_and_says_where_and_the_rest_goes_on() {
    let mut place = place();
    place.context.test_timeout = Duration::from_secs(3);
    place.write(
        "test_hang.py",
        "import time\ndef test_a():\n    pass\ndef test_hang():\n    time.sleep(1000)\ndef test_z():\n    pass\n",
    );
    let (found, _) = place.discover(&PYTEST).await.expect("it lists");
    let ran = place.run(&PYTEST, &found).await;
    let outcomes: Vec<_> = ran.outcomes(&found).into_values().collect();
    assert_eq!(outcomes, [Passed, Failed, Passed]);
    let hung = ran.result(&found, "test_hang.py::test_hang");
    assert!(hung.message.contains("time limit"), "{}", hung.message);
    assert!(text(&hung.output).contains("in test_hang"), "{}", text(&hung.output));
}

#[tokio::test]
async fn a_syntax_error_is_the_users_and_comes_with_pytests_own_text() {
    let place = place();
    place.write("test_broken.py", "def test_a(:\n");
    let failure = place.discover(&PYTEST).await.expect_err("it cannot be collected");
    assert_eq!((failure.fault, failure.reason.code), (Fault::User, ReasonCode::DiscoveryFailed));
    assert!(failure.reason.message.contains("SyntaxError"), "{}", failure.reason.message);
}

#[tokio::test]
async fn no_tests_are_a_sealed_empty_list() {
    let (found, seal) = place().discover(&PYTEST).await.expect("it lists");
    assert_eq!((found.len(), seal.count), (0, 0));
}

#[tokio::test]
async fn a_missing_pytest_says_what_to_install() {
    let mut place = place();
    place.context.environment.remove(std::ffi::OsStr::new("VIRTUAL_ENV"));
    place.write(".venv/bin/python", "#!/bin/sh\necho '/x/python: No module named pytest' >&2\nexit 1\n");
    let file = place.context.directory.join(".venv/bin/python");
    std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o755)).expect("a script");
    for failure in [
        place.discover(&PYTEST).await.expect_err("there is no pytest"),
        place.run(&PYTEST, &names(&["a.py::b"])).await.end.expect_err("there is no pytest"),
    ] {
        assert_eq!((failure.fault, failure.reason.code), (Fault::Infrastructure, ReasonCode::RunnerMissing));
        assert!(failure.reason.message.contains("pip install pytest"), "{}", failure.reason.message);
    }
}

#[tokio::test]
async fn a_test_that_is_gone_is_errored_and_one_alone_is_a_failure() {
    let place = place();
    place.write("test_a.py", "def test_a():\n    pass\n");
    let asked = names(&["test_a.py::test_a", "test_a.py::test_gone", "gone.py::test_x"]);
    let ran = place.run(&PYTEST, &asked).await;
    let outcomes = ran.outcomes(&asked);
    assert_eq!((outcomes["test_a.py::test_a"], outcomes["test_a.py::test_gone"]), (Passed, Errored));
    let failure = place.run(&PYTEST, &names(&["gone.py::test_x"])).await.end.expect_err("nothing was run");
    assert_eq!(failure.reason.code, ReasonCode::ResultsMissing);
}

#[tokio::test]
async fn the_jobs_own_arguments_and_configuration_hold() {
    let place = place();
    place.write("pytest.ini", "[pytest]\naddopts = -x -m \"not slow\"\nmarkers = slow\n");
    place.write("tests/test_a.py", "import pytest\ndef test_a():\n    assert 0\n@pytest.mark.slow\ndef test_slow():\n    pass\ndef test_z():\n    pass\n");
    place.write("other/test_b.py", "def test_b():\n    pass\n");
    let runner = Runner::Pytest { args: names(&["tests"]) };
    let (found, _) = place.discover(&runner).await.expect("it lists");
    assert_eq!(found, ["tests/test_a.py::test_a", "tests/test_a.py::test_z"]);
    let ran = place.run(&runner, &found).await;
    let outcomes: Vec<_> = ran.outcomes(&found).into_values().collect();
    assert_eq!(outcomes, [Failed, Passed], "`-x` does not stop the others");
    assert!(!place.context.directory.join(".pytest_cache").exists(), "nothing is left in the workspace");
}

#[tokio::test]
async fn a_test_finds_what_other_files_of_the_suite_import() {
    let place = place();
    place.write("shared.py", "imported_by = []\n");
    place.write("test_a.py", "import shared\nshared.imported_by.append('a')\ndef test_a():\n    pass\n");
    place.write("test_b.py", "import shared\ndef test_b():\n    assert shared.imported_by == ['a']\n");
    place.write("test_c.py", "import pytest\npytest.skip('not here', allow_module_level=True)\n");
    let wanted = names(&["test_b.py::test_b"]);
    let ran = place.run(&PYTEST, &wanted).await;
    assert_eq!(ran.outcomes(&wanted).into_values().collect::<Vec<_>>(), [Passed]);
}

#[tokio::test]
async fn a_workspace_that_a_test_deletes_is_named() {
    let place = place();
    let directory = place.context.directory.display().to_string();
    place.write("test_a.py", &format!("import shutil, os\ndef test_a():\n    shutil.rmtree({directory:?})\n    os._exit(3)\ndef test_b():\n    pass\n"));
    let ran = place.run(&PYTEST, &names(&["test_a.py::test_a", "test_a.py::test_b"])).await;
    assert_eq!(ran.end.expect_err("the rest cannot be run").reason.code, ReasonCode::WorkspaceLost);
}

fn place() -> Place {
    let mut place = Place::new();
    let folder = crate::place::python().parent().and_then(|bin| bin.parent()).expect("DIR/bin/python").to_owned();
    place.context.environment.insert("VIRTUAL_ENV".into(), folder.into());
    place
}

const RECORDING: &str = "import os, pytest
@pytest.fixture(scope='session')
def record():
    file = open(os.path.join(os.path.dirname(__file__), 'recorded'), 'a')
    yield lambda n: file.write('%d\\n' % n)
    file.close()
";

const ALL: &str = r#"
import pytest

def test_ok():
    print("printed by ok")

def test_bad():
    print("printed by bad")
    assert 1 == 2

@pytest.mark.skip(reason="because")
def test_skip():
    pass

@pytest.fixture
def broken():
    raise RuntimeError("in the fixture")

def test_setup_error(broken):
    pass

@pytest.fixture
def breaks_later():
    yield
    raise RuntimeError("after the test")

def test_teardown_error(breaks_later):
    pass

@pytest.mark.xfail
def test_xfail():
    assert 0

@pytest.mark.xfail
def test_xpass():
    pass

@pytest.mark.xfail(strict=True)
def test_xpass_strict():
    pass

class TestClass:
    def test_method(self):
        pass
"#;

const ODD: &str = r#"
import pytest

@pytest.mark.parametrize("x", ["a b", "[x]", "é", "'q\"", "new\nline", "\ud800", "a::b", "-k x", "", "tab\t", "[again 2]", "\x00", "😀"])
def test_odd(x):
    pass

@pytest.mark.parametrize("y", ["n"], ids=["id with [brackets] and :: and spaces"])
def test_named(y):
    pass
"#;
