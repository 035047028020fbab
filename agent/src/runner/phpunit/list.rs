//! What `--list-tests-xml` writes.

use quick_xml::Reader;
use quick_xml::escape::unescape;
use quick_xml::events::{BytesStart, Event};

/// Names of the tests, in order. None, if it is not such a file.
pub(super) fn names(bytes: &[u8]) -> Option<Vec<String>> {
    let mut reader = Reader::from_reader(bytes);
    let mut class = String::new();
    let mut names = Vec::new();
    let mut has_root = false;
    let mut depth = 0_usize;
    loop {
        let event = reader.read_event().ok()?;
        let (start, is_open) = match &event {
            Event::Start(start) => (start, true),
            Event::Empty(start) => (start, false),
            Event::End(_) => {
                depth = depth.checked_sub(1)?;
                continue;
            }
            Event::Eof => return (has_root && depth == 0).then_some(names),
            _ => continue,
        };
        depth += usize::from(is_open);
        // Version 9 says `testCaseClass` and `testCaseMethod`, later ones `testClass` and `testMethod`.
        match start.local_name().into_inner() {
            b"tests" | b"testSuite" => has_root = true,
            b"testCaseClass" | b"testClass" => class = attribute(start, b"name")?,
            b"testCaseMethod" | b"testMethod" => names.push(name(&class, start)?),
            // Tests in the files of another form.
            b"phpt" => names.push(attribute(start, b"path").or_else(|| attribute(start, b"file"))?),
            _ => {}
        }
    }
}

fn name(class: &str, start: &BytesStart<'_>) -> Option<String> {
    let method = attribute(start, b"name")?;
    let set = attribute(start, b"dataSet").unwrap_or_default();
    Some(match set.trim() {
        "" => format!("{class}::{method}"),
        set if set.starts_with("with data set") => format!("{class}::{method} {set}"),
        set => format!("{class}::{method} with data set {set}"),
    })
}

fn attribute(start: &BytesStart<'_>, name: &[u8]) -> Option<String> {
    let attribute = start.attributes().filter_map(Result::ok).find(|one| one.key.local_name().into_inner() == name)?;
    let raw = String::from_utf8_lossy(&attribute.value).into_owned();
    Some(unescape(&raw).map_or_else(|_| raw.clone(), std::borrow::Cow::into_owned))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_both_kinds_are_understood() {
        let old = r##"<?xml version="1.0"?><tests><testCaseClass name="X\ATest"><testCaseMethod name="testOk" groups="default"/>
            <testCaseMethod name="testData" dataSet="&quot;one / x&quot;"/><testCaseMethod name="testData" dataSet="#0"/></testCaseClass></tests>"##;
        let new = r##"<testSuite><tests><testClass name="X\ATest" file="a"><testMethod id="X\ATest::testOk" name="testOk"/>
            <testMethod name="testData" dataSet="&quot;one / x&quot;"/><testMethod name="testData" dataSet="with data set #0"/></testClass></tests></testSuite>"##;
        let expected =
            ["X\\ATest::testOk", "X\\ATest::testData with data set \"one / x\"", "X\\ATest::testData with data set #0"];
        for text in [old, new] {
            assert_eq!(names(text.as_bytes()).expect("a list"), expected);
            assert_eq!(names(&text.as_bytes()[..text.len() - 8]), None);
        }
        assert_eq!(names(b"garbage"), None);
    }
}
