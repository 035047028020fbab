//! Steps.

use crate::limits::JOB_TIMEOUT_MAX;
use crate::pipeline::diagnostic::{Diagnostic, DiagnosticCode, shown};
use crate::pipeline::file::{Job, PipelineFile, RunStep, Step};
use crate::pipeline::place::At;
use crate::pipeline::scope::{FIXED, STEP_CONDITION, STEP_TEXT};
use crate::pipeline::suggestion::nearest;
use crate::pipeline::texts::{Condition, Texts};
use crate::spec::{Shell, StepSpec};

/// Where steps take what they do not say themselves.
#[derive(Clone, Copy)]
pub(super) struct StepDefaults<'f> {
    shell: Option<&'f At<String>>,
    working_directory: Option<&'f At<String>>,
}

impl<'f> StepDefaults<'f> {
    /// The job's, then the file's.
    pub(super) fn new(file: &'f PipelineFile, job: &'f Job) -> Self {
        let (job, file) = (&job.defaults.run, &file.defaults.run);
        Self {
            shell: job.shell.as_ref().or(file.shell.as_ref()),
            working_directory: job.working_directory.as_ref().or(file.working_directory.as_ref()),
        }
    }
}

impl Texts<'_> {
    pub(super) fn step(&mut self, step: &RunStep, defaults: StepDefaults<'_>) -> StepSpec {
        let condition = step.r#if.as_ref().map_or(Condition::OnSuccess, |text| self.condition(text, &STEP_CONDITION));
        let run = self.text(&step.run, &STEP_TEXT);
        let name = match &step.name {
            Some(name) => self.text(name, &FIXED),
            None => first_words(&run),
        };
        StepSpec {
            id: step.id.as_ref().map(|id| id.value.clone()),
            name,
            condition: condition.into_spec(),
            run,
            shell: self.shell(step.shell.as_ref().or(defaults.shell)),
            env: step.env.iter().map(|(name, text)| (name.value.clone(), self.text(text, &STEP_TEXT))).collect(),
            working_directory: self.folder(step.working_directory.as_ref().or(defaults.working_directory)),
            timeout_ms: step
                .timeout_minutes
                .as_ref()
                .and_then(|text| self.minutes_ms(text, "timeout-minutes", JOB_TIMEOUT_MAX)),
            may_fail: self.flag(step.continue_on_error.as_ref(), "continue-on-error"),
        }
    }

    /// The step that runs a script with nothing but defaults.
    pub(super) fn plain_step(&mut self, name: &str, run: &At<String>, defaults: StepDefaults<'_>) -> StepSpec {
        StepSpec {
            id: None,
            name: name.to_owned(),
            condition: None,
            run: self.text(run, &STEP_TEXT),
            shell: self.shell(defaults.shell),
            env: crate::spec::Env::new(),
            working_directory: self.folder(defaults.working_directory),
            timeout_ms: None,
            may_fail: false,
        }
    }

    fn shell(&mut self, text: Option<&At<String>>) -> Shell {
        let Some(text) = text else { return Shell::Default };
        let word = self.text(text, &FIXED);
        match word.as_str() {
            "bash" => Shell::Bash,
            "sh" => Shell::Sh,
            "python" => Shell::Python,
            _ => {
                let message = format!("unknown shell {}", shown(&word));
                self.found.push(
                    Diagnostic::new(DiagnosticCode::BadValue, text.span, message)
                        .label("expected one of: bash, sh, python")
                        .did_you_mean(nearest(&word, ["bash", "sh", "python"])),
                );
                Shell::Default
            }
        }
    }

    /// A path beneath the workspace; none for the workspace itself.
    pub(super) fn folder(&mut self, text: Option<&At<String>>) -> Option<String> {
        let text = text?;
        let path = self.path(text);
        (path != "." && path != "./").then_some(path)
    }

    /// A path, or names with `*`, beneath the workspace.
    pub(super) fn path(&mut self, text: &At<String>) -> String {
        let errors = self.found.len();
        let path = self.text(text, &FIXED);
        if self.found.len() == errors
            && let Err(reason) = crate::spec_check::check_path(&path)
        {
            let message = if path.is_empty() {
                "the path is empty".to_owned()
            } else {
                format!("the path {} {reason}", shown(&path))
            };
            self.found.push(
                Diagnostic::new(DiagnosticCode::BadValue, text.span, message)
                    .label("expected a path beneath the workspace, such as `target/out`"),
            );
        }
        path
    }
}

impl Condition {
    pub(super) fn into_spec(self) -> Option<String> {
        match self {
            Self::OnSuccess => None,
            Self::Ask(text) => Some(text),
        }
    }
}

/// The steps of a job that run a script.
pub(super) fn run_steps(job: &Job) -> impl Iterator<Item = &RunStep> {
    job.steps.iter().filter_map(|step| match step {
        Step::Run(step) => Some(step.as_ref()),
        Step::Test(_) => None,
    })
}

/// The first line of a script that says something, not too long.
fn first_words(script: &str) -> String {
    let line = script.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or("run");
    let words: String = line.chars().take(STEP_NAME_CHARS_MAX).collect();
    if words.len() < line.len() { format!("{words}…") } else { words }
}

/// Characters of a script that become its step's name.
const STEP_NAME_CHARS_MAX: usize = 60;
