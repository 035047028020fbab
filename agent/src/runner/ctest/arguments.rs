//! The job's arguments: where the build tree is, and which tests are wanted.

use muster_common::error_code::ReasonCode;

use crate::runner::failure::RunnerFailure;

/// Sorted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Arguments {
    /// All but those that choose tests.
    pub(super) place: Vec<String>,
    /// Those that choose tests.
    pub(super) choice: Vec<String>,
    /// The build tree, relative to the job's directory.
    pub(super) test_dir: Option<String>,
}

impl Arguments {
    pub(super) fn sort(given: &[String]) -> Result<Self, RunnerFailure> {
        let mut sorted = Self::default();
        let mut words = given.iter();
        while let Some(word) = words.next() {
            let name = word.split('=').next().unwrap_or(word);
            if REFUSED.contains(&name) || (word.starts_with("-j") && word.len() > 2) {
                let message = format!(
                    "`{word}` cannot be used with the runner `ctest`: it says how tests are run or repeated, which is Muster's"
                );
                return Err(RunnerFailure::user(ReasonCode::DiscoveryFailed, message));
            }
            let mut flag = vec![word.clone()];
            if WITH_VALUE.contains(&name) || CHOOSING.contains(&name) {
                flag.extend(words.next().cloned());
            }
            if name == "--test-dir" {
                sorted.test_dir = flag.last().map(|value| value.trim_start_matches("--test-dir=").to_owned());
            }
            if CHOOSING.contains(&name) { sorted.choice.extend(flag) } else { sorted.place.extend(flag) }
        }
        Ok(sorted)
    }
}

const CHOOSING: [&str; 12] = [
    "-R",
    "--tests-regex",
    "-E",
    "--exclude-regex",
    "-L",
    "--label-regex",
    "-LE",
    "--label-exclude",
    "-FA",
    "-FS",
    "-FC",
    "--tests-from-file",
];
const WITH_VALUE: [&str; 6] = ["-C", "--build-config", "--test-dir", "--preset", "--timeout", "--resource-spec-file"];
const REFUSED: [&str; 16] = [
    "-I",
    "-j",
    "--parallel",
    "--repeat",
    "--repeat-until-fail",
    "--stop-on-failure",
    "--rerun-failed",
    "-N",
    "--show-only",
    "-S",
    "-SP",
    "-D",
    "-M",
    "-T",
    "--build-and-test",
    "--schedule-random",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_go_where_they_belong() {
        let sort = |given: &[&str]| Arguments::sort(&given.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>());
        let arguments = sort(&["--test-dir", "build", "-L", "unit", "-C", "Debug"]).expect("known");
        assert_eq!(arguments.place, ["--test-dir", "build", "-C", "Debug"]);
        assert_eq!(arguments.choice, ["-L", "unit"]);
        assert_eq!(arguments.test_dir.as_deref(), Some("build"));
        assert!(sort(&["-j4"]).is_err() && sort(&["--repeat", "until-pass:3"]).is_err());
    }
}
