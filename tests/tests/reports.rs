//! Reports of real runs: written, checked, doubted, explained, and what failed run again.

use std::fs;
use std::path::Path;

use muster_tests::fleet::muster;
use muster_tests::process::{Ended, Process};
use muster_tests::suite::LedgerSuite;

#[test]
fn a_report_is_proved_and_what_failed_is_run_again_alone() {
    let outside = tempfile::tempdir().expect("a temporary folder can be made");
    let mended = outside.path().join("mended");
    let body = format!("[ $name = test-2 ] && [ ! -e '{}' ] && verdict=failed", mended.display());
    let suite = LedgerSuite::new(4, "0", &body);
    suite.set(&["retries: 1"]);
    let data = outside.path().join("data");
    let muster = |words: &[&str]| started(&suite.directory(), &data, words);
    let file = |name: &str| outside.path().join(name).display().to_string();
    let (report, again, other) = (file("report.json"), file("again.json"), file("other.json"));

    let ended = muster(&["run", ".", "--report", &report, "--ctrf", &file("ctrf.json"), "--ci", "none"]);
    assert_eq!(ended.code(), 100, "{ended}");
    let ended = muster(&["verify-report", &report, "--run", "1"]);
    assert_eq!(ended.code(), 0, "{ended}");

    let text = fs::read_to_string(&report).expect("it was written");
    fs::write(&other, text.replace("\"verdict\":\"failed\"", "\"verdict\":\"passed\"")).expect("it can be written");
    let ended = muster(&["verify-report", &other]);
    assert_eq!(ended.code(), 75, "{ended}");
    assert!(ended.stdout.contains("test `test-2`: its verdict is passed, but its tries come to failed"), "{ended}");

    let ended = muster(&["why", "1/tests/test-2"]);
    assert_eq!(ended.code(), 0, "{ended}");
    assert!(ended.stdout.contains("it failed at all its 2 tries"), "{ended}");
    assert!(ended.stdout.contains("muster rerun 1 --failed"), "{ended}");

    fs::write(&mended, "").expect("it can be written");
    let ended = muster(&["rerun", "1", "--failed", "--report", &again, "--ci", "none"]);
    assert_eq!(ended.code(), 0, "{ended}");
    let began: Vec<u32> = suite.ran().values().map(|ran| ran.began).collect();
    assert_eq!(began, [1, 3, 1, 1], "two tries in the first run, one in the second");
    let ended = muster(&["verify-report", &again, "--run", "2", "--json"]);
    assert_eq!(ended.code(), 0, "{ended}");
    let answer: serde_json::Value = serde_json::from_str(&ended.stdout).expect("it is JSON");
    assert_eq!((&answer["tests"], &answer["outcome"]), (&1.into(), &"passed".into()), "{ended}");
    let ended = muster(&["verify-report", &report, "--run", "2"]);
    assert_eq!(ended.code(), 75, "{ended}");

    let ended = muster(&["rerun", "2", "--failed"]);
    assert_eq!(ended.code(), 2, "{ended}");
}

#[test]
fn a_ci_system_is_told_and_no_test_can_speak_for_it() {
    let outside = tempfile::tempdir().expect("a temporary folder can be made");
    let summary = outside.path().join("summary.md");
    let suite = LedgerSuite::new(2, "0", "[ $name = test-1 ] && verdict=failed");
    suite.set(&["retries: 0"]);
    let mut command = muster(&["run", "."]);
    command.current_dir(suite.directory()).arg("--data").arg(outside.path().join("data"));
    command.env("GITHUB_ACTIONS", "true").env("GITHUB_STEP_SUMMARY", &summary);
    let ended = Process::start("muster", &mut command).wait();
    assert_eq!(ended.code(), 100, "{ended}");
    let lines: Vec<&str> = ended.stdout.lines().collect();
    let token = lines[0].strip_prefix("::stop-commands::").expect("commands are switched off first");
    let on = lines.iter().position(|line| *line == format!("::{token}::")).expect("they are switched on again");
    assert!(lines[..on].iter().any(|line| line.contains("it said no")), "{ended}");
    assert!(lines[on..].contains(&"::error title=test-1 failed::it said no"), "{ended}");
    let summary = fs::read_to_string(summary).expect("it was written");
    assert!(summary.contains("| 2 | 1 | 1 | 0 | 0 | 0 | 0 |"), "{summary}");
}

fn started(directory: &Path, data: &Path, words: &[&str]) -> Ended {
    let mut command = muster(words);
    command.current_dir(directory).arg("--data").arg(data);
    Process::start("muster", &mut command).wait()
}
