//! Which of a job's arguments go to cargo and which to the test executables.

use crate::runner::cargo_build::{Argument, arguments};

/// A job's arguments, sorted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Arguments {
    /// For cargo, which builds doc tests only where it runs them.
    pub(super) cargo: Vec<String>,
    /// Filters and switches of the harness, for listing.
    pub(super) harness: Vec<String>,
    /// As they were, for questions to cargo.
    pub(super) all: Vec<Argument>,
    /// Whether doc tests are among what cargo would run.
    pub(super) has_doc_tests: bool,
    /// Whether anything else is.
    pub(super) has_executables: bool,
}

impl Arguments {
    pub(super) fn sort(given: &[String]) -> Self {
        let all = arguments(given, WITH_VALUE);
        let mut sorted = Self { all: all.clone(), has_doc_tests: true, has_executables: true, ..Self::default() };
        for argument in all {
            match argument {
                Argument::Option { name, .. } if ALREADY_SO.contains(&name.as_str()) => {}
                Argument::Option { name, .. } if name == "--doc" => sorted.has_executables = false,
                Argument::Option { name, words } => {
                    sorted.has_doc_tests &= !TARGET_CHOICES.contains(&name.as_str());
                    sorted.cargo.extend(words);
                }
                Argument::Word(word) => sorted.harness.insert(0, word),
                Argument::Rest(rest) => sorted.harness.extend(rest),
            }
        }
        sorted
    }

    /// Switches that a run needs as well, so that an ignored test that is in the list is run.
    pub(super) fn harness_switches(&self) -> Vec<String> {
        self.harness.iter().filter(|word| matches!(word.as_str(), "--ignored" | "--include-ignored")).cloned().collect()
    }

    /// Arguments of cargo for the doc tests of one package: all but the choice of packages, and of the features those
    /// that `has_feature`. Cargo takes a feature that any chosen package has, so it refuses the others' here.
    pub(super) fn doc(&self, has_feature: impl Fn(&str) -> bool) -> Vec<String> {
        let mut kept = Vec::new();
        for argument in &self.all {
            let Argument::Option { name, words } = argument else { continue };
            match name.as_str() {
                "--doc" => {}
                "-F" | "--features" => {
                    let features: Vec<&str> = features(words).filter(|feature| has_feature(feature)).collect();
                    if !features.is_empty() {
                        kept.extend(["--features".to_owned(), features.join(",")]);
                    }
                }
                name if PACKAGE_CHOICES.contains(&name) || ALREADY_SO.contains(&name) => {}
                _ => kept.extend(words.iter().cloned()),
            }
        }
        kept
    }
}

/// The features that an option names, with its value in the next word or in its own.
fn features(words: &[String]) -> impl Iterator<Item = &str> {
    let (name, value) = match words {
        [_, value] => ("", value.as_str()),
        [word] => word.split_at(if word.starts_with("--") { "--features".len() } else { "-F".len() }),
        _ => ("", ""),
    };
    let value = if name.is_empty() { value } else { value.strip_prefix('=').unwrap_or(value) };
    value.split([',', ' ']).filter(|feature| !feature.is_empty())
}

const ALREADY_SO: &[&str] = &["--no-fail-fast", "--no-run"];
const PACKAGE_CHOICES: &[&str] = &["-p", "--package", "--exclude", "--workspace", "--all"];
const TARGET_CHOICES: &[&str] = &[
    "--lib",
    "--bin",
    "--bins",
    "--example",
    "--examples",
    "--test",
    "--tests",
    "--bench",
    "--benches",
    "--all-targets",
];
const WITH_VALUE: &[&str] = &[
    "-p",
    "--package",
    "--exclude",
    "--bin",
    "--example",
    "--test",
    "--bench",
    "-F",
    "--features",
    "-j",
    "--jobs",
    "--profile",
    "--target",
    "--target-dir",
    "--manifest-path",
    "--message-format",
    "--config",
    "-Z",
    "--color",
    "--lockfile-path",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cargo_and_the_harness_get_their_own() {
        let given = ["-p", "a", "--features", "x", "some_name", "--", "--include-ignored", "--skip", "b"];
        let sorted = Arguments::sort(&given.map(str::to_owned));
        assert_eq!(sorted.cargo, ["-p", "a", "--features", "x"]);
        assert_eq!(sorted.harness, ["some_name", "--include-ignored", "--skip", "b"]);
        assert_eq!(sorted.harness_switches(), ["--include-ignored"]);
        assert_eq!(sorted.doc(|_| true), ["--features", "x"]);
        assert!(sorted.has_doc_tests && sorted.has_executables);
        assert!(!Arguments::sort(&["--lib".to_owned()]).has_doc_tests);
        assert!(!Arguments::sort(&["--doc".to_owned()]).has_executables);
    }

    #[test]
    fn doc_tests_of_a_package_get_the_features_that_it_has() {
        for given in [&["--features", "a b,c"][..], &["--features=a,b"], &["-F", "a,b"], &["-Fa,b"], &["-F=a b"]] {
            let given: Vec<String> = given.iter().map(|word| (*word).to_owned()).collect();
            let sorted = Arguments::sort(&given);
            assert_eq!(sorted.doc(|feature| feature == "a"), ["--features", "a"], "{given:?}");
            assert!(sorted.doc(|_| false).is_empty());
        }
    }
}
