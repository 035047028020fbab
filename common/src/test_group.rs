//! Tests that exclude each other: of a group only so many may run at one time.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Tests of one job of which no more than a limit run at one time, over all agents.
///
/// A test may be in several groups; then it needs a place in each of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TestGroup {
    /// Unique in the job.
    pub name: String,
    /// Patterns; a test is in the group if one of them fits its whole name. `*` stands for any characters, `?` for one.
    #[serde(rename = "match")]
    pub patterns: Vec<String>,
    /// Most of its tests that run at one time.
    pub limit: u32,
}

impl TestGroup {
    /// Whether a test is in the group.
    #[must_use]
    pub fn has(&self, test: &str) -> bool {
        self.patterns.iter().any(|pattern| fits(pattern, test))
    }
}

/// Whether a pattern fits a whole name. Takes at most as many steps as the product of their lengths.
fn fits(pattern: &str, name: &str) -> bool {
    let (pattern, name) = (pattern.as_bytes(), name.as_bytes());
    let (mut at, mut next) = (0, 0);
    // Where the last `*` stands, and what of the name it has not swallowed yet.
    let mut retry: Option<(usize, usize)> = None;
    while next < name.len() {
        match pattern.get(at) {
            Some(b'*') => {
                retry = Some((at, next));
                at += 1;
            }
            Some(b'?') => {
                at += 1;
                next = end_of_character(name, next);
            }
            Some(byte) if *byte == name[next] => {
                at += 1;
                next += 1;
            }
            Some(_) | None => {
                let Some((star, swallowed)) = retry else { return false };
                let swallowed = end_of_character(name, swallowed);
                retry = Some((star, swallowed));
                (at, next) = (star + 1, swallowed);
            }
        }
    }
    pattern[at..].iter().all(|byte| *byte == b'*')
}

/// Where the character ends that begins here.
fn end_of_character(name: &[u8], begin: usize) -> usize {
    let following = &name[begin + 1..];
    begin + 1 + following.iter().take_while(|byte| **byte & 0b1100_0000 == 0b1000_0000).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_fits_the_whole_name_and_slashes_and_brackets_are_nothing_special() {
        for (pattern, name, expected) in [
            ("tests/db/*", "tests/db/deep/test_a.py::test_b[1]", true),
            ("tests/db/*", "other/tests/db/test_a.py", false),
            ("*::TestMigrations::*", "a.py::TestMigrations::test_x", true),
            ("*[db]*", "a.py::test_x[db]", true),
            ("*[db]", "a.py::test_x[d]", false),
            ("test_?", "test_ä", true),
            ("test_?", "test_", false),
            ("test_??", "test_ä", false),
            ("*", "", true),
            ("", "", true),
            ("", "a", false),
            ("a*b*c", "aXbXbc", true),
            ("a*b*c", "aXbXb", false),
            ("**a**", "a", true),
        ] {
            assert_eq!(fits(pattern, name), expected, "{pattern} on {name}");
        }
    }

    #[test]
    fn a_hostile_pattern_takes_no_more_than_the_product_of_the_lengths() {
        let name = "a".repeat(crate::limits::TEST_NAME_BYTES_MAX);
        let pattern = "a*".repeat(crate::limits::TEST_PATTERN_BYTES_MAX / 2 - 1) + "b";
        assert!(!fits(&pattern, &name));
    }
}
