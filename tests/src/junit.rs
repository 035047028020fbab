//! The verdicts in a JUnit XML file, for comparison. Written apart from the product's own reader on purpose.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, bail};
use quick_xml::events::{BytesStart, Event};
use quick_xml::{Reader, XmlVersion};

/// How often each verdict was given to each test. A name may be there more than once.
pub type Verdicts = BTreeMap<String, BTreeMap<Verdict, u32>>;

/// What a testcase says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// No child says otherwise.
    Passed,
    /// `<failure>`.
    Failed,
    /// `<error>`.
    Errored,
    /// `<skipped>`.
    Skipped,
    /// `<flakyFailure>` or `<flakyError>`.
    Flaky,
}

/// Reads the verdicts of a file. A test's name is `classname.name` with separators made the same, so that files of
/// different writers agree.
///
/// # Errors
/// If the file cannot be read or is not well formed.
pub fn read(path: &Path) -> Result<Verdicts> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    parse(&text).with_context(|| format!("{} is not JUnit XML", path.display()))
}

fn parse(text: &str) -> Result<Verdicts> {
    let mut verdicts = Verdicts::new();
    let mut reader = Reader::from_str(text);
    let mut open: Option<(String, Verdict)> = None;
    loop {
        match reader.read_event()? {
            Event::Start(tag) if tag.name().as_ref() == b"testcase" => open = Some((name(&tag)?, Verdict::Passed)),
            Event::Empty(tag) if tag.name().as_ref() == b"testcase" => add(&mut verdicts, name(&tag)?, Verdict::Passed),
            Event::End(tag) if tag.name().as_ref() == b"testcase" => {
                let Some((name, verdict)) = open.take() else { bail!("a testcase ends that did not begin") };
                add(&mut verdicts, name, verdict);
            }
            Event::Start(tag) | Event::Empty(tag) => {
                if let (Some((_, verdict)), Some(found)) = (&mut open, child(tag.name().as_ref())) {
                    *verdict = found;
                }
            }
            Event::Eof => return Ok(verdicts),
            _ => {}
        }
    }
}

fn child(tag: &[u8]) -> Option<Verdict> {
    match tag {
        b"failure" => Some(Verdict::Failed),
        b"error" => Some(Verdict::Errored),
        b"skipped" => Some(Verdict::Skipped),
        b"flakyFailure" | b"flakyError" => Some(Verdict::Flaky),
        _ => None,
    }
}

fn add(verdicts: &mut Verdicts, name: String, verdict: Verdict) {
    *verdicts.entry(name).or_default().entry(verdict).or_default() += 1;
}

fn name(tag: &BytesStart<'_>) -> Result<String> {
    let mut class = String::new();
    let mut name = String::new();
    for attribute in tag.attributes() {
        let attribute = attribute?;
        let value = attribute.normalized_value(XmlVersion::Implicit1_0)?.into_owned();
        match attribute.key.as_ref() {
            b"classname" => class = value,
            b"name" => name = value,
            _ => {}
        }
    }
    let class = class.replace(".py::", ".").replace("::", ".").replace('/', ".");
    Ok(format!("{} {name}", class.strip_suffix(".py").unwrap_or(&class)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_two_writers_agree() {
        let ours = r#"<testsuites><testsuite name="job"><testcase classname="tests/test_a.py::TestX" name="one[a/b]"/>
            <testcase classname="tests/test_a.py" name="two"><flakyFailure/></testcase></testsuite></testsuites>"#;
        let theirs = r#"<testsuite><testcase classname="tests.test_a.TestX" name="one[a/b]"></testcase>
            <testcase classname="tests.test_a" name="two"><failure>no</failure></testcase></testsuite>"#;
        let (ours, theirs) = (parse(ours).expect("well formed"), parse(theirs).expect("well formed"));
        assert_eq!(ours.keys().collect::<Vec<_>>(), theirs.keys().collect::<Vec<_>>());
        assert_eq!(ours["tests.test_a.TestX one[a/b]"], theirs["tests.test_a.TestX one[a/b]"]);
        assert_eq!(ours["tests.test_a two"], [(Verdict::Flaky, 1)].into());
    }
}
