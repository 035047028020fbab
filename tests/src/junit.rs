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

/// Reads the verdicts of a file that Muster has written, by the whole ids that it keeps as properties.
///
/// # Errors
/// If the file cannot be read or is not well formed.
pub fn read_whole(path: &Path) -> Result<Verdicts> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let mut verdicts = Verdicts::new();
    for (_, id, verdict) in cases(&text).with_context(|| format!("{} is not JUnit XML", path.display()))? {
        let id = id.with_context(|| format!("a testcase of {} has no property `muster.test`", path.display()))?;
        add(&mut verdicts, id, verdict);
    }
    Ok(verdicts)
}

/// Reads classes, names and verdicts as they stand in a file.
///
/// # Errors
/// If the file cannot be read or is not well formed.
pub fn parts(path: &Path) -> Result<Vec<((String, String), Verdict)>> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let found = cases(&text).with_context(|| format!("{} is not JUnit XML", path.display()))?;
    Ok(found.into_iter().map(|(name, _, verdict)| (name, verdict)).collect())
}

fn parse(text: &str) -> Result<Verdicts> {
    let mut verdicts = Verdicts::new();
    for ((class, name), _, verdict) in cases(text)? {
        add(&mut verdicts, alike(&class, &name), verdict);
    }
    Ok(verdicts)
}

type Case = ((String, String), Option<String>, Verdict);

/// Class and name, the whole id where there is one, and the verdict of every testcase.
fn cases(text: &str) -> Result<Vec<Case>> {
    let mut cases = Vec::new();
    let mut reader = Reader::from_str(text);
    let mut open: Option<Case> = None;
    loop {
        match reader.read_event()? {
            Event::Start(tag) if tag.name().as_ref() == b"testcase" => open = Some((name(&tag)?, None, verdict(&tag)?)),
            Event::Empty(tag) if tag.name().as_ref() == b"testcase" => cases.push((name(&tag)?, None, verdict(&tag)?)),
            Event::End(tag) if tag.name().as_ref() == b"testcase" => match open.take() {
                Some(case) => cases.push(case),
                None => bail!("a testcase ends that did not begin"),
            },
            Event::Start(tag) | Event::Empty(tag) => {
                let Some((_, id, verdict)) = &mut open else { continue };
                if let Some(found) = child(tag.name().as_ref()) {
                    *verdict = found;
                }
                if tag.name().as_ref() == b"property" && value(&tag, b"name")?.as_deref() == Some("muster.test") {
                    *id = value(&tag, b"value")?;
                }
            }
            Event::Eof => return Ok(cases),
            _ => {}
        }
    }
}

/// Some writers say by a status that a test was not run.
fn verdict(tag: &BytesStart<'_>) -> Result<Verdict> {
    let status = value(tag, b"status")?.unwrap_or_default();
    Ok(if ["notrun", "disabled"].contains(&status.as_str()) { Verdict::Skipped } else { Verdict::Passed })
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

/// One more test with this verdict.
pub fn add(verdicts: &mut Verdicts, name: String, verdict: Verdict) {
    *verdicts.entry(name).or_default().entry(verdict).or_default() += 1;
}

fn name(tag: &BytesStart<'_>) -> Result<(String, String)> {
    Ok((value(tag, b"classname")?.unwrap_or_default(), value(tag, b"name")?.unwrap_or_default()))
}

fn value(tag: &BytesStart<'_>, key: &[u8]) -> Result<Option<String>> {
    for attribute in tag.attributes() {
        let attribute = attribute?;
        if attribute.key.as_ref() == key {
            return Ok(Some(attribute.normalized_value(XmlVersion::Implicit1_0)?.into_owned()));
        }
    }
    Ok(None)
}

fn alike(class: &str, name: &str) -> String {
    let class = class.replace(".py::", ".").replace("::", ".").replace('/', ".");
    format!("{} {name}", class.strip_suffix(".py").unwrap_or(&class))
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
