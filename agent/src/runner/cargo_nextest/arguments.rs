//! Which of a job's arguments go to which of nextest's commands.

use muster_common::error_code::ReasonCode;

use crate::runner::cargo_build::{Argument, arguments};
use crate::runner::failure::RunnerFailure;

/// A job's arguments, sorted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Arguments {
    /// For `cargo nextest archive`.
    pub(super) build: Vec<String>,
    /// For `cargo nextest list`, with the build at hand.
    pub(super) list: Vec<String>,
    /// For `cargo nextest run`, with the build at hand and the tests selected by name.
    pub(super) run: Vec<String>,
    /// As they were, for questions to cargo.
    pub(super) all: Vec<Argument>,
}

impl Arguments {
    /// Sorts what the job gave.
    pub(super) fn sort(given: &[String]) -> Result<Self, RunnerFailure> {
        let all = arguments(given, WITH_VALUE);
        let mut sorted = Self { all: all.clone(), ..Self::default() };
        for argument in all {
            match argument {
                Argument::Word(word) => sorted.list.push(word),
                Argument::Rest(rest) => {
                    sorted.list.push("--".to_owned());
                    sorted.list.extend(rest);
                }
                Argument::Option { name, words } => sorted.take(&name, words)?,
            }
        }
        Ok(sorted)
    }

    fn take(&mut self, name: &str, words: Vec<String>) -> Result<(), RunnerFailure> {
        if ALREADY_SO.contains(&name) {
            return Ok(());
        }
        if NOT_OURS.contains(&name) {
            let message = format!(
                "the runner argument `{name}` says how nextest runs tests, which Muster decides; take it away, and \
                 set retries, parallelism and time limits on the test job itself"
            );
            return Err(RunnerFailure::user(ReasonCode::BuildFailed, message));
        }
        let (build, list, run) = if EVERYWHERE.contains(&name) {
            (true, true, true)
        } else if SELECTING_KINDS.contains(&name) {
            (false, true, true)
        } else if SELECTING.contains(&name) {
            (false, true, false)
        } else {
            (true, false, false)
        };
        for (wanted, place) in [(build, &mut self.build), (list, &mut self.list), (run, &mut self.run)] {
            if wanted {
                place.extend(words.iter().cloned());
            }
        }
        Ok(())
    }
}

/// Configuration.
const EVERYWHERE: &[&str] =
    &["-P", "--profile", "--config-file", "--tool-config-file", "--user-config-file", "--override-version-check"];
/// They say which kinds of tests there are; a test selected by name has to pass them as well.
const SELECTING_KINDS: &[&str] = &["--run-ignored", "--ignore-default-filter", "--platform-filter"];
/// They choose tests; a run chooses by name instead.
const SELECTING: &[&str] = &["-E", "--filterset", "--filter-expr", "--partition"];
const ALREADY_SO: &[&str] = &["--no-fail-fast"];
const NOT_OURS: &[&str] = &[
    "-R",
    "--rerun",
    "-j",
    "--test-threads",
    "--retries",
    "--flaky-result",
    "--fail-fast",
    "--max-fail",
    "--debugger",
    "--tracer",
    "--no-tests",
    "--no-capture",
    "--nocapture",
    "--stress-count",
    "--stress-duration",
    "--no-run",
    "--message-format",
    "-T",
    "--archive-file",
    "--extract-to",
    "--binaries-metadata",
    "--cargo-metadata",
    "--workspace-remap",
    "--target-dir-remap",
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
    "--build-jobs",
    "--cargo-profile",
    "--target",
    "--target-dir",
    "--manifest-path",
    "--cargo-message-format",
    "--config",
    "-Z",
    "--color",
    "-P",
    "--profile",
    "--config-file",
    "--tool-config-file",
    "--user-config-file",
    "--run-ignored",
    "--platform-filter",
    "-E",
    "--filterset",
    "--filter-expr",
    "--partition",
    "--retries",
    "-j",
    "--test-threads",
    "--max-fail",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_command_gets_what_it_understands() {
        let given = ["--features", "x", "-E", "test(a)", "-Pci", "--run-ignored", "all", "name", "--", "--skip", "b"];
        let sorted = Arguments::sort(&given.map(str::to_owned)).expect("all are known");
        assert_eq!(sorted.build, ["--features", "x", "-Pci"]);
        assert_eq!(sorted.list, ["-E", "test(a)", "-Pci", "--run-ignored", "all", "name", "--", "--skip", "b"]);
        assert_eq!(sorted.run, ["-Pci", "--run-ignored", "all"]);
    }

    #[test]
    fn what_muster_decides_is_refused_by_name() {
        let refused = Arguments::sort(&["--retries=3".to_owned()]).expect_err("retries are the job's");
        assert!(refused.to_string().contains("`--retries`"));
    }
}
