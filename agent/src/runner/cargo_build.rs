//! What both cargo runners share: where cargo is, where its workspace is, and what its arguments mean.

use std::path::{Component, Path, PathBuf};

use muster_common::error_code::ReasonCode;
use serde::{Deserialize, Serialize};

use super::collect::{self, collect};
use super::context::RunnerContext;
use super::excerpt::Tail;
use super::failure::RunnerFailure;
use crate::attempt::environment::find_program;
use crate::attempt::exit::Exit;

/// Where the build ran, kept with what it built.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BuildPlace {
    /// The runner's directory, where it was then. Paths beneath it are baked into what was built.
    pub directory: PathBuf,
    /// Root of the cargo workspace, relative to that directory, such as `..`.
    pub root_from_directory: PathBuf,
}

/// One argument of a job, with the values that belong to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Argument {
    /// `--name`, `--name value` or `--name=value`: the bare name, and the words as they were given.
    Option { name: String, words: Vec<String> },
    /// A word on its own.
    Word(String),
    /// What comes after `--`.
    Rest(Vec<String>),
}

/// Where the build whose result lies in `build_dir` ran. Tests find files by `env!("CARGO_MANIFEST_DIR")`, which the
/// compiler writes into them: they find those files only while the same workspace lies at the same place.
///
/// # Errors
/// If the artifact of the build is not there.
pub fn build_place(build_dir: &Path) -> Result<BuildPlace, RunnerFailure> {
    let file = build_dir.join(PLACE_FILE);
    let text = std::fs::read(&file).map_err(|error| missing_build(&file, &error.to_string()))?;
    serde_json::from_slice(&text).map_err(|error| missing_build(&file, &error.to_string()))
}

impl BuildPlace {
    /// Asks cargo for the workspace's root and keeps the answer in the build directory.
    pub(crate) async fn find(context: &RunnerContext, arguments: &[Argument]) -> Result<Self, RunnerFailure> {
        let mut argv = words(["cargo", "locate-project", "--workspace", "--message-format", "plain"]);
        argv.extend(values_of(arguments, &["--manifest-path"]));
        let found = collect(context, context.command(argv), CARGO_HINT).await?;
        if !found.exit.is_success() {
            let message = format!("cargo cannot find the workspace: it {}{}", found.exit, found.tail.quoted());
            return Err(RunnerFailure::user(ReasonCode::BuildFailed, message));
        }
        let manifest = PathBuf::from(String::from_utf8_lossy(&found.stdout).trim());
        let directory = canonical(&context.directory)?;
        let root = canonical(manifest.parent().unwrap_or(&manifest))?;
        let place = Self { root_from_directory: relative(&directory, &root), directory };
        let file = context.build_dir.join(PLACE_FILE);
        let text = serde_json::to_vec(&place).map_err(|error| missing_build(&file, &error.to_string()))?;
        std::fs::write(&file, text).map_err(|error| RunnerFailure::file("write", &file, &error))?;
        Ok(place)
    }

    /// The workspace's root in the workspace that `context` has.
    pub(crate) fn root(&self, context: &RunnerContext) -> Result<PathBuf, RunnerFailure> {
        canonical(&context.directory.join(&self.root_from_directory))
    }
}

/// Splits a job's arguments, knowing which options take a value as their next word.
pub(crate) fn arguments(given: &[String], with_value: &[&str]) -> Vec<Argument> {
    let mut split = Vec::new();
    let mut given = given.iter();
    while let Some(word) = given.next() {
        if word == "--" {
            split.push(Argument::Rest(given.cloned().collect()));
            break;
        }
        if !word.starts_with('-') {
            split.push(Argument::Word(word.clone()));
            continue;
        }
        let (name, has_value) = option_name(word);
        let mut words = vec![word.clone()];
        if !has_value && with_value.contains(&name) {
            words.extend(given.next().cloned());
        }
        split.push(Argument::Option { name: name.to_owned(), words });
    }
    split
}

/// The options called one of `names`, as they were given.
pub(crate) fn values_of(arguments: &[Argument], names: &[&str]) -> Vec<String> {
    arguments
        .iter()
        .filter_map(|argument| match argument {
            Argument::Option { name, words } if names.contains(&name.as_str()) => Some(words.clone()),
            Argument::Option { .. } | Argument::Word(_) | Argument::Rest(_) => None,
        })
        .flatten()
        .collect()
}

/// Whether `cargo` can run its subcommand `name`.
pub(crate) fn has_subcommand(context: &RunnerContext, name: &str) -> bool {
    let program = format!("cargo-{name}");
    let variable = |name: &str| context.environment.get(std::ffi::OsStr::new(name)).map(PathBuf::from);
    let home = variable("CARGO_HOME").or_else(|| variable("HOME").map(|home| home.join(".cargo")));
    find_program(&program, &context.environment).is_some()
        || home.is_some_and(|home| home.join("bin").join(&program).is_file())
}

/// Why a build ended as it did.
pub(crate) fn build_failed(exit: Exit, tail: &Tail, users: &[i32]) -> RunnerFailure {
    let message = format!("the build of the tests {exit}{}", tail.quoted());
    match exit {
        Exit::Status(status) if users.contains(&status) => RunnerFailure::user(ReasonCode::BuildFailed, message),
        Exit::Status(_) | Exit::Signal(_) | Exit::TimedOut(_) | Exit::Cancelled => {
            RunnerFailure::infrastructure(ReasonCode::RunnerCrashed, message)
        }
    }
}

/// Runs a build with its words going to the log.
pub(crate) async fn build(context: &RunnerContext, argv: Vec<String>, users: &[i32]) -> Result<(), RunnerFailure> {
    let (exit, tail) = collect::log_through(context, context.command(argv), CARGO_HINT).await?;
    if exit.is_success() { Ok(()) } else { Err(build_failed(exit, &tail, users)) }
}

pub(crate) fn words<const N: usize>(words: [&str; N]) -> Vec<String> {
    words.map(str::to_owned).into()
}

/// `--name` of `--name=value`, `-p` of `-pvalue`; and whether the value is in the same word.
fn option_name(word: &str) -> (&str, bool) {
    if word.starts_with("--") {
        return word.split_once('=').map_or((word, false), |(name, _)| (name, true));
    }
    let end = word.char_indices().nth(2).map_or(word.len(), |(index, _)| index);
    (&word[..end], end < word.len())
}

fn canonical(path: &Path) -> Result<PathBuf, RunnerFailure> {
    path.canonicalize().map_err(|error| RunnerFailure::file("find", path, &error))
}

/// The way from one absolute directory to another.
fn relative(from: &Path, to: &Path) -> PathBuf {
    let shared = from.components().zip(to.components()).take_while(|(left, right)| left == right).count();
    let up = from.components().skip(shared).map(|_| Component::ParentDir);
    let way: PathBuf = up.chain(to.components().skip(shared)).collect();
    if way.as_os_str().is_empty() { PathBuf::from(".") } else { way }
}

fn missing_build(file: &Path, why: &str) -> RunnerFailure {
    let message = format!("the build of the tests is not there: cannot use `{}`: {why}", file.display());
    RunnerFailure::infrastructure(ReasonCode::ArtifactMissing, message)
}

/// What to do where cargo is missing.
pub(crate) const CARGO_HINT: &str =
    "install Rust on the agent (https://rustup.rs), or choose agents that have it by `runs-on`";
const PLACE_FILE: &str = "muster-build.json";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_told_from_their_values() {
        let given =
            ["-p", "a", "--features=x", "-E", "not test(slow)", "word", "-j4", "--", "--skip", "b"].map(str::to_owned);
        let option = |name: &str, words: &[&str]| Argument::Option {
            name: name.to_owned(),
            words: words.iter().map(|word| (*word).to_owned()).collect(),
        };
        assert_eq!(
            arguments(&given, &["-p", "--features", "-E", "-j"]),
            [
                option("-p", &["-p", "a"]),
                option("--features", &["--features=x"]),
                option("-E", &["-E", "not test(slow)"]),
                Argument::Word("word".to_owned()),
                option("-j", &["-j4"]),
                Argument::Rest(vec!["--skip".to_owned(), "b".to_owned()]),
            ]
        );
    }

    #[test]
    fn the_way_to_the_root_goes_up_and_down() {
        let way = |from: &str, to: &str| relative(Path::new(from), Path::new(to));
        assert_eq!(way("/w/crates/a", "/w"), Path::new("../.."));
        assert_eq!(way("/w", "/w"), Path::new("."));
        assert_eq!(way("/w", "/w/rust"), Path::new("rust"));
    }
}
