//! JUnit XML, in all the ways in which runners write it.
//!
//! Accepted: `<testsuites>` or a bare `<testsuite>` at the root, suites within suites, cases without time or class,
//! `failure`, `error`, `skipped`, `flakyFailure`, `flakyError`, `rerunFailure`, `rerunError`, `system-out`, `system-err`,
//! and whatever else a runner adds. Refused, with the place: a file that is cut off, is not well-formed, or is beyond a
//! limit. A file is read whole or not at all: half a report says nothing of the tests in its other half.

use std::time::Duration;

use muster_common::limits::TESTS_PER_JOB_MAX;
use quick_xml::Reader;
use quick_xml::escape::unescape;
use quick_xml::events::{BytesRef, BytesStart, Event};

use super::case::{Case, CaseOutcome};
use super::error::ReportError;

/// Elements within elements.
pub const DEPTH_MAX: usize = 64;
/// Attributes of one element.
pub const ATTRIBUTES_MAX: usize = 256;

/// Reads a report.
///
/// # Errors
/// If it is not a whole report; never panics, whatever the bytes are.
pub fn read(bytes: &[u8]) -> Result<Vec<Case>, ReportError> {
    let mut reader = Reader::from_reader(bytes);
    let config = reader.config_mut();
    config.check_end_names = true;
    config.allow_dangling_amp = true;
    let mut report = Report::default();
    loop {
        let event = reader.read_event().map_err(|error| {
            let place = usize::try_from(reader.error_position()).unwrap_or(usize::MAX);
            ReportError::at_byte(bytes, place, error.to_string())
        })?;
        let step = match event {
            Event::Start(start) => report.open(&start),
            Event::Empty(start) => report.open(&start).map(|()| report.close()),
            Event::End(_) => {
                report.close();
                Ok(())
            }
            Event::Text(text) => report.text(&String::from_utf8_lossy(&text)),
            Event::CData(text) => report.text(&String::from_utf8_lossy(&text)),
            Event::GeneralRef(reference) => report.text(&resolve(&reference)),
            Event::Eof => return report.end().map_err(|what| ReportError::at_byte(bytes, bytes.len(), what)),
            Event::Decl(_) | Event::PI(_) | Event::Comment(_) | Event::DocType(_) => Ok(()),
        };
        let place = usize::try_from(reader.buffer_position()).unwrap_or(usize::MAX);
        step.map_err(|what| ReportError::at_byte(bytes, place, what))?;
    }
}

/// A report in the making.
#[derive(Debug, Default)]
struct Report {
    path: Vec<Element>,
    has_root: bool,
    case: Option<Case>,
    cases: Vec<Case>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Element {
    Suites,
    Suite,
    Case,
    Failure(CaseOutcome),
    Repeated,
    Written,
    Other,
}

impl Report {
    fn open(&mut self, start: &BytesStart<'_>) -> Result<(), String> {
        if self.path.len() == DEPTH_MAX {
            return Err(format!("more than {DEPTH_MAX} elements within each other"));
        }
        let attributes = Attributes::of(start)?;
        let is_in_case = self.case.is_some();
        let name = String::from_utf8_lossy(start.local_name().into_inner()).into_owned();
        let element = match (name.as_str(), is_in_case) {
            ("testsuites", false) => Element::Suites,
            ("testsuite", false) => Element::Suite,
            ("testcase", false) => Element::Case,
            ("failure", true) => Element::Failure(CaseOutcome::Failed),
            ("error", true) => Element::Failure(CaseOutcome::Errored),
            ("skipped", true) => Element::Failure(CaseOutcome::Skipped),
            ("flakyFailure" | "flakyError", true) => Element::Failure(CaseOutcome::Flaky),
            ("rerunFailure" | "rerunError", true) => Element::Repeated,
            ("system-out" | "system-err", true) => Element::Written,
            _ => Element::Other,
        };
        if self.path.is_empty() {
            self.open_root(element, &name)?;
        }
        match element {
            Element::Case => self.open_case(attributes)?,
            Element::Failure(outcome) => self.open_failure(outcome, &attributes),
            Element::Suites | Element::Suite | Element::Repeated | Element::Written | Element::Other => {}
        }
        self.path.push(element);
        Ok(())
    }

    fn open_root(&mut self, element: Element, name: &str) -> Result<(), String> {
        if self.has_root {
            return Err("a second report follows the first".to_owned());
        }
        if !matches!(element, Element::Suites | Element::Suite) {
            return Err(format!("`<{name}>` is not the beginning of a JUnit report"));
        }
        self.has_root = true;
        Ok(())
    }

    fn open_case(&mut self, attributes: Attributes) -> Result<(), String> {
        if self.cases.len() == TESTS_PER_JOB_MAX {
            return Err(format!("more than {TESTS_PER_JOB_MAX} test cases"));
        }
        let Attributes { name, class, file, time, status, .. } = attributes;
        let is_not_run = NOT_RUN.contains(&status.to_ascii_lowercase().as_str());
        let outcome = if is_not_run { CaseOutcome::Skipped } else { CaseOutcome::Passed };
        let name = name.ok_or("a `<testcase>` has no name")?;
        self.case = Some(Case { name, class, file, duration: seconds(&time), outcome, ..Case::default() });
        Ok(())
    }

    fn open_failure(&mut self, outcome: CaseOutcome, attributes: &Attributes) {
        let Some(case) = &mut self.case else { return };
        if rank(outcome) > rank(case.outcome) {
            case.outcome = outcome;
            case.message.clone_from(&attributes.message);
        }
    }

    fn text(&mut self, text: &str) -> Result<(), String> {
        let Some(element) = self.path.last().copied() else {
            let is_blank = text.trim_matches(['\u{feff}', ' ', '\t', '\r', '\n']).is_empty();
            return if is_blank { Ok(()) } else { Err("text outside of any element".to_owned()) };
        };
        let Some(case) = &mut self.case else { return Ok(()) };
        match element {
            Element::Failure(outcome) => {
                if case.message.trim().is_empty() && outcome == case.outcome {
                    text.trim().lines().next().unwrap_or("").clone_into(&mut case.message);
                }
                case.write(text);
            }
            Element::Written | Element::Repeated => case.write(text),
            Element::Suites | Element::Suite | Element::Case | Element::Other => {}
        }
        Ok(())
    }

    fn close(&mut self) {
        match self.path.pop() {
            Some(Element::Case) => self.cases.extend(self.case.take()),
            Some(Element::Failure(_) | Element::Written | Element::Repeated) => {
                if let Some(case) = self.case.as_mut().filter(|case| !case.output.is_empty()) {
                    case.write("\n");
                }
            }
            Some(Element::Suites | Element::Suite | Element::Other) | None => {}
        }
    }

    fn end(&mut self) -> Result<Vec<Case>, String> {
        if !self.path.is_empty() {
            return Err("the file is cut off: it ends inside an element".to_owned());
        }
        if !self.has_root {
            return Err("the file is empty: there is no `<testsuites>` or `<testsuite>` in it".to_owned());
        }
        Ok(std::mem::take(&mut self.cases))
    }
}

/// The attributes that matter.
#[derive(Debug, Default)]
struct Attributes {
    name: Option<String>,
    class: String,
    file: String,
    time: String,
    status: String,
    message: String,
}

impl Attributes {
    fn of(start: &BytesStart<'_>) -> Result<Self, String> {
        let mut found = Self::default();
        for (index, attribute) in start.attributes().enumerate() {
            if index == ATTRIBUTES_MAX {
                return Err(format!("an element with more than {ATTRIBUTES_MAX} attributes"));
            }
            let attribute = attribute.map_err(|error| error.to_string())?;
            let raw = String::from_utf8_lossy(&attribute.value).into_owned();
            // What cannot be resolved is kept as it stands: some runners write what XML does not allow.
            let value = unescape(&raw).map_or_else(|_| raw.clone(), std::borrow::Cow::into_owned);
            match attribute.key.local_name().into_inner() {
                b"name" => found.name = Some(value),
                b"classname" => found.class = value,
                b"file" => found.file = value,
                b"time" => found.time = value,
                b"status" => found.status = value,
                b"message" => found.message = value,
                _ => {}
            }
        }
        Ok(found)
    }
}

fn seconds(text: &str) -> Option<Duration> {
    // Some runners group thousands: 1,234.5.
    Duration::try_from_secs_f64(text.replace(',', "").trim().parse().ok()?).ok()
}

/// Which of several statements about one case counts.
const fn rank(outcome: CaseOutcome) -> u8 {
    match outcome {
        CaseOutcome::Passed => 0,
        CaseOutcome::Skipped => 1,
        CaseOutcome::Flaky => 2,
        CaseOutcome::Failed => 3,
        CaseOutcome::Errored => 4,
    }
}

fn resolve(reference: &BytesRef<'_>) -> String {
    if let Ok(Some(character)) = reference.resolve_char_ref() {
        return character.to_string();
    }
    let raw = format!("&{};", String::from_utf8_lossy(reference));
    unescape(&raw).map_or_else(|_| raw.clone(), std::borrow::Cow::into_owned)
}

const NOT_RUN: [&str; 4] = ["notrun", "skipped", "disabled", "ignored"];

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    fn summary(text: &str) -> Vec<(String, CaseOutcome, String)> {
        let cases = read(text.as_bytes()).expect("a whole report");
        let shown =
            |case: Case| (format!("{} {}", case.class, case.name).trim().to_owned(), case.outcome, case.message);
        cases.into_iter().map(shown).collect()
    }

    fn said(name: &str, outcome: CaseOutcome, message: &str) -> (String, CaseOutcome, String) {
        (name.to_owned(), outcome, message.to_owned())
    }

    #[test]
    fn what_runners_write_is_read() {
        assert_eq!(
            summary(PYTEST),
            [
                said("test_a test_ok[a b]", CaseOutcome::Passed, ""),
                said("test_a test_no", CaseOutcome::Failed, "assert 1 == 2"),
                said("test_a test_skip", CaseOutcome::Skipped, "why"),
                said("test_a test_setup", CaseOutcome::Errored, "failed on setup"),
            ]
        );
        assert_eq!(
            summary(NEXTEST),
            [
                said("tiny::it flaky", CaseOutcome::Flaky, "thread 'flaky' panicked"),
                said("tiny::it bad", CaseOutcome::Failed, "x < y & z"),
            ]
        );
        assert_eq!(
            summary(GOOGLE),
            [said("Suite Runs", CaseOutcome::Passed, ""), said("Suite DISABLED_Not", CaseOutcome::Skipped, ""),]
        );
    }

    #[test]
    fn time_and_texts_are_kept() {
        let case = &read(PYTEST.as_bytes()).expect("a whole report")[1];
        assert_eq!(case.duration, Some(Duration::from_millis(1_500)));
        assert_eq!(case.output, "the <traceback>\nout & about\n");
        let odd = r#"<testsuite><testcase name="a&#10;b" time="1,000.5"/><testcase name="c" time="soon"/></testsuite>"#;
        let cases = read(odd.as_bytes()).expect("a whole report");
        assert_eq!((cases[0].name.as_str(), cases[0].duration), ("a\nb", Some(Duration::from_millis(1_000_500))));
        assert_eq!(cases[1].duration, None);
    }

    #[test]
    fn every_cut_is_noticed_with_its_place() {
        for length in 0..PYTEST.trim_end().len() {
            assert!(read(&PYTEST.as_bytes()[..length]).is_err(), "cut at {length}");
        }
        let error = read(b"<testsuite>\n<testcase name=\"a\"/>\n").expect_err("it is cut off");
        assert_eq!(error.to_string(), "line 3, column 1: the file is cut off: it ends inside an element");
    }

    #[test]
    fn what_is_no_report_or_beyond_a_limit_is_refused() {
        let deep = "<testsuite>".repeat(DEPTH_MAX + 1);
        let wide: String = (0..=ATTRIBUTES_MAX).map(|index| format!(" a{index}=\"\"")).collect();
        let wide = format!("<testsuite{wide}></testsuite>");
        for bad in [
            "",
            "garbage",
            "<html></html>",
            "<testsuite/><testsuite/>",
            "<testsuite><testcase/></testsuite>",
            &deep,
            &wide,
        ] {
            assert!(read(bad.as_bytes()).is_err(), "{bad:.40}");
        }
        assert_eq!(read(b"\xef\xbb\xbf<testsuites/>").expect("an empty report"), []);
    }

    pub(in crate::report) const PYTEST: &str = r#"<?xml version="1.0" encoding="utf-8"?><testsuites name="pytest tests"><testsuite name="pytest" errors="1">
<testcase classname="test_a" name="test_ok[a b]" time="0.001"/>
<testcase classname="test_a" name="test_no" time="1.5"><failure message="assert 1 == 2">the &lt;traceback&gt;</failure><system-out><![CDATA[out & about]]></system-out></testcase>
<testcase classname="test_a" name="test_skip"><skipped type="pytest.skip" message="why">test_a.py:1: why</skipped></testcase>
<testcase classname="test_a" name="test_setup"><error message="failed on setup">trace</error></testcase>
</testsuite></testsuites>
"#;
    const NEXTEST: &str = r#"<testsuites name="nextest-run"><testsuite name="tiny::it">
<testcase name="flaky" classname="tiny::it"><flakyFailure type="test failure">thread 'flaky' panicked
more</flakyFailure></testcase>
<testcase name="bad" classname="tiny::it"><failure type="test failure" message="x &lt; y &amp; z">x</failure><rerunFailure>y</rerunFailure></testcase>
</testsuite></testsuites>"#;
    const GOOGLE: &str = r#"<testsuites><testsuite name="outer"><testsuite name="Suite"><properties><property name="a"/></properties>
<testcase name="Runs" status="run" result="completed" classname="Suite"/>
<testcase name="DISABLED_Not" status="notrun" classname="Suite"/></testsuite></testsuite></testsuites>"#;
}
