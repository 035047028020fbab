//! `muster compile`: what a pipeline file stands for.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use muster_common::spec::{Env, JobSpec, RunSpec, TestSpec, Work};

use super::{print, print_json};
use crate::exit_code::ExitCode;
use crate::failure::Failure;
use crate::output::text::{counted, duration, one_line};
use crate::project::PipelineFile;

/// Check a pipeline file and show what it stands for, without running it
#[derive(Debug, Args)]
pub(crate) struct Compile {
    /// The file, or a folder with a muster.yml
    #[arg(value_name = "FILE", default_value = ".")]
    file: PathBuf,
    /// Print the run's specification as JSON
    #[arg(long)]
    pub(super) json: bool,
}

impl Compile {
    /// Prints it.
    pub(crate) fn run(&self) -> Result<ExitCode, Failure> {
        let spec = PipelineFile::find(&self.file, None)?.compile(Env::new())?;
        if self.json {
            print_json(&spec)?;
        } else {
            print(&summary(&spec));
        }
        Ok(ExitCode::Passed)
    }
}

fn summary(spec: &RunSpec) -> String {
    let mut text = format!(
        "{} (project {}): {}\n",
        one_line(&spec.name),
        one_line(&spec.project),
        counted(spec.jobs.len() as u64, "job")
    );
    for job in &spec.jobs {
        text.push_str(&job_summary(job));
    }
    text
}

fn job_summary(job: &JobSpec) -> String {
    let mut text = format!("\n{}\n", one_line(&job.name));
    let mut line = |key: &str, value: String| {
        if !value.is_empty() {
            writeln!(text, "  {key:<10} {}", one_line(&value)).expect("writing to a string does not fail");
        }
    };
    line("needs", job.needs.join(", "));
    line("if", job.condition.clone().unwrap_or_default());
    line("runs-on", job.requirements.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "));
    match &job.work {
        Work::Steps(steps) => {
            for step in steps {
                line("step", step.name.clone());
            }
        }
        Work::TestBuild(test) => line("builds", format!("the tests of {}, once", test.runner.name())),
        Work::Tests(test) => line("tests", tests(test)),
    }
    let names = job.artifacts.iter().map(|artifact| artifact.name.as_str()).collect::<Vec<_>>();
    line("hands over", names.join(", "));
    let inputs = job.inputs.iter().map(|input| format!("{} of {}", input.artifact, input.job)).collect::<Vec<_>>();
    line("takes over", inputs.join(", "));
    line("timeout", duration(Duration::from_millis(job.timeout_ms)));
    if !job.is_repeatable {
        line("repeatable", "no: it is not run again when its agent is lost".to_owned());
    }
    text
}

fn tests(test: &TestSpec) -> String {
    let mut text = format!("{}, failed ones are run again {}", test.runner.name(), times(test.retries));
    if let Some(parallel) = test.parallel {
        text.push_str(&format!(", at most {} at one time", counted(parallel, "shard")));
    }
    if let Some(folder) = &test.working_directory {
        text.push_str(&format!(", in {folder}"));
    }
    if !test.setup.is_empty() {
        text.push_str(&format!(", after {} on every agent", counted(test.setup.len() as u64, "step")));
    }
    text
}

fn times(count: u32) -> String {
    match count {
        0 => "never".to_owned(),
        1 => "once".to_owned(),
        _ => format!("up to {count} times"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_summed_up_job_by_job() {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let path = folder.path().join("muster.yml");
        let text = "name: shop\nproject: shop\njobs:\n  lint:\n    runs-on: linux\n    steps:\n      - run: make lint\n  \
                    unit:\n    needs: lint\n    timeout-minutes: 5\n    steps:\n      - test: cargo-nextest\n";
        std::fs::write(&path, text).expect("it can be written");
        let spec = PipelineFile::find(&path, None).expect("it is there").compile(Env::new()).expect("it is right");
        insta::assert_snapshot!(summary(&spec));
    }
}
