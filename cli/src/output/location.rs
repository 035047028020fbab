//! Where in the source a failure is, as far as its text tells.

/// A place in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Location {
    /// As the text names it: relative to the folder in which the runner ran.
    pub(crate) file: String,
    /// From 1.
    pub(crate) line: Option<u32>,
}

/// The place that `message` or else `output` names, a place in `file` before any other; else `file` itself.
pub(crate) fn find(message: &str, output: &str, file: Option<&str>) -> Option<Location> {
    let text = || message.lines().chain(output.lines()).take(LINES_MAX).flat_map(in_line);
    let in_file = || file.and_then(|file| text().filter(|location| location.file == file).last());
    in_file()
        .or_else(|| text().next().filter(|_| file.is_none()))
        .or_else(|| Some(Location { file: file?.to_owned(), line: None }))
}

/// Every `path:line` and every `File "path", line N` of a line.
fn in_line(line: &str) -> Vec<Location> {
    let quoted =
        line.split_once("File \"").and_then(|(_, rest)| rest.split_once("\", line ")).and_then(|(file, rest)| {
            let digits = rest.split(|character: char| !character.is_ascii_digit()).next().unwrap_or_default();
            location(file, digits)
        });
    let words = line.split(|character: char| character.is_whitespace() || "()[]'\"`,".contains(character));
    let plain = words.filter_map(|word| {
        let mut parts = word.split(':');
        location(parts.next()?, parts.next()?)
    });
    quoted.into_iter().chain(plain).collect()
}

fn location(file: &str, line: &str) -> Option<Location> {
    let file = file.strip_prefix("./").unwrap_or(file);
    let (_, ending) = file.rsplit_once('.')?;
    let is_ending = (1..=ENDING_BYTES_MAX).contains(&ending.len())
        && ending.starts_with(|first: char| first.is_ascii_alphabetic())
        && ending.bytes().all(|byte| byte.is_ascii_alphanumeric());
    // What lies outside of the workspace, such as the standard library, is not of the repository.
    let is_inside =
        !file.starts_with('/') && !file.starts_with("library/") && !file.split('/').any(|part| part == "..");
    let line = line.parse().ok().filter(|line| *line > 0)?;
    (is_ending && is_inside).then(|| Location { file: file.to_owned(), line: Some(line) })
}

const LINES_MAX: usize = 2_000;
const ENDING_BYTES_MAX: usize = 5;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_found_as_runners_write_them() {
        for (text, file, line) in [
            ("thread 'tests::a' panicked at src/lib.rs:12:5:\nboom", "src/lib.rs", 12),
            ("    at Object.<anonymous> (src/cart.test.ts:7:11)", "src/cart.test.ts", 7),
            ("  File \"tests/a.py\", line 31, in test_a", "tests/a.py", 31),
            ("./spec/a_spec.rb:4:in `block'", "spec/a_spec.rb", 4),
            ("panicked at /rustc/abc/library/core/src/x.rs:1:1: at src/main.rs:3:1", "src/main.rs", 3),
        ] {
            let expected = Location { file: file.to_owned(), line: Some(line) };
            assert_eq!(find(text, "", None), Some(expected), "{text}");
        }
        for text in ["at 12:30:01", "http://x.io:80/", "a.b.c: 3", "../x.rs:3:1", "version 1.2:3"] {
            assert_eq!(find(text, "", None), None, "{text}");
        }
    }

    #[test]
    fn the_last_place_in_the_file_of_the_test_goes_first() {
        let text = "tests/conftest.py:3: in fix\ntests/test_a.py:9: in test_a\ntests/test_a.py:12: AssertionError";
        let found = find(text, "", Some("tests/test_a.py"));
        assert_eq!(found, Some(Location { file: "tests/test_a.py".to_owned(), line: Some(12) }));
        let found = find("x.py:3: y", "", Some("tests/test_b.py"));
        assert_eq!(found, Some(Location { file: "tests/test_b.py".to_owned(), line: None }));
    }
}
