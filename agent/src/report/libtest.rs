//! What Rust's test harness prints with `--format json`, and nextest with `libtest-json`: one event a line.
//!
//! Every suite says how many tests it has and how it ended; one that does not add up is cut off.

use std::collections::BTreeSet;
use std::time::Duration;

use muster_common::limits::TESTS_PER_JOB_MAX;
use serde::Deserialize;

use super::case::{Case, CaseOutcome};
use super::error::ReportError;
use super::numbered;

/// Reads a report.
///
/// # Errors
/// If it is not a whole report; never panics, whatever the bytes are.
pub fn read(bytes: &[u8]) -> Result<Vec<Case>, ReportError> {
    let mut suites = Suites::default();
    let mut last = 1;
    for (number, line) in numbered::lines(bytes) {
        last = number;
        if line.starts_with('{') {
            let event = serde_json::from_str(&line).map_err(|error| ReportError::at_line(number, error.to_string()))?;
            suites.take(event).map_err(|what| ReportError::at_line(number, what))?;
        }
    }
    suites.end().map_err(|what| ReportError::at_line(last, what))
}

#[derive(Deserialize)]
struct Event {
    #[serde(rename = "type")]
    kind: String,
    event: Option<String>,
    #[serde(default)]
    name: String,
    test_count: Option<u64>,
    exec_time: Option<f64>,
    stdout: Option<String>,
    message: Option<String>,
    reason: Option<String>,
}

#[derive(Default)]
struct Suites {
    cases: Vec<Case>,
    is_open: bool,
    expected: Option<u64>,
    /// Verdicts in the open suite.
    counted: u64,
    running: BTreeSet<String>,
    has_any: bool,
}

impl Suites {
    fn take(&mut self, event: Event) -> Result<(), String> {
        match (event.kind.as_str(), event.event.as_deref().unwrap_or("")) {
            ("suite", "started") if self.is_open => Err("a suite begins before the last one has ended".to_owned()),
            ("suite", "started") => {
                *self = Self {
                    cases: std::mem::take(&mut self.cases),
                    is_open: true,
                    expected: event.test_count,
                    has_any: true,
                    ..Self::default()
                };
                Ok(())
            }
            ("suite", "ok" | "failed") => self.close(),
            ("test", "started") => {
                self.running.insert(event.name);
                Ok(())
            }
            ("test", "ok" | "failed" | "ignored") => self.verdict(event),
            _ => Ok(()),
        }
    }

    fn verdict(&mut self, event: Event) -> Result<(), String> {
        if self.cases.len() == TESTS_PER_JOB_MAX {
            return Err(format!("more than {TESTS_PER_JOB_MAX} tests"));
        }
        self.running.remove(&event.name);
        self.counted += 1;
        let outcome = match event.event.as_deref() {
            Some("ok") => CaseOutcome::Passed,
            Some("ignored") => CaseOutcome::Skipped,
            Some(_) | None => CaseOutcome::Failed,
        };
        // Nextest writes `<binary>$<test>`.
        let (class, name) = event.name.split_once('$').unwrap_or(("", &event.name));
        let mut case = Case {
            name: name.to_owned(),
            class: class.to_owned(),
            outcome,
            duration: event.exec_time.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()),
            message: event.message.or(event.reason).unwrap_or_default(),
            ..Case::default()
        };
        case.write(&event.stdout.unwrap_or_default());
        self.cases.push(case);
        Ok(())
    }

    fn close(&mut self) -> Result<(), String> {
        if !self.is_open {
            return Err("a suite ends that has not begun".to_owned());
        }
        self.is_open = false;
        match self.running.first() {
            Some(name) => Err(format!("the suite ends and `{name}` has no verdict")),
            None if self.expected.is_some_and(|expected| expected != self.counted) => {
                let expected = self.expected.unwrap_or_default();
                Err(format!("the suite says that it has {expected} tests, and {} have a verdict", self.counted))
            }
            None => Ok(()),
        }
    }

    fn end(self) -> Result<Vec<Case>, String> {
        match (self.has_any, self.is_open) {
            (false, _) => Err("the file is empty: there is no suite in it".to_owned()),
            (true, true) => Err("the file is cut off: its last suite has no end".to_owned()),
            (true, false) => Ok(self.cases),
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    #[test]
    fn suites_follow_each_other() {
        let cases = read(SAMPLE.as_bytes()).expect("a whole report");
        let shown: Vec<_> = cases.iter().map(|case| (case.class.as_str(), case.name.as_str(), case.outcome)).collect();
        assert_eq!(
            shown,
            [
                ("", "tests::adds", CaseOutcome::Passed),
                ("", "tests::fails", CaseOutcome::Failed),
                ("", "tests::later", CaseOutcome::Skipped),
                ("tiny::it", "in_it", CaseOutcome::Passed),
            ]
        );
        assert_eq!((cases[1].output.as_str(), cases[2].message.as_str()), ("panicked\n", "slow"));
        assert_eq!(cases[0].duration, Some(Duration::from_millis(500)));
    }

    #[test]
    fn what_is_cut_or_does_not_add_up_is_refused() {
        let lines: Vec<&str> = SAMPLE.lines().collect();
        for count in (0..lines.len()).filter(|count| *count != 8) {
            assert!(read(lines[..count].join("\n").as_bytes()).is_err(), "{count} lines");
        }
        assert!(read(SAMPLE.replace("\"test_count\":3", "\"test_count\":4").as_bytes()).is_err());
    }

    pub(in crate::report) const SAMPLE: &str = r#"{ "type": "suite", "event": "started", "test_count":3 }
{ "type": "test", "event": "started", "name": "tests::adds" }
{ "type": "test", "name": "tests::adds", "event": "ok", "exec_time": 0.5 }
{ "type": "test", "event": "started", "name": "tests::fails" }
{ "type": "test", "name": "tests::fails", "event": "failed", "stdout": "panicked\n" }
{ "type": "test", "event": "started", "name": "tests::later" }
{ "type": "test", "name": "tests::later", "event": "ignored", "message": "slow" }
{ "type": "suite", "event": "failed", "passed": 1, "failed": 1, "ignored": 1, "measured": 0, "filtered_out": 0 }
{"type":"suite","event":"started","test_count":1}
{"type":"test","event":"started","name":"tiny::it$in_it"}
{"type":"test","event":"ok","name":"tiny::it$in_it"}
{"type":"suite","event":"ok","passed":1}
"#;
}
