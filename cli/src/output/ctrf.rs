//! The Common Test Report Format, version 0.1.0 of its schema: JSON that many tools read.

use std::time::Duration;

use muster_proto::v1;
use serde::Serialize;
use serde_json::{Value, json};

use super::junit::{Name, part};
use super::reporter::Details;
use super::text;
use crate::origin::Origin;
use crate::report::{Report, is_excused};

/// The bytes of the file.
pub(crate) fn ctrf(report: &Report, details: &Details, origin: &Origin) -> Vec<u8> {
    let run = &report.run;
    let tally = report.tally();
    let stop = run.finished_unix_ms.unwrap_or(run.submitted_unix_ms);
    let suites = report.jobs().filter(|job| job.kind() == v1::JobKind::Tests).count();
    let document = json!({
        "reportFormat": "CTRF",
        "specVersion": SPEC_VERSION,
        "timestamp": moment(stop),
        "generatedBy": concat!("muster ", env!("CARGO_PKG_VERSION")),
        "results": {
            "tool": { "name": "muster", "version": env!("CARGO_PKG_VERSION") },
            "summary": {
                "tests": tally.sum(),
                "passed": tally.passed + tally.flaky,
                "failed": tally.failed - tally.quarantined,
                "skipped": tally.skipped,
                "pending": 0,
                "other": tally.errored + tally.open + tally.quarantined,
                "flaky": tally.flaky,
                "suites": suites,
                "start": run.submitted_unix_ms,
                "stop": stop,
                "duration": stop.saturating_sub(run.submitted_unix_ms),
            },
            "tests": report.tests.iter().map(|of| test(report, of, details, origin)).collect::<Vec<_>>(),
            "environment": { "reportName": run.name, "appName": run.project },
            "extra": { "muster": { "run": run.run, "outcome": super::json::outcome_word(run.outcome()) } },
        },
    });
    let mut bytes = document.to_string().into_bytes();
    bytes.push(b'\n');
    bytes
}

/// A test, or one of its tries: what both have.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Test<'a> {
    name: &'a str,
    status: &'static str,
    duration: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    start: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stop: Option<u64>,
    suite: Vec<String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    message: String,
    raw_status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    file_path: Option<String>,
    retries: usize,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    retry_attempts: Vec<Value>,
    flaky: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    stdout: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thread_id: Option<&'a str>,
}

fn test<'a>(report: &'a Report, test: &'a v1::RunTest, details: &Details, origin: &Origin) -> Test<'a> {
    let job = report.job_name(test.job);
    let Name { class, file, .. } = part(&test.name, origin.runners.get(&test.job).copied(), job);
    let (last, earlier) = match test.tries.split_last() {
        Some((last, earlier)) => (Some(last), earlier),
        None => (None, &[][..]),
    };
    let suite = if class == job { vec![class] } else { vec![job.to_owned(), class] };
    let message = match test.verdict() {
        v1::TestVerdict::Unspecified => "the run ended before this test had a verdict".to_owned(),
        v1::TestVerdict::Passed | v1::TestVerdict::Flaky => String::new(),
        v1::TestVerdict::Failed | v1::TestVerdict::Errored | v1::TestVerdict::Skipped => {
            last.map(|last| plain(&last.message)).unwrap_or_default()
        }
    };
    Test {
        name: if test.name.is_empty() { "?" } else { &test.name },
        status: if is_excused(test) { "other" } else { status(test.verdict()) },
        duration: last.map_or(0, |last| last.duration_us / 1_000),
        start: last.map(began),
        stop: last.map(|last| last.finished_unix_ms),
        suite,
        message,
        raw_status: if is_excused(test) {
            "failed in quarantine"
        } else {
            super::json::verdict_word(test.verdict()).unwrap_or("none")
        },
        file_path: file.map(|file| origin.path(test.job, &file)),
        retries: earlier.len(),
        retry_attempts: earlier.iter().map(|a_try| attempt(test, a_try, details)).collect(),
        flaky: test.verdict() == v1::TestVerdict::Flaky,
        stdout: last.map(|last| output(test, last, details)).unwrap_or_default(),
        thread_id: last.map(|last| last.agent.as_str()),
    }
}

fn attempt(test: &v1::RunTest, a_try: &v1::TestTry, details: &Details) -> Value {
    let status = match a_try.outcome() {
        v1::TryOutcome::Passed => "passed",
        v1::TryOutcome::Failed => "failed",
        v1::TryOutcome::Skipped => "skipped",
        v1::TryOutcome::Errored | v1::TryOutcome::Unspecified => "other",
    };
    json!({
        "attempt": a_try.attempt,
        "status": status,
        "duration": a_try.duration_us / 1_000,
        "start": began(a_try),
        "stop": a_try.finished_unix_ms,
        "message": plain(&a_try.message),
        "stdout": output(test, a_try, details),
        "extra": { "agent": a_try.agent },
    })
}

fn status(verdict: v1::TestVerdict) -> &'static str {
    match verdict {
        v1::TestVerdict::Passed | v1::TestVerdict::Flaky => "passed",
        v1::TestVerdict::Failed => "failed",
        v1::TestVerdict::Skipped => "skipped",
        v1::TestVerdict::Errored | v1::TestVerdict::Unspecified => "other",
    }
}

fn output(test: &v1::RunTest, a_try: &v1::TestTry, details: &Details) -> Vec<String> {
    let output = details.outputs.get(&(test.job, test.test, a_try.attempt));
    output.map(|output| text::lines(output)).unwrap_or_default()
}

fn plain(message: &str) -> String {
    text::lines(message.as_bytes()).join("\n")
}

fn began(a_try: &v1::TestTry) -> u64 {
    let took = Duration::from_micros(a_try.duration_us).as_millis();
    a_try.finished_unix_ms.saturating_sub(u64::try_from(took).unwrap_or(u64::MAX))
}

fn moment(unix_ms: u64) -> String {
    let moment = i64::try_from(unix_ms).ok().and_then(|millis| jiff::Timestamp::from_millisecond(millis).ok());
    moment.unwrap_or_default().to_string()
}

const SPEC_VERSION: &str = "0.1.0";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::schema_check::problems;
    use crate::report::samples::{report, test, tests_job};
    use v1::TestVerdict as Verdict;

    fn sample() -> Value {
        let tests = vec![
            test(0, "tests/test_a.py::test_passes", Verdict::Passed),
            test(1, "tests/test_a.py::TestB::test_fails", Verdict::Failed),
            test(2, "tests/test_a.py::test_flakes", Verdict::Flaky),
            test(3, "", Verdict::Skipped),
            test(4, "tests/test_a.py::test_breaks", Verdict::Errored),
            test(5, "never", Verdict::Unspecified),
        ];
        let mut details = Details::default();
        details.outputs.insert((0, 1, 1), "first\u{7}\nonly".into());
        details.outputs.insert((0, 1, 2), "second".into());
        let report = report(v1::Outcome::Failed, vec![tests_job(0, &tests)], tests);
        let bytes = ctrf(&report, &details, &Origin::default());
        serde_json::from_slice(&bytes).expect("it is JSON")
    }

    #[test]
    fn every_field_is_one_that_the_format_knows() {
        let schema: Value = serde_json::from_str(include_str!("ctrf_schema.json")).expect("it is JSON");
        assert_eq!(problems(&sample(), &schema), Vec::<String>::new());
        let mut wrong = sample();
        wrong["results"]["tests"][0]["status"] = json!("flaky");
        wrong["results"]["tests"][1]["more"] = json!(1);
        wrong["results"]["summary"]["stop"] = Value::Null;
        assert_eq!(problems(&wrong, &schema).len(), 3);
    }

    #[test]
    fn a_failure_in_quarantine_is_no_failure_in_the_sums_either() {
        let tests = vec![v1::RunTest { is_quarantined: true, ..test(0, "a", Verdict::Failed) }];
        let report = report(v1::Outcome::Passed, vec![tests_job(0, &tests)], tests);
        let bytes = ctrf(&report, &Details::default(), &Origin::default());
        let found: Value = serde_json::from_slice(&bytes).expect("it is JSON");
        let summary = &found["results"]["summary"];
        assert_eq!((&summary["failed"], &summary["other"]), (&json!(0), &json!(1)));
        assert_eq!(found["results"]["tests"][0]["status"], "other");
    }

    #[test]
    fn a_flaky_test_passed_and_tells_of_the_tries_before() {
        let flaky = &sample()["results"]["tests"][2];
        assert_eq!((&flaky["status"], &flaky["flaky"], &flaky["retries"]), (&json!("passed"), &json!(true), &json!(1)));
        assert_eq!(flaky["retryAttempts"][0]["status"], "failed");
        let summary = &sample()["results"]["summary"];
        let sums = ["passed", "failed", "skipped", "pending", "other"].map(|key| summary[key].as_u64().unwrap_or(99));
        assert_eq!((sums.iter().sum::<u64>(), summary["tests"].as_u64()), (6, Some(6)));
    }
}
