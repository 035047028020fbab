//! A report as JUnit XML.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use muster_proto::v1;
use quick_junit::{
    NonSuccessKind, Property, SerializeError, TestCase, TestCaseStatus, TestRerun, TestSuite, XmlString,
};

use super::name::{Name, RunnerKind, part};
use crate::output::human::outcome_word;
use crate::output::reporter::Details;
use crate::output::text;
use crate::report::{Report, is_excused};

/// The XML of `report`: one suite for each test job, and one for each other job that did not pass.
pub(crate) fn junit(
    report: &Report,
    details: &Details,
    runners: &BTreeMap<u32, RunnerKind>,
) -> Result<Vec<u8>, SerializeError> {
    let mut xml = quick_junit::Report::new(clean(&report.run.name));
    xml.set_time(report.elapsed());
    xml.timestamp = timestamp(report.run.submitted_unix_ms);
    for job in report.jobs() {
        let tests: Vec<&v1::RunTest> = report.tests.iter().filter(|test| test.job == job.job).collect();
        let stand_in = stand_in(job, &tests);
        if job.kind() == v1::JobKind::Tests || stand_in.is_some() {
            let mut suite = suite(report, job);
            suite.add_test_cases(tests.iter().map(|test| case(job, test, details, runners.get(&job.job).copied())));
            suite.add_test_cases(stand_in);
            xml.add_test_suite(suite);
        }
    }
    let mut content = Vec::new();
    xml.serialize(&mut content)?;
    Ok(content)
}

fn suite(report: &Report, job: &v1::Job) -> TestSuite {
    let mut suite = TestSuite::new(clean(&job.name));
    if let (Some(start), Some(end)) = (job.started_unix_ms, job.finished_unix_ms) {
        suite.set_time(Duration::from_millis(end.saturating_sub(start)));
        suite.timestamp = timestamp(start);
    }
    suite.add_property(Property::new("muster.run", report.run.run.to_string()));
    suite.add_property(Property::new("muster.outcome", outcome_word(job.outcome())));
    if let Some(reason) = &job.reason {
        suite.add_property(Property::new("muster.reason", clean(&reason.code)));
        suite.add_property(Property::new("muster.message", clean(&text::one_line(&reason.message))));
    }
    suite
}

fn case(job: &v1::Job, test: &v1::RunTest, details: &Details, runner: Option<RunnerKind>) -> TestCase {
    let Name { class, name, file } = part(&test.name, runner, &job.name);
    let outputs = Outputs { test, details };
    let (mut status, main) = status(test, &outputs);
    let mut case = match main {
        Some(a_try) => {
            if a_try.outcome() != v1::TryOutcome::Passed && !is_excused(test) {
                status.set_message(first_line(&a_try.message));
            }
            let mut case = TestCase::new(clean(&name), status);
            case.set_time(Duration::from_micros(a_try.duration_us));
            case.timestamp = began(a_try);
            if let Some(output) = outputs.of(a_try) {
                case.set_system_out(output);
            }
            case
        }
        None => TestCase::new(clean(&name), status),
    };
    case.set_classname(clean(&class));
    if let Some(file) = file {
        case.extra.insert("file".into(), clean(&file));
    }
    case.add_property(Property::new("muster.test", clean(&text::one_line(&test.name))));
    case.add_property(Property::new("muster.verdict", verdict_word(test.verdict())));
    if let Some(a_try) = test.tries.last() {
        case.add_property(Property::new("muster.tries", test.tries.len().to_string()));
        case.add_property(Property::new("muster.agent", clean(&a_try.agent)));
    }
    case
}

/// The status of a test, and the try that stands for it: as nextest does, the last one of a flaky test and the first one
/// of a failed test.
fn status<'a>(test: &'a v1::RunTest, outputs: &Outputs<'_>) -> (TestCaseStatus, Option<&'a v1::TestTry>) {
    match test.verdict() {
        v1::TestVerdict::Passed | v1::TestVerdict::Flaky => {
            let mut status = TestCaseStatus::success();
            status.add_reruns(test.tries.iter().filter(|a_try| is_bad(a_try)).map(|a_try| rerun(a_try, outputs)));
            (status, test.tries.last())
        }
        v1::TestVerdict::Skipped => (TestCaseStatus::skipped(), test.tries.last()),
        // Whoever reads the file must not fail the run either: it is told as skipped, with why.
        v1::TestVerdict::Failed if is_excused(test) => {
            let mut status = TestCaseStatus::skipped();
            let message = test.tries.last().map(|last| text::one_line(&last.message)).unwrap_or_default();
            status.set_type("quarantined").set_message(format!("failed in quarantine: {message}"));
            (status, test.tries.last())
        }
        v1::TestVerdict::Failed => not_passed(test, NonSuccessKind::Failure, "failed", outputs),
        v1::TestVerdict::Errored => not_passed(test, NonSuccessKind::Error, "errored", outputs),
        v1::TestVerdict::Unspecified => {
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
            status.set_type("no verdict").set_message("the run ended before this test had a verdict");
            status.add_reruns(test.tries.iter().filter(|a_try| is_bad(a_try)).map(|a_try| rerun(a_try, outputs)));
            (status, None)
        }
    }
}

fn not_passed<'a>(
    test: &'a v1::RunTest,
    kind: NonSuccessKind,
    word: &str,
    outputs: &Outputs<'_>,
) -> (TestCaseStatus, Option<&'a v1::TestTry>) {
    let mut status = TestCaseStatus::non_success(kind);
    status.set_type(word);
    let mut bad = test.tries.iter().filter(|a_try| is_bad(a_try));
    let first = bad.next();
    if let Some(first) = first {
        status.set_description(clean(&first.message));
        status.add_reruns(bad.map(|a_try| rerun(a_try, outputs)));
    }
    (status, first.or(test.tries.first()))
}

/// Whether a try did not pass. One that did is no rerun: a new test is run several times although it passes.
fn is_bad(a_try: &v1::TestTry) -> bool {
    a_try.outcome() != v1::TryOutcome::Passed
}

fn rerun(a_try: &v1::TestTry, outputs: &Outputs<'_>) -> TestRerun {
    let (kind, word) = match a_try.outcome() {
        v1::TryOutcome::Errored | v1::TryOutcome::Unspecified => (NonSuccessKind::Error, "errored"),
        v1::TryOutcome::Failed | v1::TryOutcome::Passed | v1::TryOutcome::Skipped => {
            (NonSuccessKind::Failure, "failed")
        }
    };
    let mut rerun = TestRerun::new(kind);
    rerun.set_time(Duration::from_micros(a_try.duration_us));
    rerun.timestamp = began(a_try);
    rerun.set_type(word);
    rerun.set_message(first_line(&a_try.message));
    rerun.set_description(clean(&a_try.message));
    if let Some(output) = outputs.of(a_try) {
        rerun.set_system_out(output);
    }
    rerun
}

/// A case that stands for a job whose end no test tells of, so that no reader takes its suite for green.
fn stand_in(job: &v1::Job, tests: &[&v1::RunTest]) -> Option<TestCase> {
    let kind = match job.outcome() {
        v1::Outcome::Passed | v1::Outcome::Skipped => return None,
        v1::Outcome::Failed | v1::Outcome::TimedOut => NonSuccessKind::Failure,
        v1::Outcome::Cancelled | v1::Outcome::Errored | v1::Outcome::Unspecified => NonSuccessKind::Error,
    };
    let tells = |test: &&v1::RunTest| {
        matches!(test.verdict(), v1::TestVerdict::Failed | v1::TestVerdict::Errored | v1::TestVerdict::Unspecified)
            && !is_excused(test)
    };
    if job.may_fail || tests.iter().any(tells) {
        return None;
    }
    let reason = job.reason.as_ref().map_or("", |reason| reason.message.as_str());
    let mut status = TestCaseStatus::non_success(kind);
    status.set_type(outcome_word(job.outcome())).set_message(first_line(reason)).set_description(clean(reason));
    let mut case = TestCase::new(clean(&text::one_line(&job.name)), status);
    case.set_classname("muster.job");
    Some(case)
}

struct Outputs<'a> {
    test: &'a v1::RunTest,
    details: &'a Details,
}

impl Outputs<'_> {
    fn of(&self, a_try: &v1::TestTry) -> Option<XmlString> {
        let output: &Bytes = self.details.outputs.get(&(self.test.job, self.test.test, a_try.attempt))?;
        Some(clean(&String::from_utf8_lossy(output)))
    }
}

fn verdict_word(verdict: v1::TestVerdict) -> &'static str {
    match verdict {
        v1::TestVerdict::Unspecified => "none",
        v1::TestVerdict::Passed => "passed",
        v1::TestVerdict::Failed => "failed",
        v1::TestVerdict::Flaky => "flaky",
        v1::TestVerdict::Skipped => "skipped",
        v1::TestVerdict::Errored => "errored",
    }
}

fn first_line(message: &str) -> XmlString {
    clean(message.lines().next().unwrap_or_default())
}

/// XML 1.0 also forbids these two, which `XmlString` leaves in.
fn clean(text: &str) -> XmlString {
    XmlString::new(text.replace(['\u{fffe}', '\u{ffff}'], ""))
}

/// The moment in which a try began, as an attribute. Read from text: the type belongs to a crate that is not ours.
fn began<T: std::str::FromStr>(a_try: &v1::TestTry) -> Option<T> {
    timestamp(a_try.finished_unix_ms.saturating_sub(a_try.duration_us / 1_000))
}

fn timestamp<T: std::str::FromStr>(unix_ms: u64) -> Option<T> {
    let moment = jiff::Timestamp::from_millisecond(i64::try_from(unix_ms).ok()?).ok()?;
    moment.to_string().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::samples::{a_try, job, report, test, tests_job};
    use v1::TestVerdict as Verdict;

    #[test]
    fn every_verdict_has_its_form() -> Result<(), SerializeError> {
        let mut tests = vec![
            test(0, "tests/test_a.py::test_passes", Verdict::Passed),
            test(1, "tests/test_a.py::TestB::test_fails[a \"<b>\" \u{1b}]", Verdict::Failed),
            test(2, "tests/test_a.py::test_flakes", Verdict::Flaky),
            test(3, "tests/test_a.py::test_skips", Verdict::Skipped),
            test(4, "tests/test_a.py::test_breaks", Verdict::Errored),
            test(5, "tests/test_a.py::test_never", Verdict::Unspecified),
        ];
        tests[1].tries[0].message = "assert 1 == 2\n\u{1b}[31mred\u{1b}[0m \u{0}\u{ffff} ]]>".to_owned();
        let mut tested = tests_job(0, &tests);
        tested.set_outcome(v1::Outcome::Failed);
        let mut lint = job(1, "lint", v1::JobKind::Steps);
        lint.set_outcome(v1::Outcome::Failed);
        lint.reason = Some(v1::Reason { code: "exit_status".to_owned(), message: "ended with status 2".to_owned() });
        let mut details = Details::default();
        details.outputs.insert((0, 1, 1), "first\u{7} & only".into());
        details.outputs.insert((0, 2, 1), "flaked".into());
        let built = job(2, "build", v1::JobKind::Steps);
        let report = report(v1::Outcome::Failed, vec![tested, lint, built], tests);
        let xml = junit(&report, &details, &BTreeMap::from([(0, RunnerKind::Pytest)]))?;
        insta::assert_snapshot!(String::from_utf8_lossy(&xml));
        Ok(())
    }

    #[test]
    fn a_job_of_which_only_a_failure_in_quarantine_tells_has_a_case_that_stands_for_its_end() -> anyhow::Result<()> {
        let tests = vec![v1::RunTest { is_quarantined: true, ..test(0, "tests/test_a.py::test_x", Verdict::Failed) }];
        let mut tested = tests_job(0, &tests);
        let written = |job: &v1::Job| {
            let report = report(job.outcome(), vec![job.clone()], tests.clone());
            junit(&report, &Details::default(), &BTreeMap::new()).map(|xml| String::from_utf8_lossy(&xml).into_owned())
        };
        let xml = written(&tested)?;
        let skipped =
            r#"<skipped message="failed in quarantine: assertion failed: left == right" type="quarantined"/>"#;
        assert!(xml.contains(skipped) && !xml.contains("muster.job"), "{xml}");
        tested.set_outcome(v1::Outcome::Errored);
        let xml = written(&tested)?;
        assert!(xml.contains("muster.job") && xml.contains(r#"errors="1""#), "{xml}");
        Ok(())
    }

    #[test]
    fn a_try_that_passed_of_a_test_that_is_repeated_is_no_rerun() -> anyhow::Result<()> {
        use v1::TryOutcome::{Failed, Passed};
        let repeated = |number, verdict, outcomes: &[v1::TryOutcome]| {
            let tries = (1..).zip(outcomes).map(|(attempt, outcome)| a_try(attempt, *outcome)).collect();
            v1::RunTest { tries, ..test(number, &format!("test_{number}"), verdict) }
        };
        let tests = vec![
            repeated(0, Verdict::Passed, &[Passed, Passed, Passed]),
            repeated(1, Verdict::Flaky, &[Passed, Failed, Passed]),
            repeated(2, Verdict::Failed, &[Passed, Failed, Failed]),
        ];
        let report = report(v1::Outcome::Failed, vec![tests_job(0, &tests)], tests);
        let xml = String::from_utf8(junit(&report, &Details::default(), &BTreeMap::new())?)?;
        let count = |tag: &str| xml.matches(tag).count();
        assert_eq!((count("<flakyFailure"), count("<failure"), count("<rerunFailure")), (1, 1, 1), "{xml}");
        Ok(())
    }

    #[test]
    fn what_is_written_can_be_read_back() -> anyhow::Result<()> {
        let tests: Vec<_> = (0..0x300)
            .map(|number| {
                let character = char::from_u32(number).unwrap_or('\u{ffff}');
                let mut test = test(number, &format!("a{character}b"), Verdict::Failed);
                test.tries[0].message = format!("x{character}y");
                test
            })
            .collect();
        let report = report(v1::Outcome::Failed, vec![tests_job(0, &tests)], tests);
        let xml = junit(&report, &Details::default(), &BTreeMap::new())?;
        let mut reader = quick_xml::Reader::from_reader(xml.as_slice());
        let mut cases = 0;
        loop {
            match reader.read_event()? {
                quick_xml::events::Event::Start(tag) if tag.name().as_ref() == b"testcase" => {
                    for attribute in tag.attributes() {
                        attribute?;
                    }
                    cases += 1;
                }
                quick_xml::events::Event::Eof => break,
                _ => {}
            }
        }
        assert_eq!(cases, 0x300);
        Ok(())
    }
}
