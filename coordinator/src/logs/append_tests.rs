use bytes::Bytes;
use muster_common::id::{Epoch, JobId, JobIndex, Token};
use tempfile::TempDir;

use super::*;
use crate::logs::StreamName;

#[test]
fn pieces_follow_each_other_and_what_was_stored_before_changes_nothing() {
    let (logs, _directory) = logs();
    let attempt = attempt(1, "steps");
    assert_eq!(append(&logs, &attempt, 0, "hello "), 6);
    assert_eq!(append(&logs, &attempt, 6, "world"), 11);
    assert_eq!(append(&logs, &attempt, 0, "hello "), 11);
    assert_eq!(append(&logs, &attempt, 3, "lo world again"), 17);
    assert_eq!(text(&logs, &attempt), "hello world again");
}

#[test]
fn a_gap_and_a_log_over_its_limit_are_refused() {
    let (logs, _directory) = logs();
    let attempt = attempt(1, "steps");
    append(&logs, &attempt, 0, "abc");
    let refused = logs.append(&[chunk(&attempt, 4, "x")]).expect_err("it leaves a gap");
    assert!(matches!(refused, AppendError::Gap { offset: 4, stored: 3 }), "{refused}");
    let refused = logs.append(&[chunk(&attempt, 3, &"x".repeat(LOG_BYTES_MAX as usize))]).expect_err("it is too long");
    assert!(matches!(refused, AppendError::TooLong { .. }), "{refused}");
    assert_eq!(text(&logs, &attempt), "abc");
}

#[test]
fn logs_are_found_and_go_on_after_a_restart() {
    let (logs, directory) = logs();
    let (first, second) = (attempt(1, "discover"), attempt(2, "shard-0"));
    append(&logs, &second, 0, "two");
    append(&logs, &first, 0, "one");
    drop(logs);
    let logs = Logs::open(directory.path().join("logs")).expect("the directory is there");
    assert_eq!(logs.attempts(first.job.run, None).expect("it can be read"), [first.clone(), second.clone()]);
    assert_eq!(logs.attempts(first.job.run, Some(JobIndex(9))).expect("it can be read"), []);
    assert_eq!(append(&logs, &first, 3, " more"), 8);
    assert_eq!(text(&logs, &first), "one more");
    assert_eq!(text(&logs, &second), "two");
}

#[test]
fn more_logs_than_files_may_be_open_are_all_kept() {
    let (logs, _directory) = logs();
    let attempts: Vec<_> = (0..OPEN_FILES_MAX as u64 + 20).map(|counter| attempt(counter, "steps")).collect();
    for attempt in &attempts {
        append(&logs, attempt, 0, "a");
    }
    for attempt in &attempts {
        append(&logs, attempt, 1, "b");
    }
    assert!(lock(&logs.open).files.len() <= OPEN_FILES_MAX);
    assert!(attempts.iter().all(|attempt| text(&logs, attempt) == "ab"));
}

#[tokio::test]
async fn whoever_follows_is_woken() {
    let (logs, _directory) = logs();
    let attempt = attempt(1, "steps");
    let mut growth = logs.follow(attempt.job.run);
    assert!(!growth.has_changed().expect("the logs are there"));
    append(&logs, &attempt, 0, "x");
    growth.changed().await.expect("the logs are there");
}

fn logs() -> (Logs, TempDir) {
    let directory = TempDir::new().expect("there is room for a directory");
    (Logs::open(directory.path().join("logs")).expect("it is new"), directory)
}

fn attempt(counter: u64, stream: &str) -> Attempt {
    Attempt {
        job: JobId { run: RunId(5), job: JobIndex(0) },
        token: Token { epoch: Epoch(1), counter },
        stream: StreamName::parse(stream).expect("it is plain"),
    }
}

fn chunk(attempt: &Attempt, offset: u64, data: &str) -> Chunk {
    Chunk { attempt: attempt.clone(), offset, data: Bytes::copy_from_slice(data.as_bytes()) }
}

fn append(logs: &Logs, attempt: &Attempt, offset: u64, data: &str) -> u64 {
    let stored = logs.append(&[chunk(attempt, offset, data)]).expect("it fits");
    assert_eq!(stored.len(), 1);
    stored[0].durable_bytes
}

fn text(logs: &Logs, attempt: &Attempt) -> String {
    let mut bytes = Vec::new();
    loop {
        let piece = logs.read(attempt, bytes.len() as u64).expect("it can be read");
        if piece.is_empty() {
            return String::from_utf8(bytes).expect("it is text");
        }
        bytes.extend(piece);
    }
}
