//! The main job, as a new user meets it: the example on local agents, and the same suite on a fleet.

use std::process::Command;

use muster_tests::fleet::{Fleet, muster};
use muster_tests::junit::{self, Verdict};
use muster_tests::process::Process;
use muster_tests::suite::LedgerSuite;

#[test]
fn the_quickstart_is_green_with_a_flaky_test_that_everyone_sees() {
    let home = tempfile::tempdir().expect("a temporary folder can be made");
    let example = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/quickstart");
    let copied = Command::new("cp").args(["-r", example]).arg(home.path()).status().expect("cp is everywhere");
    assert!(copied.success());
    let junit = home.path().join("junit.xml");
    let mut command = muster(&["run", "quickstart", "--agents", "4", "--junit"]);
    command.arg(&junit).arg("--data").arg(home.path().join("data")).current_dir(home.path());
    let ended = Process::start("muster run", &mut command).wait();

    assert_eq!(ended.code(), 0, "{ended}");
    let verdicts = junit::read(&junit).expect("the run wrote JUnit XML");
    assert!(verdicts.len() >= 200, "{} tests", verdicts.len());
    let flaky: Vec<_> = verdicts.iter().filter(|(_, found)| found.contains_key(&Verdict::Flaky)).collect();
    assert_eq!(flaky.len(), 1, "{flaky:?}");
    assert!(flaky[0].0.contains("sometimes_too_slow"), "{flaky:?}");
    assert!(ended.stdout.contains("sometimes_too_slow"), "the flaky test is named: {ended}");
    assert!(ended.stdout.contains("1 flaky"), "the summary counts it: {ended}");
}

#[test]
fn a_fleet_runs_what_a_third_place_submits_and_tells_of_it() {
    let fleet = Fleet::start();
    let _agents = [fleet.agent("agent-1"), fleet.agent("agent-2")];
    let suite = LedgerSuite::new(12, "0", "");
    let ended = fleet.run(&["run", &suite.path()]);
    assert_eq!(ended.code(), 0, "{ended}");
    assert_eq!(suite.ran().len(), 12);

    let agents = fleet.run(&["agents", "--json"]);
    assert!(agents.stdout.contains("agent-1") && agents.stdout.contains("agent-2"), "{agents}");
    let runs = fleet.run(&["runs", "--json"]);
    assert!(runs.stdout.contains("\"passed\""), "{runs}");
    let watched = fleet.run(&["watch", "1"]);
    assert_eq!(watched.code(), 0, "a run that has ended can be watched: {watched}");
    let logs = fleet.run(&["logs", "1"]);
    assert_eq!(logs.code(), 0, "{logs}");
}

#[test]
fn a_cancelled_run_ends_as_cancelled_and_its_processes_are_gone() {
    let fleet = Fleet::start();
    let _agent = fleet.agent("agent-1");
    let suite = LedgerSuite::new(4, "3000", "");
    let run = Process::start("muster run", &mut fleet.muster(&["run", &suite.path()]));
    while suite.ran().is_empty() {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let cancelled = fleet.run(&["cancel", "1"]);
    assert_eq!(cancelled.code(), 0, "{cancelled}");
    let ended = run.wait();
    assert_eq!(ended.code(), 130, "{ended}");
    let sleeping = Command::new("pgrep").args(["-f", "sleep 3000"]).output().expect("pgrep is installed");
    assert!(!sleeping.status.success(), "left behind: {}", String::from_utf8_lossy(&sleeping.stdout));
}

#[test]
fn a_failing_test_is_tried_on_another_agent_and_then_failed() {
    let fleet = Fleet::start();
    let _agents = [fleet.agent("agent-1"), fleet.agent("agent-2")];
    let suite = LedgerSuite::new(6, "0", "[ $name = test-3 ] && verdict=failed");
    let junit = fleet.home().join("junit.xml");
    let mut command = fleet.muster(&["run", &suite.path(), "--junit"]);
    let ended = Process::start("muster run", command.arg(&junit)).wait();

    assert_eq!(ended.code(), 100, "{ended}");
    let verdicts = junit::read(&junit).expect("the run wrote JUnit XML");
    assert_eq!(verdicts.values().filter(|found| found.contains_key(&Verdict::Failed)).count(), 1, "{verdicts:?}");
    assert_eq!(suite.ran()["test-3"].began, 3, "two retries by default");
    assert!(ended.stdout.contains("test-3") && ended.stdout.contains("it said no"), "{ended}");
}
