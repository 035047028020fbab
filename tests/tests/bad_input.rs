//! Bad input: each gives a clear error or a bounded result, and the rest goes on.

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;

use muster_tests::fleet::{Fleet, muster};
use muster_tests::process::{Ended, Process};
use muster_tests::suite::LedgerSuite;

#[test]
fn a_wrong_pipeline_is_a_usage_error_with_its_place() {
    for (what, text, expected) in [
        ("a tab", &b"jobs:\n\tbuild:\n"[..], "tab"),
        (
            "a cycle",
            b"jobs:\n  a:\n    needs: b\n    steps: [{run: x}]\n  b:\n    needs: a\n    steps: [{run: x}]\n",
            "cycle",
        ),
        ("a missing need", b"jobs:\n  a:\n    needs: bild\n    steps: [{run: x}]\n", "bild"),
        ("an unknown key", b"jobs:\n  a:\n    run-on: linux\n    steps: [{run: x}]\n", "runs-on"),
        ("text that is not UTF-8", b"jobs:\n  \xff: x\n", "UTF-8"),
    ] {
        let home = tempfile::tempdir().expect("a temporary folder can be made");
        fs::write(home.path().join("muster.yml"), text).expect("it can be written");
        let ended = local(home.path(), &["run", "."]);
        assert_eq!(ended.code(), 2, "{what}: {ended}");
        assert!(ended.stderr.contains("muster.yml"), "{what}: {ended}");
        assert!(ended.stderr.contains(expected), "{what}: {ended}");
    }
}

#[test]
fn a_pipeline_of_ten_megabytes_is_refused_by_its_size() {
    let home = tempfile::tempdir().expect("a temporary folder can be made");
    fs::write(home.path().join("muster.yml"), "# x\n".repeat(2_500_000)).expect("it can be written");
    let ended = local(home.path(), &["run", "."]);
    assert_eq!(ended.code(), 2, "{ended}");
    assert!(ended.stderr.contains("muster.yml"), "{ended}");
}

#[test]
fn a_suite_without_tests_is_no_success() {
    let suite = LedgerSuite::new(0, "0", "");
    let ended = local(&suite.directory(), &["run", "."]);
    assert_eq!(ended.code(), 4, "{ended}");
}

#[test]
fn a_folder_without_any_runner_says_what_was_looked_for() {
    let home = tempfile::tempdir().expect("a temporary folder can be made");
    let ended = local(home.path(), &["test", "."]);
    assert_eq!(ended.code(), 2, "{ended}");
    assert!(ended.stderr.contains("Cargo.toml") && ended.stderr.contains("pytest"), "{ended}");
}

#[test]
fn a_runner_that_says_nothing_of_its_tests_is_not_green() {
    for (what, run) in [
        ("it does nothing", "exit 0\n"),
        ("its results are cut off", "echo '<testsuite><testcase name=\"test-1\"' > results.xml\n"),
        ("it leaves one test out", "echo '<testsuite><testcase name=\"test-1\"/></testsuite>' > results.xml\n"),
        ("it runs another test", "echo '<testsuite><testcase name=\"other\"/></testsuite>' > results.xml\n"),
        ("it is killed", "kill -9 $$\n"),
    ] {
        let suite = LedgerSuite::new(2, "0", "");
        suite.write("run.sh", run);
        suite.set(&["retries: 0"]);
        let ended = local(&suite.directory(), &["run", "."]);
        assert_eq!(ended.code(), 75, "{what}: {ended}");
        assert!(ended.stdout.contains("errored"), "{what}: {ended}");
    }
}

#[test]
fn a_hanging_test_is_ended_and_the_others_go_on() {
    let suite = LedgerSuite::new(4, "0", "[ $name = test-2 ] && sleep 2000");
    suite.set(&["retries: 0", "timeout-minutes: 0.05"]);
    let ended = local(&suite.directory(), &["run", "."]);
    assert!([75, 100].contains(&ended.code()), "{ended}");
    assert!(ended.stdout.contains("test-2"), "{ended}");
    let left = Command::new("pgrep").args(["-f", "sleep 2000"]).output().expect("pgrep is installed");
    assert!(!left.status.success(), "left behind: {}", String::from_utf8_lossy(&left.stdout));
}

#[test]
fn a_daemon_that_a_test_leaves_behind_is_gone_when_the_run_ends() {
    let suite = LedgerSuite::new(2, "0", "setsid sh -c 'sleep 4000 & exec sleep 4001' >/dev/null 2>&1 &");
    let ended = local(&suite.directory(), &["run", "."]);
    assert_eq!(ended.code(), 0, "{ended}");
    let left = Command::new("pgrep").args(["-f", "sleep 400[01]"]).output().expect("pgrep is installed");
    assert!(!left.status.success(), "left behind: {}", String::from_utf8_lossy(&left.stdout));
}

#[test]
fn two_hundred_megabytes_of_output_are_bounded() {
    let suite = LedgerSuite::new(2, "0", "head -c 200000000 /dev/zero | tr '\\0' 'x' >&2");
    let ended = local(&suite.directory(), &["run", ".", "--agents", "1"]);
    assert_eq!(ended.code(), 0, "{}", ended.status);
    assert!(ended.stdout.len() < 1_000_000, "{} bytes are shown", ended.stdout.len());
}

#[test]
fn a_test_that_deletes_its_workspace_or_kills_its_parent_is_an_error_of_its_own() {
    for body in ["rm -rf \"$PWD\"", "kill -9 $PPID"] {
        let suite = LedgerSuite::new(2, "0", &format!("[ $name = test-1 ] && {body}"));
        suite.set(&["retries: 0"]);
        let ended = local(&suite.directory(), &["run", "."]);
        assert!([75, 100].contains(&ended.code()), "{body}: {ended}");
    }
}

#[test]
fn a_taken_port_and_a_taken_data_directory_are_named() {
    let fleet = Fleet::start();
    let other = tempfile::tempdir().expect("a temporary folder can be made");
    let mut command = Command::new(muster_tests::binaries::binary("muster-coordinator"));
    command.arg("--data").arg(other.path()).args(["--listen", fleet.address()]);
    let ended = Process::start("coordinator on a taken port", &mut command).wait();
    assert_ne!(ended.code(), 0, "{ended}");
    assert!(ended.stderr.contains(fleet.address()), "{ended}");

    let mut command = fleet.coordinator_command("127.0.0.1:0");
    let ended = Process::start("coordinator on taken data", &mut command).wait();
    assert_ne!(ended.code(), 0, "{ended}");
    assert!(ended.stderr.contains(fleet.data().to_str().expect("it is UTF-8")), "{ended}");
}

#[test]
fn garbage_on_the_port_ends_that_connection_and_nothing_else() {
    let fleet = Fleet::start();
    let _agent = fleet.agent("agent-1");
    let never = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    drop(never);
    for garbage in [&b"GET / HTTP/1.1\r\n\r\n"[..], &[0xff; 4096], b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\xff\xff\xff\xff"]
    {
        let mut stream = TcpStream::connect(fleet.address()).expect("the coordinator listens");
        // The coordinator may hang up in the middle of either.
        let _ = stream.write_all(garbage);
        let _ = stream.shutdown(std::net::Shutdown::Write);
        let _ = stream.read_to_end(&mut Vec::new());
    }
    let suite = LedgerSuite::new(2, "0", "");
    let ended = fleet.run(&["run", &suite.path()]);
    assert_eq!(ended.code(), 0, "{ended}");
}

#[test]
fn a_full_disk_refuses_what_does_not_fit_and_the_rest_goes_on() {
    let fleet = Fleet::start_on_small_disk("400m");
    let _agent = fleet.agent("agent-1");
    let suite = LedgerSuite::new(2, "0", "");
    let large = suite.directory().join("large.bin");
    let made = Command::new("head").args(["-c", "200000000", "/dev/urandom"]).output().expect("head is everywhere");
    fs::write(&large, made.stdout).expect("the test's own disk has room");
    let ended = fleet.run(&["run", &suite.path()]);
    assert_eq!(ended.code(), 75, "{ended}");
    assert!(ended.stderr.contains("room") || ended.stderr.contains("space"), "{ended}");

    fs::remove_file(&large).expect("it is there");
    let ended = fleet.run(&["run", &suite.path()]);
    assert_eq!(ended.code(), 0, "{ended}");
}

#[test]
fn no_coordinator_is_infrastructure_and_says_where_it_was_looked_for() {
    let free = TcpListener::bind("127.0.0.1:0").expect("a port is free").local_addr().expect("it is bound");
    let suite = LedgerSuite::new(1, "0", "");
    let ended =
        Process::start("muster", &mut muster(&["run", &suite.path(), "--coordinator", &format!("http://{free}")]))
            .wait();
    assert_eq!(ended.code(), 75, "{ended}");
    assert!(ended.stderr.contains(&free.to_string()), "{ended}");
}

fn local(directory: &Path, words: &[&str]) -> Ended {
    let data = tempfile::tempdir().expect("a temporary folder can be made");
    let mut command = muster(words);
    command.current_dir(directory).arg("--data").arg(data.path());
    Process::start("muster", &mut command).wait()
}
