//! [`Owners`]: who answers for a file, by the CODEOWNERS and TESTOWNERS files that GitHub, GitLab and Buildkite know.
//!
//! A line is a pattern as in a .gitignore file, then owners. Of the lines that match a file the last one counts, also if
//! it names nobody. GitLab's sections count each by itself; a heading's owners are those of its lines that name none.
//! Where there is a TESTOWNERS file, it alone counts.

use std::fs;
use std::path::Path;

use ignore::gitignore::{Gitignore, GitignoreBuilder};

use crate::failure::Failure;

/// The lines of one file.
#[derive(Debug, Default)]
pub(crate) struct Owners {
    /// Which file, as seen from the top of the project; empty: none was found.
    pub(crate) source: String,
    sections: Vec<Vec<Rule>>,
}

#[derive(Debug)]
struct Rule {
    pattern: Gitignore,
    /// Whether it is of a folder's own files only: GitHub's `docs/*`.
    is_flat: bool,
    owners: Vec<String>,
}

impl Owners {
    /// Of the project at `root`.
    pub(crate) fn find(root: &Path) -> Result<Self, Failure> {
        let Some(source) = PLACES.iter().find(|place| root.join(place).is_file()) else { return Ok(Self::default()) };
        let failure = || Failure::usage(format!("cannot read {source}"));
        let path = root.join(source);
        let size = path.metadata().map_err(|error| failure().because(error))?.len();
        if size > FILE_BYTES_MAX {
            return Err(failure().because(format!("it has {size} bytes; {FILE_BYTES_MAX} are read")));
        }
        let text = fs::read(&path).map_err(|error| failure().because(error))?;
        Ok(Self { source: (*source).to_owned(), sections: parse(&String::from_utf8_lossy(&text)) })
    }

    /// Who answers for `file`, a path as seen from the top of the project.
    pub(crate) fn of(&self, file: &str) -> Vec<&str> {
        let mut owners: Vec<&str> = Vec::new();
        let file = file.trim_start_matches("./").trim_start_matches('/');
        for section in &self.sections {
            let last = section.iter().rev().find(|rule| rule.matches(file));
            for owner in last.into_iter().flat_map(|rule| &rule.owners) {
                if !owners.contains(&owner.as_str()) {
                    owners.push(owner);
                }
            }
        }
        owners
    }
}

impl Rule {
    fn matches(&self, file: &str) -> bool {
        if self.is_flat {
            return self.pattern.matched(file, false).is_ignore();
        }
        self.pattern.matched_path_or_any_parents(file, false).is_ignore()
    }
}

fn parse(text: &str) -> Vec<Vec<Rule>> {
    let mut sections = vec![Vec::new()];
    let mut default: Vec<String> = Vec::new();
    for line in text.lines() {
        let words = words(line);
        if let Some(owners) = heading(line, &words) {
            default = owners;
            sections.push(Vec::new());
            continue;
        }
        let Some((pattern, owners)) = words.split_first() else { continue };
        // What CODEOWNERS has no meaning for matches nothing.
        if pattern.starts_with('!') {
            continue;
        }
        let is_flat = pattern.ends_with("/*");
        let mut builder = GitignoreBuilder::new("");
        let is_pattern = builder.add_line(None, pattern).is_ok();
        let Some(pattern) = builder.build().ok().filter(|_| is_pattern) else { continue };
        let owners = if owners.is_empty() { default.clone() } else { owners.to_vec() };
        if let Some(section) = sections.last_mut() {
            section.push(Rule { pattern, is_flat, owners });
        }
    }
    sections
}

/// The owners on GitLab's heading of a section: `[Name]`, `^[Name]`, `[Name][2] @owner`.
fn heading(line: &str, words: &[String]) -> Option<Vec<String>> {
    let line = line.trim_start();
    let is_heading = line.trim_start_matches('^').starts_with('[') && line.contains(']');
    is_heading.then(|| words.iter().filter(|word| word.contains('@') && !word.contains(']')).cloned().collect())
}

/// Words apart by blanks that have no backslash before them; what follows a `#` at the beginning of a word is a comment.
fn words(line: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut word = String::new();
    let mut is_escaped = false;
    for character in line.chars() {
        match character {
            '#' if word.is_empty() && !is_escaped => break,
            _ if character.is_whitespace() && !is_escaped => {
                if !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
            }
            _ => word.push(character),
        }
        is_escaped = character == '\\' && !is_escaped;
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}

/// Where the files may be, the first one found counts.
const PLACES: [&str; 7] = [
    "TESTOWNERS",
    ".github/TESTOWNERS",
    ".buildkite/TESTOWNERS",
    ".github/CODEOWNERS",
    "CODEOWNERS",
    "docs/CODEOWNERS",
    ".gitlab/CODEOWNERS",
];
/// GitHub's limit.
const FILE_BYTES_MAX: u64 = 3 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    fn owners(text: &str) -> Owners {
        Owners { source: "CODEOWNERS".to_owned(), sections: parse(text) }
    }

    #[test]
    fn the_last_line_that_matches_counts() {
        let owners = owners(
            "# comment\n* @all\n*.py @python # why\n/tests/ @qa @ci\ntests/slow/\ndocs/*.md @writers\nguide/* @guides\n/a\\ b/ @space\n",
        );
        for (file, expected) in [
            ("src/lib.rs", &["@all"][..]),
            ("src/x.py", &["@python"]),
            ("tests/test_a.py", &["@qa", "@ci"]),
            ("./tests/deep/er/test_a.py", &["@qa", "@ci"]),
            ("src/tests/test_a.py", &["@python"]),
            ("tests/slow/test_b.py", &[]),
            ("docs/a.md", &["@writers"]),
            ("docs/more/a.md", &["@all"]),
            ("guide/a.txt", &["@guides"]),
            ("guide/more/a.txt", &["@all"]),
            ("a b/c.rs", &["@space"]),
        ] {
            assert_eq!(owners.of(file), expected, "{file}");
        }
    }

    #[test]
    fn sections_count_each_by_itself() {
        let owners = owners("* @all\n[Docs] @writers\ndocs/\n^[Tests][2] @qa\n*.py\ndocs/x.py @x\n");
        assert_eq!(owners.of("docs/x.py"), ["@all", "@writers", "@x"]);
        assert_eq!(owners.of("src/x.py"), ["@all", "@qa"]);
        assert_eq!(owners.of("src/x.rs"), ["@all"]);
    }

    #[test]
    fn the_file_for_tests_goes_first_and_none_is_nobody() {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let find = || Owners::find(folder.path()).expect("it can be read");
        assert!(find().of("a").is_empty());
        fs::write(folder.path().join("CODEOWNERS"), "* @code\n").expect("it can be written");
        assert_eq!((find().source.as_str(), find().of("a")), ("CODEOWNERS", vec!["@code"]));
        fs::write(folder.path().join("TESTOWNERS"), "* @tests\n").expect("it can be written");
        assert_eq!((find().source.as_str(), find().of("a")), ("TESTOWNERS", vec!["@tests"]));
    }
}
