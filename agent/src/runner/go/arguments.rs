//! The job's arguments, sorted by what they are for.

use muster_common::error_code::ReasonCode;

use crate::runner::failure::RunnerFailure;

/// Sorted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Arguments {
    /// For `go list`: packages, and flags of the build.
    pub(super) list: Vec<String>,
    /// For `go test -c`.
    pub(super) build: Vec<String>,
    /// For the test programs whenever they list or run, such as `-test.short`.
    pub(super) program: Vec<String>,
    /// A pattern for tests to be listed.
    pub(super) run: Option<String>,
    /// What stands after `-args`.
    pub(super) rest: Vec<String>,
}

impl Arguments {
    pub(super) fn sort(given: &[String]) -> Result<Self, RunnerFailure> {
        let mut sorted = Self::default();
        let mut packages = Vec::new();
        let mut words = given.iter();
        while let Some(word) = words.next() {
            let bare = word.trim_start_matches('-');
            let name = bare.split('=').next().unwrap_or(bare);
            if bare.len() == word.len() {
                packages.push(word.clone());
                continue;
            }
            if name == "args" {
                sorted.rest = words.by_ref().cloned().collect();
                break;
            }
            let mut flag = vec![word.clone()];
            let takes_value = BUILD_WITH_VALUE.contains(&name) || name == "run";
            if takes_value && !bare.contains('=') {
                flag.extend(words.next().cloned());
            }
            match name {
                "run" => sorted.run = flag.pop().map(|text| value_of(&text).to_owned()),
                _ if BUILD_ONLY.contains(&name) => sorted.build.extend(flag),
                _ if BUILD_WITH_VALUE.contains(&name) || BUILD.contains(&name) => {
                    sorted.list.extend(flag.iter().cloned());
                    sorted.build.extend(flag);
                }
                "short" => sorted.program.push(format!("-test.{bare}")),
                _ => return Err(refused(word)),
            }
        }
        if packages.is_empty() {
            packages.push("./...".to_owned());
        }
        sorted.list.extend(packages);
        Ok(sorted)
    }
}

/// What stands after the `=` of a flag, or the value itself.
fn value_of(text: &str) -> &str {
    text.strip_prefix('-').and_then(|flag| flag.split_once('=')).map_or(text, |(_, value)| value)
}

fn refused(word: &str) -> RunnerFailure {
    let message = format!(
        "`{word}` cannot be used with the runner `go`: it says how tests are run, repeated or reported, which is Muster's; \
         retries, time limits and the number of shards stand beside `args`"
    );
    RunnerFailure::user(ReasonCode::DiscoveryFailed, message)
}

/// Flags of the build that take a value and that `go list` knows too.
const BUILD_WITH_VALUE: [&str; 12] = [
    "tags",
    "mod",
    "modfile",
    "overlay",
    "ldflags",
    "gcflags",
    "asmflags",
    "gccgoflags",
    "compiler",
    "p",
    "pgo",
    "pkgdir",
];
const BUILD: [&str; 10] =
    ["race", "msan", "asan", "a", "trimpath", "buildvcs", "modcacherw", "linkshared", "work", "x"];
/// Flags of the build that `go list` does not know.
const BUILD_ONLY: [&str; 2] = ["vet", "c"];

#[cfg(test)]
mod tests {
    use super::*;

    fn sorted(given: &[&str]) -> Result<Arguments, RunnerFailure> {
        Arguments::sort(&given.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn words_go_where_they_belong() {
        let arguments =
            sorted(&["-race", "-tags", "a,b", "./x/...", "-short", "--run=TestA", "-args", "-v"]).expect("known");
        assert_eq!(arguments.list, ["-race", "-tags", "a,b", "./x/..."]);
        assert_eq!(arguments.build, ["-race", "-tags", "a,b"]);
        assert_eq!(arguments.program, ["-test.short"]);
        assert_eq!((arguments.run.as_deref(), &arguments.rest[..]), (Some("TestA"), &["-v".to_owned()][..]));
        assert_eq!(sorted(&[]).expect("nothing").list, ["./..."]);
        assert!(sorted(&["-count=3"]).is_err() && sorted(&["-parallel", "4"]).is_err());
    }
}
