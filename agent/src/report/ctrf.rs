//! CTRF, the Common Test Report Format: one JSON object with `results.tests`.
//!
//! A test needs `name`, `status` and `duration`; a `suite` is a text or a list of texts. `flaky`, or a pass after `retries`, is
//! a pass that the runner's own repeating made. The summary has to agree with the tests.

use std::fmt;
use std::time::Duration;

use muster_common::limits::TESTS_PER_JOB_MAX;
use serde::Deserialize;
use serde::de::{Deserializer, Error as _, IgnoredAny, SeqAccess, Visitor};

use super::case::{Case, CaseOutcome};
use super::error::ReportError;

/// Reads a report.
///
/// # Errors
/// If it is not a whole report; never panics, whatever the bytes are.
pub fn read(bytes: &[u8]) -> Result<Vec<Case>, ReportError> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let report: Report = serde_json::from_slice(bytes).map_err(|error| ReportError::Broken {
        line: error.line(),
        column: error.column(),
        what: error.to_string(),
    })?;
    let cases = report.results.tests.0;
    match report.results.summary.and_then(|summary| summary.tests) {
        Some(count) if count != cases.len() as u64 => {
            let what = format!("its summary counts {count} tests, and {} are in it", cases.len());
            Err(ReportError::at_line(1, what))
        }
        Some(_) | None => Ok(cases),
    }
}

#[derive(Deserialize)]
struct Report {
    results: Results,
}

#[derive(Deserialize)]
struct Results {
    summary: Option<Summary>,
    tests: Cases,
}

#[derive(Deserialize)]
struct Summary {
    tests: Option<u64>,
}

/// The tests, each made a case as soon as it is read.
struct Cases(Vec<Case>);

impl<'de> Deserialize<'de> for Cases {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(CasesVisitor).map(Self)
    }
}

struct CasesVisitor;

impl<'de> Visitor<'de> for CasesVisitor {
    type Value = Vec<Case>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a list of tests")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut tests: A) -> Result<Vec<Case>, A::Error> {
        let mut cases = Vec::new();
        while let Some(test) = tests.next_element::<Test>()? {
            if cases.len() == TESTS_PER_JOB_MAX {
                return Err(A::Error::custom(format!("more than {TESTS_PER_JOB_MAX} tests")));
            }
            cases.push(test.case());
        }
        Ok(cases)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Test {
    name: String,
    status: Status,
    duration: f64,
    #[serde(default)]
    message: Option<String>,
    #[serde(default)]
    trace: Option<String>,
    #[serde(default)]
    suite: Option<Suite>,
    #[serde(default)]
    file_path: Option<String>,
    #[serde(default)]
    flaky: Option<bool>,
    #[serde(default)]
    retries: Option<u64>,
    #[serde(default)]
    stdout: Option<Written>,
    #[serde(default)]
    stderr: Option<Written>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Status {
    Passed,
    Failed,
    Skipped,
    Pending,
    Other,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Suite {
    One(String),
    Path(Vec<String>),
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    Lines(Vec<String>),
    Whole(String),
    Other(IgnoredAny),
}

impl Test {
    fn case(self) -> Case {
        let is_repeated = self.flaky == Some(true) || self.retries.is_some_and(|retries| retries > 0);
        let outcome = match self.status {
            Status::Passed if is_repeated => CaseOutcome::Flaky,
            Status::Passed => CaseOutcome::Passed,
            Status::Failed => CaseOutcome::Failed,
            Status::Skipped | Status::Pending => CaseOutcome::Skipped,
            Status::Other => CaseOutcome::Errored,
        };
        let class = match self.suite {
            Some(Suite::One(suite)) => suite,
            Some(Suite::Path(path)) => path.join(" > "),
            None => String::new(),
        };
        let mut case = Case {
            name: self.name,
            class,
            file: self.file_path.unwrap_or_default(),
            duration: Duration::try_from_secs_f64(self.duration / 1_000.0).ok(),
            outcome,
            message: self.message.unwrap_or_default(),
            ..Case::default()
        };
        for text in [self.trace].into_iter().flatten() {
            case.write(&text);
            case.write("\n");
        }
        for written in [self.stdout, self.stderr].into_iter().flatten() {
            match written {
                Written::Lines(lines) => lines.iter().for_each(|line| {
                    case.write(line);
                    case.write("\n");
                }),
                Written::Whole(text) => case.write(&text),
                Written::Other(_) => {}
            }
        }
        case
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    #[test]
    fn every_status_is_read() {
        let cases = read(SAMPLE.as_bytes()).expect("a whole report");
        let shown: Vec<_> = cases.iter().map(|case| (case.class.as_str(), case.name.as_str(), case.outcome)).collect();
        assert_eq!(
            shown,
            [
                ("cart", "adds", CaseOutcome::Passed),
                ("cart > sums", "fails", CaseOutcome::Failed),
                ("", "later", CaseOutcome::Skipped),
                ("", "again", CaseOutcome::Flaky),
                ("", "odd", CaseOutcome::Errored),
            ]
        );
        assert_eq!(cases[0].duration, Some(Duration::from_micros(1_500)));
        assert_eq!((cases[1].message.as_str(), cases[1].output.as_str()), ("no", "at x.js:1\nsaid\n"));
        assert_eq!(cases[1].file, "a.js");
    }

    #[test]
    fn what_is_cut_or_does_not_add_up_is_refused() {
        for length in 0..SAMPLE.trim_end().len() {
            assert!(read(&SAMPLE.as_bytes()[..length]).is_err(), "cut at {length}");
        }
        let error = read(SAMPLE.replace("\"tests\":5", "\"tests\":6").as_bytes()).expect_err("one is missing");
        assert_eq!(error.to_string(), "line 1, column 1: its summary counts 6 tests, and 5 are in it");
        assert!(read(br#"{"results":{"tests":[{"name":"a","status":"lost","duration":1}]}}"#).is_err());
    }

    pub(in crate::report) const SAMPLE: &str = r#"{"reportFormat":"CTRF","results":{"tool":{"name":"x"},
"summary":{"tests":5,"passed":2},"tests":[
{"name":"adds","status":"passed","duration":1.5,"suite":"cart"},
{"name":"fails","status":"failed","duration":2,"suite":["cart","sums"],"message":"no","trace":"at x.js:1","filePath":"a.js","stdout":["said"]},
{"name":"later","status":"pending","duration":0},
{"name":"again","status":"passed","duration":0,"retries":1,"flaky":true},
{"name":"odd","status":"other","duration":0,"extra":{"a":[1]}}]}}
"#;
}
