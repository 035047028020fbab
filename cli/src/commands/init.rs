//! `muster init`: a first pipeline file.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write as _};
use std::path::PathBuf;

use clap::Args;
use muster_common::pipeline::{CompileOptions, Source, compile};
use muster_common::spec::Runner;

use super::print;
use crate::exit_code::ExitCode;
use crate::failure::Failure;
use crate::output::human::quoted;
use crate::project::{FILE_NAMES, Project, Recognised};

/// Recognise the project and write a muster.yml with comments
#[derive(Debug, Args)]
pub(crate) struct Init {
    /// Folder of the project
    #[arg(value_name = "PATH", default_value = ".")]
    path: PathBuf,
    /// Write over a muster.yml that is there
    #[arg(long)]
    force: bool,
}

impl Init {
    /// Writes it, and says what was guessed and what to do next.
    pub(crate) fn run(&self) -> Result<ExitCode, Failure> {
        let project = Project::open(&self.path)?;
        let recognised = project.recognise(None)?;
        let text = pipeline(&project.name, &recognised);
        check(&text)?;
        let path = self.path.join(FILE_NAMES[0]);
        let mut options = OpenOptions::new();
        options.write(true);
        let options = if self.force { options.create(true).truncate(true) } else { options.create_new(true) };
        let written = options.open(&path).and_then(|mut file| file.write_all(text.as_bytes()));
        written.map_err(|error| {
            let failure = Failure::usage(format!("cannot write {}", path.display()));
            let is_there = error.kind() == ErrorKind::AlreadyExists;
            let failure = failure.because(error);
            if is_there { failure.advise("--force writes over it") } else { failure }
        })?;
        print(&self.account(&path, &recognised));
        Ok(ExitCode::Passed)
    }

    fn account(&self, path: &std::path::Path, recognised: &Recognised) -> String {
        let folder = self.path.display().to_string();
        let folder = if folder == "." { String::new() } else { format!(" {}", quoted(&folder)) };
        let others = if recognised.others.is_empty() {
            String::new()
        } else {
            format!("\n  also possible: {}", recognised.others.join(", "))
        };
        format!(
            "wrote {}\n  runner: {} (because of {}){others}\nnext: muster run{folder}\n",
            path.display(),
            recognised.runner.name(),
            recognised.evidence
        )
    }
}

fn pipeline(name: &str, recognised: &Recognised) -> String {
    let Hints { setup, args } = hints(&recognised.runner);
    format!(
        "\
# What Muster runs for this project, in the words of GitHub Actions. Run it here with `muster run`, on a fleet with
# `muster run --coordinator URL`. `muster compile` shows what it stands for; `muster schema` is for your editor.
name: {name}

jobs:
  test:
    # Labels that the agents must have. Without them, any agent will do.
    # runs-on: [linux, arch=x86_64]
    timeout-minutes: 60
    # env:
    #   KEY: value
    steps:
      # What every agent does before it runs tests.
      # - run: {setup}
      - test:
          # Recognised by {evidence}.
          runner: {runner}
          # Further arguments for it.
          # args: {args}
          # How often a failed test is run again, on another agent where there is one. One that passes then is flaky.
          retries: 2
          # Most shards at one time. Without it, as many as there are slots.
          # parallel: 8
          # Time limit of one test.
          timeout-minutes: 10
",
        name = serde_json::Value::from(name),
        evidence = recognised.evidence.replace(|character: char| character.is_control(), " "),
        runner = recognised.runner.name(),
    )
}

struct Hints {
    setup: &'static str,
    args: &'static str,
}

fn hints(runner: &Runner) -> Hints {
    match runner {
        Runner::CargoNextest { .. } | Runner::CargoTest { .. } => {
            Hints { setup: "./prepare-fixtures.sh", args: "[--all-features]" }
        }
        Runner::Pytest { .. } => Hints { setup: "pip install -r requirements.txt", args: "[-m, not slow]" },
        Runner::Unittest { .. } => {
            Hints { setup: "pip install -r requirements.txt", args: "[discover, -s, tests, -t, .]" }
        }
        Runner::Go { .. } => Hints { setup: "./prepare-fixtures.sh", args: "[./..., -race]" },
        Runner::Jest { .. } | Runner::Vitest { .. } | Runner::Mocha { .. } | Runner::Playwright { .. } => {
            Hints { setup: "npm ci", args: "[--config, other.config.js]" }
        }
        Runner::Googletest { .. } => Hints { setup: "cmake --build build", args: "[build/*_test]" },
        Runner::Ctest { .. } => {
            Hints { setup: "cmake -B build && cmake --build build", args: "[--test-dir, build, -L, unit]" }
        }
        Runner::Rspec { .. } => Hints { setup: "bundle install", args: "[--tag, fast]" },
        Runner::Minitest { .. } => Hints { setup: "bundle install", args: "[-Itest, test/models/*_test.rb]" },
        Runner::Phpunit { .. } => Hints { setup: "composer install", args: "[--testsuite, unit]" },
        Runner::Maven { .. } => Hints { setup: "./prepare-fixtures.sh", args: "[-pl, core]" },
        Runner::Gradle { .. } => Hints { setup: "./prepare-fixtures.sh", args: "[test, integrationTest]" },
        Runner::Generic { .. } => Hints { setup: "make", args: "[]" },
    }
}

/// The file has to pass: a folder's name, say, must not break it.
fn check(text: &str) -> Result<(), Failure> {
    let options = CompileOptions { project: "project".to_owned(), ..CompileOptions::default() };
    compile(&Source { name: FILE_NAMES[0], bytes: text.as_bytes() }, &options)
        .map(|_| ())
        .map_err(|found| Failure::pipeline(FILE_NAMES[0], &found))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_passes_for_every_runner_and_odd_names() {
        for runner in Runner::NAMES.iter().filter_map(|name| Runner::named(name, Vec::new())) {
            for name in ["shop", "my shop: \"a\" # b", "${{ x }}", "- é"] {
                let recognised =
                    Recognised { runner: runner.clone(), evidence: "Cargo.toml".to_owned(), others: vec![] };
                let text = pipeline(name, &recognised);
                // Also with every comment taken for real.
                let uncommented = text
                    .lines()
                    .map(|line| match line.trim_start().strip_prefix("# ") {
                        Some(rest) if KEYS.iter().any(|key| rest.trim_start().starts_with(key)) => {
                            line.replacen("# ", "", 1)
                        }
                        _ => line.to_owned(),
                    })
                    .collect::<Vec<_>>()
                    .join("\n");
                for text in [text, uncommented] {
                    if name.contains("${{") {
                        continue;
                    }
                    check(&text).unwrap_or_else(|failure| panic!("{failure}\n{text}"));
                }
            }
        }
    }

    #[test]
    fn a_file_that_is_there_is_kept_unless_forced() {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        std::fs::write(folder.path().join("conftest.py"), "").expect("it can be written");
        let init = |force| Init { path: folder.path().to_owned(), force }.run().map_err(|failure| failure.exit);
        assert_eq!(init(false), Ok(ExitCode::Passed));
        assert_eq!(init(false), Err(ExitCode::Usage));
        assert_eq!(init(true), Ok(ExitCode::Passed));
    }

    const KEYS: [&str; 6] = ["runs-on:", "env:", "KEY:", "- run:", "args:", "parallel:"];
}
