//! A job with steps, and what every job has.

use std::collections::BTreeMap;
use std::time::Duration;

use muster_common::requirement::Requirement;
use muster_common::spec::{ArtifactInput, ArtifactSpec, BUILD_ARTIFACT, Env, JobSpec, Shell, StepSpec, Work};

use super::run::Draft;
use super::truth;
use crate::plan::{JobTruth, WorkEnd, WorkTruth};

/// Adds a job with steps.
pub(super) fn add(draft: &mut Draft<'_>, name: &str, group: &str, needs: &[String]) {
    let mut work = truth::work(draft.dice, draft.mood, draft.agents);
    let steps = (0..draft.dice.skewed(4)).map(|number| step(draft, number)).collect();
    let artifacts = artifacts(draft);
    if artifacts.is_empty() && work.end == WorkEnd::PassesWithoutArtifact {
        work.end = WorkEnd::Passes;
    }
    let outputs = outputs(draft);
    let is_repeatable = !draft.dice.permille(draft.mood.unrepeatable);
    if !is_repeatable && work.duration.subsec_micros().is_multiple_of(2) {
        // Half of it is so long that its lease may end before it does.
        work.duration += UNREPEATABLE_LONGER;
    }
    let base = base(draft, name, group, needs, Limits::of_work(&work));
    draft.jobs.push(JobSpec { work: Work::Steps(steps), artifacts, outputs, is_repeatable, ..base });
    draft.truth.push(JobTruth::Work(work));
}

/// How long a job may truly take, by what it does.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub(super) longest: Duration,
    pub(super) may_hang: bool,
    /// Whether agents may be excluded from it, so that it waits for others.
    pub(super) may_be_avoided: bool,
}

impl Limits {
    pub(super) fn of_work(work: &WorkTruth) -> Self {
        Self {
            longest: truth::longest(work),
            may_hang: truth::may_hang(work),
            may_be_avoided: work.sickness.is_some() || matches!(work.end, WorkEnd::Errs(_)),
        }
    }
}

/// What every job has; its work is to be put in.
pub(super) fn base(draft: &mut Draft<'_>, name: &str, group: &str, needs: &[String], limits: Limits) -> JobSpec {
    let condition = if draft.dice.permille(draft.mood.conditions) { Some(condition(draft, needs)) } else { None };
    let requirements = requirements(draft);
    let (timeout, queue_timeout) = times(draft, limits, !requirements.is_empty());
    let millis = |span: Duration| u64::try_from(span.as_millis()).unwrap_or(u64::MAX).max(1);
    JobSpec {
        name: name.to_owned(),
        group: group.to_owned(),
        needs: needs.to_vec(),
        condition,
        requirements,
        env: env(draft),
        timeout_ms: millis(timeout),
        queue_timeout_ms: millis(queue_timeout),
        is_repeatable: true,
        may_fail: draft.dice.percent(10),
        work: Work::Steps(Vec::new()),
        inputs: inputs(draft, needs),
        artifacts: Vec::new(),
        outputs: BTreeMap::new(),
    }
}

fn times(draft: &mut Draft<'_>, limits: Limits, has_requirements: bool) -> (Duration, Duration) {
    let is_tight = draft.dice.permille(draft.mood.tight);
    let timeout = match (limits.may_hang, is_tight) {
        (true, _) => draft.dice.span(500, 120_000),
        (false, true) => draft.dice.span(100, 60_000),
        (false, false) => limits.longest * 20 + Duration::from_secs(900),
    };
    let is_tight = draft.dice.permille(draft.mood.tight / 2);
    let waits_long = draft.has_pillar() && !has_requirements && !limits.may_be_avoided && draft.dice.percent(5);
    let queue_timeout = match (is_tight, waits_long) {
        (true, _) => draft.dice.span(500, 60_000),
        (false, true) => muster_common::limits::QUEUE_TIMEOUT_DEFAULT,
        (false, false) => draft.dice.span(600_000, 1_200_000),
    };
    (timeout.min(muster_common::limits::JOB_TIMEOUT_MAX), queue_timeout)
}

fn condition(draft: &mut Draft<'_>, needs: &[String]) -> String {
    let fixed = [
        "always()",
        "success()",
        "failure()",
        "cancelled()",
        "success() || failure()",
        "!cancelled()",
        "env.DEPLOY == 'yes'",
        "fromJSON(env.BROKEN) == 1",
    ];
    let need = draft.jobs.iter().find(|job| needs.contains(&job.name)).map(|job| job.group.clone());
    match need {
        Some(group) if draft.dice.percent(40) => {
            let texts = [
                format!("needs.{group}.result == 'success'"),
                format!("always() && needs.{group}.result != 'skipped'"),
                format!("failure() && needs.{group}.result == 'failure'"),
                format!("needs.{group}.outputs.version == '1.0'"),
            ];
            draft.dice.one_of(&texts)
        }
        Some(_) | None => draft.dice.one_of(&fixed).to_owned(),
    }
}

fn requirements(draft: &mut Draft<'_>) -> Vec<Requirement> {
    if !draft.dice.permille(draft.mood.requirements) {
        return Vec::new();
    }
    let texts: &[&str] = if draft.dice.permille(draft.mood.unmet) {
        &["os=plan9", "quantum", "zone=mars"]
    } else {
        &["os=linux", "linux", "gpu", "zone=a", "zone=b", "os"]
    };
    let count = draft.dice.between(1..=2);
    let mut found: Vec<Requirement> = (0..count).map(|_| Requirement(draft.dice.one_of(texts).to_owned())).collect();
    found.dedup();
    found
}

fn env(draft: &mut Draft<'_>) -> Env {
    if draft.dice.percent(20) { [("DEPLOY".to_owned(), "yes".to_owned())].into() } else { Env::new() }
}

fn inputs(draft: &mut Draft<'_>, needs: &[String]) -> Vec<ArtifactInput> {
    let makers: Vec<(String, String)> = draft
        .jobs
        .iter()
        .filter(|job| needs.contains(&job.name))
        .flat_map(|job| {
            let build = matches!(job.work, Work::TestBuild(_)).then(|| BUILD_ARTIFACT.to_owned());
            let made = job.artifacts.iter().map(|made| made.name.clone());
            made.chain(build).map(|artifact| (job.name.clone(), artifact)).collect::<Vec<_>>()
        })
        .collect();
    let mut inputs = Vec::new();
    for (job, artifact) in makers {
        if draft.dice.percent(50) {
            let path = draft.dice.percent(30).then(|| "inputs".to_owned());
            inputs.push(ArtifactInput { job, artifact, path });
        }
    }
    inputs
}

fn artifacts(draft: &mut Draft<'_>) -> Vec<ArtifactSpec> {
    if draft.dice.percent(60) {
        return Vec::new();
    }
    let count = draft.dice.between(1..=2);
    let artifact = |number| ArtifactSpec { name: format!("artifact-{number}"), paths: vec!["out/**".to_owned()] };
    (0..count).map(artifact).collect()
}

fn outputs(draft: &mut Draft<'_>) -> BTreeMap<String, String> {
    if draft.dice.percent(70) { BTreeMap::new() } else { [("version".to_owned(), "1.0".to_owned())].into() }
}

/// One step. Whether its expressions hold is the agent's business, so in the simulation it has none.
pub(super) fn step(draft: &mut Draft<'_>, number: usize) -> StepSpec {
    StepSpec {
        id: draft.dice.percent(30).then(|| format!("step{number}")),
        name: format!("step {number}"),
        condition: None,
        run: "make".to_owned(),
        shell: draft.dice.one_of(&[Shell::Default, Shell::Bash, Shell::Sh, Shell::Python]),
        env: Env::new(),
        working_directory: None,
        timeout_ms: draft.dice.percent(10).then_some(60_000),
        may_fail: draft.dice.percent(10),
    }
}

/// How much longer work takes that is not safe to repeat.
const UNREPEATABLE_LONGER: Duration = Duration::from_secs(100);
