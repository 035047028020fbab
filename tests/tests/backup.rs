//! Backups of a coordinator at work, and what becomes of a fleet whose coordinator was made from one.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use muster_tests::binaries::binary;
use muster_tests::fleet::Fleet;
use muster_tests::junit::{self, Verdict};
use muster_tests::process::{Ended, HANG, Process};
use muster_tests::suite::LedgerSuite;

const TESTS: u32 = 40;

#[test]
fn a_run_that_is_open_in_a_backup_ends_after_it_was_restored() {
    let mut fleet = Fleet::start();
    let _agents = [fleet.agent("agent-1"), fleet.agent("agent-2")];
    let suite = LedgerSuite::new(TESTS, "0.15", "");
    let junit = fleet.home().join("junit.xml");
    let mut command = fleet.muster(&["run", &suite.path(), "--junit"]);
    command.arg(&junit);
    let run = Process::start("muster run", &mut command);

    wait_until_begun(&suite, TESTS as usize / 4);
    let backup = fleet.home().join("backup");
    let taken = operate(&["backup", "--coordinator", &fleet.url()], &backup);
    assert_eq!(taken.code(), 0, "{taken}");
    // Work goes on behind the backup, and is lost with the coordinator.
    wait_until_begun(&suite, TESTS as usize / 2);
    fleet.kill_coordinator();
    fs::remove_dir_all(fleet.data()).expect("the coordinator is gone");

    let whole = operate(&["verify", "--json", "--backup"], &backup);
    assert_eq!(whole.code(), 0, "{whole}");
    let found: serde_json::Value = serde_json::from_str(&whole.stdout).expect("it is JSON");
    assert_eq!(found["open_runs"], 1, "{whole}");
    let data = fleet.data().display().to_string();
    let restored = operate(&["restore", "--data", &data], &backup);
    assert_eq!(restored.code(), 0, "{restored}");
    assert!(restored.stdout.contains("1 run is open"), "{restored}");
    fleet.start_coordinator();

    let ended = run.wait();
    assert_eq!(ended.code(), 0, "{ended}");
    let verdicts = junit::read(&junit).expect("the run wrote JUnit XML");
    assert_eq!(verdicts.len(), TESTS as usize);
    assert!(verdicts.values().all(|found| *found == [(Verdict::Passed, 1)].into()), "one verdict each: {verdicts:?}");
    assert_eq!(suite.ran().len(), TESTS as usize);

    // The old coordinator's later life is refused: its tokens, and so its epochs, are all below.
    fleet.kill_coordinator();
    let verified = operate_on_data(&["verify", "--json"], &fleet.data());
    assert_eq!(verified.code(), 0, "{verified}");
    let after: serde_json::Value = serde_json::from_str(&verified.stdout).expect("it is JSON");
    assert_eq!(after["store_id"], found["store_id"], "it is the same store");
    let (before, after_epoch) = (found["epoch"].as_u64(), after["epoch"].as_u64());
    assert!(after_epoch > before.map(|epoch| epoch + 1_000_000), "no life of the old one reaches it: {verified}");
    assert!(after["restored_unix_ms"].is_u64(), "{verified}");
}

#[test]
fn an_agent_that_has_heard_the_restored_coordinator_refuses_the_old_one() {
    let mut fleet = Fleet::start();
    let agent = fleet.agent("agent-1");
    let suite = LedgerSuite::new(2, "0", "");
    let ended = fleet.run(&["run", &suite.path()]);
    assert_eq!(ended.code(), 0, "{ended}");
    let backup = fleet.home().join("backup");
    let taken = operate(&["backup", "--coordinator", &fleet.url()], &backup);
    assert_eq!(taken.code(), 0, "{taken}");

    fleet.kill_coordinator();
    let old = fleet.home().join("old");
    fs::rename(fleet.data(), &old).expect("the coordinator is gone");
    let restored = operate(&["restore", "--data", &fleet.data().display().to_string()], &backup);
    assert_eq!(restored.code(), 0, "{restored}");
    fleet.start_coordinator();
    let ended = fleet.run(&["run", &suite.path()]);
    assert_eq!(ended.code(), 0, "the agent has come back: {ended}");

    // Somebody starts the old one again, at the address where the agent looks.
    fleet.kill_coordinator();
    fs::rename(fleet.data(), fleet.home().join("restored")).expect("the coordinator is gone");
    fs::rename(&old, fleet.data()).expect("the coordinator is gone");
    fleet.start_coordinator();
    until(|| agent.said().contains("known_epoch").then_some(()));
    let mut command = fleet.muster(&["run", &suite.path()]);
    let stale = Process::start("muster run", &mut command);
    fleet.kill_coordinator();
    fs::remove_dir_all(fleet.data()).expect("the coordinator is gone");
    fs::rename(fleet.home().join("restored"), fleet.data()).expect("the coordinator is gone");
    drop(stale);
    fleet.start_coordinator();
    let ended = fleet.run(&["run", &suite.path()]);
    assert_eq!(ended.code(), 0, "and it works for the restored one: {ended}");
    let listed = fleet.run(&["runs", "--json"]);
    let runs: serde_json::Value = serde_json::from_str(&listed.stdout).expect("it is JSON");
    let outcomes: Vec<_> = runs.as_array().expect("it is a list").iter().map(|run| &run["outcome"]).collect();
    assert_eq!(outcomes, ["passed", "passed", "passed"], "nothing ran for the old one: {listed}");
}

#[test]
fn what_a_damaged_directory_or_backup_lacks_is_named() {
    let mut fleet = Fleet::start();
    let agent = fleet.agent("agent-1");
    let suite = LedgerSuite::new(2, "0", "");
    let ended = fleet.run(&["run", &suite.path()]);
    assert_eq!(ended.code(), 0, "{ended}");
    let busy = operate_on_data(&["verify"], &fleet.data());
    assert_eq!(busy.code(), 1, "{busy}");
    assert!(busy.stderr.contains("in use by process"), "{busy}");
    drop(agent);
    fleet.kill_coordinator();

    let whole = operate_on_data(&["verify"], &fleet.data());
    assert_eq!(whole.code(), 0, "{whole}");
    assert!(whole.stdout.contains("everything is whole"), "{whole}");
    let backup = fleet.home().join("backup");
    let taken = operate(&["backup", "--data", &fleet.data().display().to_string()], &backup);
    assert_eq!(taken.code(), 0, "{taken}");

    let journal = first_named(&fleet.data().join("state"), "journal-").join("db");
    flip_in_the_middle(&first_blob(&fleet.data()));
    let mut bytes = fs::read(&journal).expect("it is there");
    let frame = bytes.windows(4).rposition(|piece| piece != [0; 4]).expect("it holds something") / 2;
    bytes[frame] ^= 4;
    fs::write(&journal, bytes).expect("it can be written");
    let damaged = operate_on_data(&["verify"], &fleet.data());
    assert_eq!(damaged.code(), 3, "{damaged}");
    assert!(damaged.stdout.contains("DAMAGED: the blob blobs/"), "{damaged}");

    flip_in_the_middle(&backup);
    let damaged = operate(&["verify", "--backup"], &backup);
    assert_eq!(damaged.code(), 3, "{damaged}");
    assert!(damaged.stdout.contains("damaged at byte"), "{damaged}");
    let other = fleet.home().join("other");
    let refused = operate(&["restore", "--data", &other.display().to_string()], &backup);
    assert_eq!(refused.code(), 1, "{refused}");
    assert!(!other.exists(), "a directory is made as a whole or not at all");
}

fn operate(words: &[&str], file: &Path) -> Ended {
    let mut command = Command::new(binary("muster-coordinator"));
    command.args(words).arg(file).env_remove("MUSTER_COORDINATOR");
    Process::start(words[0], &mut command).wait()
}

fn operate_on_data(words: &[&str], data: &Path) -> Ended {
    let mut words = words.to_vec();
    words.push("--data");
    operate(&words, data)
}

fn wait_until_begun(suite: &LedgerSuite, count: usize) {
    until(|| (suite.ran().len() >= count).then_some(()));
}

fn until<T>(mut look: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(began.elapsed() < HANG, "it does not come");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn first_named(folder: &Path, prefix: &str) -> std::path::PathBuf {
    let entries = fs::read_dir(folder).expect("it is there").map(|entry| entry.expect("it can be read").path());
    let is_named =
        |path: &std::path::PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(prefix));
    entries.into_iter().find(is_named).expect("there is one")
}

fn first_blob(data: &Path) -> std::path::PathBuf {
    let folders = fs::read_dir(data.join("blobs")).expect("it is there");
    let folders = folders.map(|entry| entry.expect("it can be read").path());
    let mut blobs = folders.filter(|path| path.is_dir() && path.file_name().is_some_and(|name| name.len() == 2));
    blobs
        .find_map(|folder| Some(fs::read_dir(folder).ok()?.next()?.expect("it can be read").path()))
        .expect("there is one")
}

fn flip_in_the_middle(path: &Path) {
    let mut bytes = fs::read(path).expect("it is there");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(path, bytes).expect("it can be written");
}
