//! The graph of a file's jobs: who needs whom, and in which order they stand in a run.

use std::collections::{BTreeMap, BTreeSet};

use super::diagnostic::{Diagnostic, DiagnosticCode, shown};
use super::file::{Job, PipelineFile, Step};
use super::place::{At, Span};
use super::suggestion::nearest;

/// A file's jobs, by their place in the file.
pub(super) struct Graph {
    /// Every job after those that it needs, otherwise in the order of the file.
    pub(super) order: Vec<usize>,
    /// For each job those that it needs.
    pub(super) needs: Vec<Vec<usize>>,
}

/// The graph of `file`, or everything that is wrong with it and with what stands in its jobs.
pub(super) fn graph(file: &PipelineFile) -> Result<Graph, Vec<Diagnostic>> {
    let mut found = Vec::new();
    let index: Index<'_> = file.jobs.iter().enumerate().map(|(index, (key, _))| (key.value.as_str(), index)).collect();
    let needs: Vec<Vec<usize>> = file.jobs.iter().map(|(_, job)| needs_of(job, file, &index, &mut found)).collect();
    for (key, job) in &file.jobs {
        check_strategy(job, &mut found);
        check_steps(key, job, &mut found);
        check_downloads(job, file, &index, &mut found);
    }
    let (order, is_open) = topological_order(&needs);
    if order.len() < needs.len()
        && let Some(cycle) = find_cycle(&needs, &is_open)
    {
        found.push(cycle_diagnostic(file, &cycle));
    }
    if found.is_empty() { Ok(Graph { order, needs }) } else { Err(found) }
}

/// Places of jobs in the file, by their keys.
type Index<'f> = BTreeMap<&'f str, usize>;

fn needs_of(job: &Job, file: &PipelineFile, index: &Index<'_>, found: &mut Vec<Diagnostic>) -> Vec<usize> {
    let mut needs = Vec::new();
    let mut seen = BTreeSet::new();
    for need in &job.needs {
        match index.get(need.value.as_str()) {
            Some(index) if !seen.insert(*index) => {
                let message = format!("{} stands twice in `needs`", shown(&need.value));
                found.push(Diagnostic::new(DiagnosticCode::Duplicate, need.span, message).help("keep one of them"));
            }
            Some(index) => needs.push(*index),
            None => found.push(unknown_job(need, file, "`needs` names")),
        }
    }
    needs
}

fn check_strategy(job: &Job, found: &mut Vec<Diagnostic>) {
    if let Some(At { value: true, span }) = job.strategy.as_ref().and_then(|strategy| strategy.fail_fast.clone()) {
        found.push(
            Diagnostic::new(DiagnosticCode::Unsupported, span, "`fail-fast: true` is not supported yet")
                .label("every job of a matrix runs to its end")
                .help("remove it, or write `fail-fast: false`"),
        );
    }
}

fn unknown_job(name: &At<String>, file: &PipelineFile, who: &str) -> Diagnostic {
    let keys = file.jobs.iter().map(|(key, _)| key.value.as_str());
    let message = format!("{who} {}, but there is no such job", shown(&name.value));
    let by_name = file.jobs.iter().find(|(_, job)| job.name.as_ref().is_some_and(|other| other.value == name.value));
    let diagnostic = Diagnostic::new(DiagnosticCode::UnknownName, name.span, message);
    match by_name {
        Some((key, _)) => diagnostic.help(format!("jobs are named by their key: `{}`", key.value)),
        None => diagnostic.did_you_mean(nearest(&name.value, keys)),
    }
}

fn check_steps(key: &At<String>, job: &Job, found: &mut Vec<Diagnostic>) {
    let mut ids: BTreeMap<&str, Span> = BTreeMap::new();
    for id in job.steps.iter().filter_map(Step::id) {
        if let Some(first) = ids.insert(id.value.as_str(), id.span) {
            let message = format!("two steps of this job have the id {}", shown(&id.value));
            found.push(
                Diagnostic::new(DiagnosticCode::Duplicate, id.span, message)
                    .label("second time")
                    .also(first, "first time"),
            );
        }
    }
    let Some(test) = job.steps.iter().position(|step| matches!(step, Step::Test(_))) else { return };
    if let Some(after) = job.steps.get(test + 1) {
        found.push(step_after_test(key, after));
    }
    if job.test().is_some() {
        check_test_job(job, found);
    }
}

fn step_after_test(key: &At<String>, after: &Step) -> Diagnostic {
    let (span, what) = match after {
        Step::Run(step) => (step.run.span, "this step comes after the `test` step of its job"),
        Step::Test(step) => (step.test.place, "a job has one `test` step; this is a second one"),
    };
    Diagnostic::new(DiagnosticCode::BadValue, span, what)
        .label("its tests run on many agents: there is no one place for what comes after them")
        .help(format!("make it a job of its own with `needs: {}`", key.value))
}

/// What a job that runs on many agents at once cannot have.
fn check_test_job(job: &Job, found: &mut Vec<Diagnostic>) {
    let mut refuse = |span: Span, key: &str, help: &str| {
        let message = format!("`{key}` is not supported on a job with a `test` step");
        found.push(
            Diagnostic::new(DiagnosticCode::Unsupported, span, message)
                .label("its tests run on many agents")
                .help(help),
        );
    };
    if let Some((name, _)) = job.outputs.first() {
        refuse(name.span, "outputs", "set them in another job");
    }
    if let Some(artifact) = job.artifacts.first() {
        refuse(artifact.name.span, "artifacts", "make them in another job, or with `prepare` if the tests need them");
    }
    if let Some(At { value: false, span }) = job.repeatable {
        refuse(span, "repeatable: false", "a lost agent's tests are always run again; put a deploy into another job");
    }
}

fn check_downloads(job: &Job, file: &PipelineFile, index: &Index<'_>, found: &mut Vec<Diagnostic>) {
    for download in &job.download {
        let name = &download.job;
        if !index.contains_key(name.value.as_str()) {
            found.push(unknown_job(name, file, "`download` names"));
        } else if !job.needs.iter().any(|need| need.value == name.value) {
            let message = format!("`download` names {}, which this job does not need", shown(&name.value));
            found.push(
                Diagnostic::new(DiagnosticCode::UnknownName, name.span, message)
                    .label("may not have ended when this job begins")
                    .help(format!("add `needs: {}` to this job", name.value)),
            );
        }
    }
}

/// The order, and for each job whether it could not be placed.
fn topological_order(needs: &[Vec<usize>]) -> (Vec<usize>, Vec<bool>) {
    let mut needed_by: Vec<Vec<usize>> = vec![Vec::new(); needs.len()];
    let mut open: Vec<usize> = needs.iter().map(Vec::len).collect();
    for (job, its_needs) in needs.iter().enumerate() {
        its_needs.iter().for_each(|need| needed_by[*need].push(job));
    }
    let mut ready: BTreeSet<usize> = (0..needs.len()).filter(|job| open[*job] == 0).collect();
    let mut order = Vec::with_capacity(needs.len());
    while let Some(job) = ready.pop_first() {
        order.push(job);
        for after in &needed_by[job] {
            open[*after] -= 1;
            if open[*after] == 0 {
                ready.insert(*after);
            }
        }
    }
    (order, open.iter().map(|count| *count > 0).collect())
}

/// Follows needs that could not be placed until one comes again.
fn find_cycle(needs: &[Vec<usize>], is_open: &[bool]) -> Option<Vec<usize>> {
    let mut path = Vec::new();
    let mut current = is_open.iter().position(|open| *open)?;
    loop {
        if let Some(start) = path.iter().position(|job| *job == current) {
            return Some(path.split_off(start));
        }
        path.push(current);
        current = needs[current].iter().copied().find(|need| is_open[*need])?;
    }
}

fn cycle_diagnostic(file: &PipelineFile, cycle: &[usize]) -> Diagnostic {
    let name = |index: usize| file.jobs[index].0.value.as_str();
    let mut way: Vec<&str> = cycle.iter().take(CYCLE_SHOWN_MAX).map(|index| name(*index)).collect();
    if cycle.len() > CYCLE_SHOWN_MAX {
        way.push("…");
    }
    way.push(name(cycle[0]));
    let message = format!("these jobs need each other in a circle: {}", way.join(" → "));
    let place = |from: usize, to: usize| {
        let need = file.jobs[from].1.needs.iter().find(|need| need.value == name(to));
        need.map_or(file.jobs[from].0.span, |need| need.span)
    };
    let next = |position: usize| cycle[(position + 1) % cycle.len()];
    let mut diagnostic = Diagnostic::new(DiagnosticCode::Cycle, place(cycle[0], next(0)), message).label(format!(
        "`{}` needs `{}`",
        name(cycle[0]),
        name(next(0))
    ));
    for (position, job) in cycle.iter().enumerate().skip(1).take(CYCLE_SHOWN_MAX) {
        let label = format!("`{}` needs `{}`", name(*job), name(next(position)));
        diagnostic = diagnostic.also(place(*job, next(position)), label);
    }
    diagnostic.help("take one of these out of `needs`")
}

/// Jobs of a circle that are named.
const CYCLE_SHOWN_MAX: usize = 12;
