//! One job of the file in one combination of its matrix.

use std::collections::BTreeMap;
use std::time::Duration;

use super::run::Lowering;
use super::steps::{StepDefaults, run_steps};
use super::test::{TestJobs, test_jobs};
use crate::limits::{JOB_TIMEOUT_DEFAULT, JOB_TIMEOUT_MAX, QUEUE_TIMEOUT_DEFAULT};
use crate::pipeline::diagnostic::{Diagnostic, DiagnosticCode, shown};
use crate::pipeline::expression::Value;
use crate::pipeline::file::{Download, Job};
use crate::pipeline::matrix::Combination;
use crate::pipeline::place::At;
use crate::pipeline::scope::{FIXED, JOB_CONDITION, JOB_ENV, JOB_OUTPUT, Names};
use crate::pipeline::suggestion::nearest;
use crate::pipeline::texts::{Condition, Texts};
use crate::requirement::Requirement;
use crate::spec::{ArtifactInput, ArtifactSpec, BUILD_ARTIFACT, Env, JobSpec, StepSpec, Work};

/// Artifacts, and the jobs that hand them over.
type Artifacts = Vec<(String, String)>;

impl<'f> Lowering<'f> {
    /// The jobs of the run that one combination of a job of the file becomes, and what they hand over.
    pub(super) fn job(
        &mut self,
        index: usize,
        combination: Option<&Combination>,
        names: &Names<'f>,
    ) -> (Vec<JobSpec>, Artifacts) {
        let (key, job) = &self.file.jobs[index];
        let matrix = Value::Object(combination.map(|combination| combination.values.clone()).unwrap_or_default());
        let nothing_known = BTreeMap::new();
        let mut found = Vec::new();
        let mut texts = Texts {
            source: self.source,
            matrix: &matrix,
            env: &nothing_known,
            names,
            found: &mut found,
            computed: &self.computed,
        };
        let env: Env = job.env.iter().map(|(name, text)| (name.value.clone(), texts.text(text, &JOB_ENV))).collect();
        let known_env = plain_variables(&self.run.env, &env);
        texts.env = &known_env;
        let name = job_name(&mut texts, key, job, combination);
        let base = JobSpec {
            name: name.clone(),
            group: key.value.clone(),
            needs: self.needs(index),
            env,
            inputs: job.download.iter().filter_map(|download| self.input(&mut texts, download)).collect(),
            ..base(&mut texts, job)
        };
        let handed_over = base.artifacts.iter().map(|artifact| (artifact.name.clone(), name.clone())).collect();
        let jobs = work(&mut texts, job, base, StepDefaults::new(self.file, job));
        self.found.append(&mut found);
        (jobs, handed_over)
    }

    /// Names of all jobs of the run that a job of the file needs.
    fn needs(&self, index: usize) -> Vec<String> {
        self.graph.needs[index].iter().flat_map(|need| self.lowered[*need].jobs.iter().cloned()).collect()
    }

    /// Finds the one job that hands over what a job wants to have. That its group is needed has been checked.
    fn input(&self, texts: &mut Texts<'_>, download: &Download) -> Option<ArtifactInput> {
        let index = self.file.jobs.iter().position(|(key, _)| key.value == download.job.value)?;
        let name = texts.text(&download.name, &FIXED);
        let path = texts.folder(download.path.as_ref());
        let artifacts = &self.lowered[index].artifacts;
        let mut jobs = artifacts.iter().filter(|(artifact, _)| *artifact == name).map(|(_, job)| job);
        let group = shown(&download.job.value);
        match (jobs.next(), jobs.next()) {
            (Some(job), None) => Some(ArtifactInput { job: job.clone(), artifact: name, path }),
            (Some(_), Some(_)) => {
                let message = format!("more than one job of the matrix of {group} hands over {}", shown(&name));
                texts.found.push(
                    Diagnostic::new(DiagnosticCode::BadValue, download.name.span, message)
                        .help("give each its own name there, such as `bin-${{ matrix.os }}`"),
                );
                None
            }
            (None, _) => {
                let known = artifacts.iter().map(|(artifact, _)| artifact.as_str());
                let message = format!("job {group} hands over no artifact {}", shown(&name));
                let diagnostic = Diagnostic::new(DiagnosticCode::UnknownName, download.name.span, message);
                texts.found.push(match nearest(&name, known) {
                    Some(meant) => diagnostic.did_you_mean(Some(meant)),
                    None => diagnostic.help("artifacts are named under `artifacts` of the job that makes them"),
                });
                None
            }
        }
    }
}

/// What a job says about itself, without its names, its needs and its work.
fn base(texts: &mut Texts<'_>, job: &Job) -> JobSpec {
    let condition = job.r#if.as_ref().map_or(Condition::OnSuccess, |text| texts.condition(text, &JOB_CONDITION));
    let mut minutes = |text: &Option<At<String>>, what: &str, default: Duration| {
        let given = text.as_ref().and_then(|text| texts.minutes_ms(text, what, JOB_TIMEOUT_MAX));
        given.unwrap_or_else(|| u64::try_from(default.as_millis()).unwrap_or(u64::MAX))
    };
    let timeout_ms = minutes(&job.timeout_minutes, "timeout-minutes", JOB_TIMEOUT_DEFAULT);
    let queue_timeout_ms = minutes(&job.queue_timeout_minutes, "queue-timeout-minutes", QUEUE_TIMEOUT_DEFAULT);
    JobSpec {
        name: String::new(),
        group: String::new(),
        needs: Vec::new(),
        condition: condition.into_spec(),
        requirements: job.runs_on.iter().map(|text| requirement(texts, text)).collect(),
        env: Env::new(),
        timeout_ms,
        queue_timeout_ms,
        is_repeatable: job.repeatable.as_ref().is_none_or(|repeatable| repeatable.value),
        may_fail: texts.flag(job.continue_on_error.as_ref(), "continue-on-error"),
        work: Work::Steps(Vec::new()),
        inputs: Vec::new(),
        artifacts: artifacts(texts, job),
        outputs: BTreeMap::new(),
    }
}

/// `base` with its work, or the jobs that a test suite becomes.
fn work(texts: &mut Texts<'_>, job: &Job, base: JobSpec, defaults: StepDefaults<'_>) -> Vec<JobSpec> {
    let steps = steps(texts, job, defaults);
    let Some(step) = job.test() else {
        let all_steps = Names { steps: step_ids(job), ..texts.names.clone() };
        let mut texts = texts.with_names(&all_steps);
        let outputs = job.outputs.iter().map(|(name, text)| (name.value.clone(), texts.text(text, &JOB_OUTPUT)));
        return vec![JobSpec { work: Work::Steps(steps), outputs: outputs.collect(), ..base }];
    };
    // Nobody sees the name of a test step, but what is wrong in it is said.
    step.name.iter().for_each(|name| drop(texts.text(name, &FIXED)));
    let prepare = step.test.prepare.as_ref().map(|prepare| texts.prepare(prepare, defaults));
    let test = texts.test_spec(&step.test, steps);
    test.map_or_else(Vec::new, |test| test_jobs(TestJobs { base, test, prepare }))
}

/// Variables whose values are known as they are. The job's are stronger.
fn plain_variables(run: &Env, job: &Env) -> BTreeMap<String, String> {
    let mut known = BTreeMap::new();
    for (name, value) in run.iter().chain(job) {
        if value.contains("${{") {
            known.remove(name);
        } else {
            known.insert(name.clone(), value.clone());
        }
    }
    known
}

/// `name`, or the key; with the values of the combination behind it unless the name holds values itself.
fn job_name(texts: &mut Texts<'_>, key: &At<String>, job: &Job, combination: Option<&Combination>) -> String {
    let name = job.name.as_ref().map(|text| (texts.text(text, &FIXED), text.value.contains("${{")));
    match (name, combination) {
        (Some((name, true)), _) => name,
        (name, combination) => {
            let name = name.map_or_else(|| key.value.clone(), |(name, _)| name);
            combination.map_or_else(|| name.clone(), |combination| format!("{name} ({})", combination.label()))
        }
    }
}

fn requirement(texts: &mut Texts<'_>, text: &At<String>) -> Requirement {
    let errors = texts.found.len();
    let label = texts.text(text, &FIXED);
    if label.trim().is_empty() && texts.found.len() == errors {
        let diagnostic = Diagnostic::new(DiagnosticCode::BadValue, text.span, "a label in `runs-on` is empty");
        texts.found.push(diagnostic.label("expected a label such as `linux` or `os=linux`"));
    }
    Requirement(label)
}

fn artifacts(texts: &mut Texts<'_>, job: &Job) -> Vec<ArtifactSpec> {
    let mut artifacts: Vec<ArtifactSpec> = Vec::new();
    for artifact in &job.artifacts {
        let name = texts.text(&artifact.name, &FIXED);
        if artifacts.iter().any(|other| other.name == name) {
            let message = format!("two artifacts of this job have the name {}", shown(&name));
            texts.found.push(Diagnostic::new(DiagnosticCode::Duplicate, artifact.name.span, message));
        }
        if name == BUILD_ARTIFACT {
            let message = format!("the name `{BUILD_ARTIFACT}` is taken: test jobs hand over what they build by it");
            texts.found.push(Diagnostic::new(DiagnosticCode::BadValue, artifact.name.span, message));
        }
        let paths = artifact.paths.iter().map(|path| texts.path(path)).collect();
        artifacts.push(ArtifactSpec { name, paths });
    }
    artifacts
}

/// The steps that run scripts, each of which sees those before it.
fn steps(texts: &mut Texts<'_>, job: &Job, defaults: StepDefaults<'_>) -> Vec<StepSpec> {
    let ids = step_ids(job);
    let mut before = 0;
    let mut steps = Vec::new();
    for step in run_steps(job) {
        let (earlier, later) = ids.split_at(before);
        let names = Names { steps: earlier.to_vec(), later_steps: later.to_vec(), ..texts.names.clone() };
        steps.push(texts.with_names(&names).step(step, defaults));
        before += usize::from(step.id.is_some());
    }
    steps
}

fn step_ids(job: &Job) -> Vec<&str> {
    run_steps(job).filter_map(|step| step.id.as_ref()).map(|id| id.value.as_str()).collect()
}
