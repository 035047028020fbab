//! Lists that are kept from one discovery to the next, with real runners.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use muster_agent::runner::Log;
use muster_agent::runner::kept::{Basis, Lists, Store, store};
use muster_common::control::{Lease, LeaseWork};
use muster_common::digest::Digest;
use muster_common::id::{Epoch, JobId, JobIndex, RunId, Token};
use muster_common::outcome::TryOutcome::{Errored, Passed};
use muster_common::spec::{Env, Runner, TestScope, TestSpec};
use muster_service::blob::content::digest_of;
use tempfile::TempDir;
use tokio::sync::mpsc;

use crate::place::{Place, python};

#[tokio::test]
async fn of_cargos_executables_only_those_that_changed_are_listed_again() {
    let runner = Runner::CargoTest { args: Vec::new() };
    let mut suite = Suite::new();
    suite.place.write("Cargo.toml", CARGO);
    for name in ["one", "two"] {
        suite.place.write(&format!("tests/{name}.rs"), "#[test]\nfn a() {}\n");
    }
    suite.place.write("custom.rs", "fn main() {\n    println!(\"x: test\");\n}\n");
    let target = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("runner-crates/kept-lists");
    suite.place.context.environment.insert("CARGO_TARGET_DIR".into(), target.into());
    let all = ["tiny::custom x", "tiny::one a", "tiny::two a"];
    suite.lists(&runner, &all, "listed 3 of 3 test executables anew, 0 from kept lists").await;
    suite.lists(&runner, &all, "listed 1 of 3 test executables anew, 2 from kept lists").await;

    suite.place.write("tests/two.rs", "#[test]\nfn a() {}\n#[test]\nfn b() {}\n");
    let more = ["tiny::custom x", "tiny::one a", "tiny::two a", "tiny::two b"];
    suite.lists(&runner, &more, "listed 2 of 3 test executables anew, 1 from kept lists").await;

    let args = ["--", "--skip", "b"].map(str::to_owned).to_vec();
    let skipping = Runner::CargoTest { args };
    suite.lists(&skipping, &all, "listed 3 of 3 test executables anew, 0 from kept lists").await;

    suite.place.context.environment.insert("SOMETHING".into(), "else".into());
    suite.lists(&runner, &more, "listed 3 of 3 test executables anew, 0 from kept lists").await;
}

#[tokio::test]
async fn of_gos_programs_one_that_named_no_test_is_asked_again() {
    let runner = Runner::Go { args: Vec::new() };
    let mut suite = Suite::new();
    suite.place.write("go.mod", "module example.com/tiny\n\ngo 1.18\n");
    suite.place.write("a/a_test.go", "package a\n\nimport \"testing\"\n\nfunc TestA(t *testing.T) {}\n");
    suite.place.write("b/b_test.go", GO_ENDS_EARLY);
    let cache = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("go-cache");
    suite.place.context.environment.insert("GOCACHE".into(), cache.into());
    let first = ["example.com/tiny/a TestA"];
    suite.lists(&runner, &first, "listed 2 of 2 test programs anew, 0 from kept lists").await;
    suite.place.write("b/ready", "");
    let both = ["example.com/tiny/a TestA", "example.com/tiny/b TestB"];
    suite.lists(&runner, &both, "listed 1 of 2 test programs anew, 1 from kept lists").await;
    suite.lists(&runner, &both, "listed 0 of 2 test programs anew, 2 from kept lists").await;
}

#[tokio::test]
async fn a_whole_list_is_kept_for_the_same_files_and_proven_while_its_tests_run() {
    let mut suite = Suite::of_pytest();
    let (fresh, said) = suite.whole(1).await;
    assert_eq!(said, "listed the suite anew; its list is kept");
    assert_eq!(fresh, ["test_all.py::test_line[one]", "test_all.py::test_line[two]"]);

    let (kept, said) = suite.whole(1).await;
    assert!(said.starts_with("took the list of 2 tests from kept lists"), "{said}");
    let (check, tests) = kept.split_first().expect("the test of the list comes first");
    assert!(check.starts_with("muster: the kept list is whole: 2 tests, sha256 "), "{check}");
    assert_eq!(tests, fresh);
    let ran = suite.place.run(&PYTEST, &kept).await;
    assert!(ran.outcomes(&kept).values().all(|outcome| *outcome == Passed));
    assert_eq!(ran.started.len(), 3);
    let alone = &kept[..1];
    assert_eq!(suite.place.run(&PYTEST, alone).await.outcomes(alone)[check.as_str()], Passed);

    let (other_files, said) = suite.whole(2).await;
    assert_eq!((other_files, said.as_str()), (fresh.clone(), "listed the suite anew; its list is kept"));
    suite.place.context.environment.insert("SOMETHING".into(), "else".into());
    assert_eq!(suite.whole(1).await, (fresh, "listed the suite anew; its list is kept".to_owned()));
}

#[tokio::test]
async fn a_stale_list_never_makes_a_green_job_and_is_not_taken_again() {
    for lines in ["one\ntwo\nthree\n", "one\n", "two\none\n"] {
        let mut suite = Suite::of_pytest();
        suite.whole(1).await;
        std::fs::write(&suite.outside, lines).expect("a file outside of the workspace");
        let (kept, _) = suite.whole(1).await;
        let ran = suite.place.run(&PYTEST, &kept).await;
        let outcomes = ran.outcomes(&kept);
        assert_eq!(outcomes[kept[0].as_str()], Errored, "{lines:?}");
        assert!(ran.result(&kept, &kept[0]).message.contains("`cache-discovery`"));
        let two = outcomes["test_all.py::test_line[two]"];
        assert_eq!(two, if lines.contains("two") { Passed } else { Errored }, "{lines:?}");
        let (again, said) = suite.whole(1).await;
        assert_eq!(said, "listed the suite anew; its list is kept");
        assert_eq!(again.len(), lines.lines().count());
    }
}

#[tokio::test]
async fn a_list_that_cannot_be_made_again_is_not_proven() {
    let mut suite = Suite::of_pytest();
    suite.whole(1).await;
    let (kept, _) = suite.whole(1).await;
    std::fs::remove_file(&suite.outside).expect("it was there");
    let ran = suite.place.run(&PYTEST, &kept[..1]).await;
    assert_eq!(ran.outcomes(&kept[..1])[kept[0].as_str()], Errored);
    assert!(ran.results[0].message.contains("pytest cannot collect the tests"), "{}", ran.results[0].message);
}

#[tokio::test]
async fn without_the_pipelines_word_nothing_whole_is_kept() {
    let suite = Suite::of_pytest();
    let first = suite.place.discover(&PYTEST).await.expect("it lists").0;
    std::fs::write(&suite.outside, "other\n").expect("a file outside of the workspace");
    assert_ne!(suite.place.discover(&PYTEST).await.expect("it lists").0, first);
    let odd = vec!["muster: the kept list is whole: 1 tests, sha256 0".to_owned()];
    assert!(suite.place.run(&PYTEST, &odd).await.end.is_err(), "no test of the suite has this name");
}

/// A suite, and the folder in which its lists are kept.
struct Suite {
    place: Place,
    folder: TempDir,
    store: Store,
    /// A file that the suite reads and that no key sees.
    outside: PathBuf,
    log: mpsc::Receiver<Bytes>,
}

impl Suite {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let store = Store::open(&folder.path().join("lists"), store::Bounds::default()).expect("a folder");
        let mut place = Place::new();
        let (log, chunks) = Log::channel(1024);
        place.context.log = log;
        place.context.lists = Lists::new(store.clone(), Env::new());
        Self { outside: folder.path().join("lines"), place, folder, store, log: chunks }
    }

    fn of_pytest() -> Self {
        let mut suite = Self::new();
        assert!(suite.folder.path().is_dir());
        std::fs::write(&suite.outside, "one\ntwo\n").expect("a file outside of the workspace");
        suite.place.write("test_all.py", &PYTEST_SUITE.replace("OUTSIDE", &suite.outside.display().to_string()));
        let environment = python().parent().and_then(Path::parent).map(Path::to_owned).expect("a virtual environment");
        suite.place.context.environment.insert("VIRTUAL_ENV".into(), environment.into());
        suite
    }

    /// Builds, and lists with the digests of what was built: these names, and this is what the log says of it.
    async fn lists(&mut self, runner: &Runner, names: &[&str], said: &str) {
        let build = self.place.context.build_dir.clone();
        std::fs::remove_dir_all(&build).and_then(|()| std::fs::create_dir(&build)).expect("an empty folder");
        self.place.build(runner).await.expect("it builds");
        let mut digests = BTreeMap::new();
        digests_beneath(&build, &build, &mut digests);
        self.place.context.lists = Lists::new(self.store.clone(), Env::new()).with_built(digests);
        let (mut found, _) = self.place.discover(runner).await.expect("it lists");
        found.sort();
        assert_eq!((found, self.said()), (names.iter().map(|name| (*name).to_owned()).collect(), said.to_owned()));
    }

    /// Lists with a kept list of the whole suite, as for a workspace with this content.
    async fn whole(&mut self, content: u8) -> (Vec<String>, String) {
        let lists = Lists::new(self.store.clone(), Env::new());
        self.place.context.lists = lists.with_whole(Basis::of(&lease(content), &suite()));
        let (found, seal) = self.place.discover(&PYTEST).await.expect("it lists");
        assert_eq!(seal.count as usize, found.len());
        (found, self.said())
    }

    /// The last of Muster's own words in the log.
    fn said(&mut self) -> String {
        let mut log = Vec::new();
        while let Ok(chunk) = self.log.try_recv() {
            log.extend_from_slice(&chunk);
        }
        let log = String::from_utf8_lossy(&log).into_owned();
        log.lines().filter_map(|line| line.strip_prefix("muster: ")).next_back().unwrap_or_default().to_owned()
    }
}

fn digests_beneath(root: &Path, folder: &Path, digests: &mut BTreeMap<PathBuf, Digest>) {
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            digests_beneath(root, &path, digests);
        } else {
            let content = std::fs::read(&path).expect("a file");
            digests.insert(path.strip_prefix(root).expect("it is beneath").to_owned(), digest_of(&content));
        }
    }
}

fn lease(content: u8) -> Lease {
    Lease {
        token: Token { epoch: Epoch(1), counter: 1 },
        job: JobId { run: RunId(1), job: JobIndex(0) },
        project: "p".to_owned(),
        job_name: "j".to_owned(),
        attempt: 1,
        shard: None,
        work: LeaseWork::Discover(suite()),
        env: Env::new(),
        workspace: Some(digest_of(&[content])),
        inputs: Vec::new(),
        artifacts: Vec::new(),
        outputs: BTreeMap::new(),
        needs: BTreeMap::new(),
        timeout_ms: 600_000,
        is_repeatable: true,
    }
}

fn suite() -> TestSpec {
    TestSpec {
        runner: PYTEST,
        working_directory: None,
        setup: Vec::new(),
        retries: 0,
        parallel: None,
        test_timeout_ms: 60_000,
        scope: TestScope::Test,
        groups: Vec::new(),
        caches_discovery: true,
    }
}

const PYTEST: Runner = Runner::Pytest { args: Vec::new() };
const PYTEST_SUITE: &str = "\
import pytest

LINES = open('OUTSIDE').read().split()

@pytest.mark.parametrize('line', LINES)
def test_line(line):
    assert line
";
const CARGO: &str = "\
[package]
name = \"tiny\"
version = \"0.1.0\"
edition = \"2024\"
autotests = true

[workspace]

[[test]]
name = \"custom\"
path = \"custom.rs\"
harness = false
";
const GO_ENDS_EARLY: &str = "\
package b

import (
\t\"os\"
\t\"testing\"
)

func TestMain(m *testing.M) {
\tif _, err := os.Stat(\"ready\"); err != nil {
\t\tos.Exit(0)
\t}
\tos.Exit(m.Run())
}

func TestB(t *testing.T) {}
";
