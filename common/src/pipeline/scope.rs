//! What an expression at one place of a file may name.

use std::collections::BTreeMap;

use super::expression::{ContextName, Expression, ExpressionError, Kind, Segment};
use super::suggestion::nearest;

/// What may be named at one kind of place.
#[derive(Clone, Copy)]
pub(super) struct Rules {
    /// Words for messages: "a step's `run`".
    pub(super) place: &'static str,
    pub(super) contexts: &'static [ContextName],
    /// Whether `success()` and its like may be called.
    pub(super) has_status: bool,
    /// Contexts that may be left when the file has been compiled: they are known where the text is used.
    pub(super) known_later: &'static [ContextName],
}

/// What there is to be named in one job.
#[derive(Clone, Default)]
pub(super) struct Names<'f> {
    /// Names in the job's matrix.
    pub(super) matrix: Vec<&'f str>,
    /// Jobs that it needs, and the names of their outputs.
    pub(super) needs: BTreeMap<&'f str, Vec<&'f str>>,
    /// All jobs of the file.
    pub(super) jobs: &'f [&'f str],
    /// Steps whose results are known at this place.
    pub(super) steps: Vec<&'f str>,
    /// Steps of the job that come later.
    pub(super) later_steps: Vec<&'f str>,
}

/// Whether everything that `expression` names may be named there and exists.
pub(super) fn check(expression: &Expression, rules: &Rules, names: &Names<'_>) -> Result<(), ExpressionError> {
    let mut result = Ok(());
    expression.walk(&mut |part| {
        if result.is_ok() {
            result = check_part(part, rules, names);
        }
    });
    result
}

fn check_part(part: &Expression, rules: &Rules, names: &Names<'_>) -> Result<(), ExpressionError> {
    match &part.kind {
        Kind::Call(function, _) if function.is_status() && !rules.has_status => {
            let message = format!("`{}()` has no meaning in {}", function.word(), rules.place);
            Err(ExpressionError::new(part.place.clone(), message).help("it is for `if`"))
        }
        Kind::Context(name) if !rules.contexts.contains(name) => {
            let words: Vec<_> = rules.contexts.iter().map(|name| format!("`{}`", name.word())).collect();
            let message = format!("`{}` is not known in {}", name.word(), rules.place);
            let help = match words.len() {
                0 => "expected a plain value".to_owned(),
                _ => format!("known there: {}", words.join(", ")),
            };
            Err(ExpressionError::new(part.place.clone(), message).help(help))
        }
        Kind::Access(base, segments) => match base.kind {
            Kind::Context(name) if rules.contexts.contains(&name) => check_member(name, segments, names),
            _ => Ok(()),
        },
        Kind::Literal(_)
        | Kind::Context(_)
        | Kind::Call(..)
        | Kind::Not(_)
        | Kind::All(_)
        | Kind::Any(_)
        | Kind::Compare(..) => Ok(()),
    }
}

fn check_member(context: ContextName, segments: &[Segment], names: &Names<'_>) -> Result<(), ExpressionError> {
    let Some((first, rest)) = segments.split_first() else { return Ok(()) };
    let Some(key) = first.plain_key() else { return Ok(()) };
    match context {
        ContextName::Env => Ok(()),
        ContextName::Matrix if names.matrix.is_empty() => {
            let error = ExpressionError::new(first.place(), "this job has no matrix");
            Err(error.help(format!("give it one: `strategy: {{matrix: {{{key}: […]}}}}`")))
        }
        ContextName::Matrix => one_of(first, key, &names.matrix, "the matrix has no"),
        ContextName::Muster => one_of(first, key, &["run", "job", "attempt", "shard"], "`muster` has no"),
        ContextName::Needs => check_need(first, key, rest, names),
        ContextName::Steps => check_step(first, key, rest, names),
    }
}

fn check_need(first: &Segment, key: &str, rest: &[Segment], names: &Names<'_>) -> Result<(), ExpressionError> {
    let found = names.needs.iter().find(|(name, _)| name.eq_ignore_ascii_case(key));
    let Some((_, outputs)) = found else {
        if names.jobs.contains(&key) {
            let error = ExpressionError::new(first.place(), format!("this job does not need `{key}`"));
            return Err(error.help(format!("add `{key}` to `needs` of this job")));
        }
        let needs: Vec<&str> = names.needs.keys().copied().collect();
        return one_of(first, key, &needs, "this job needs no job");
    };
    let Some((second, rest)) = rest.split_first() else { return Ok(()) };
    let Some(field) = second.plain_key() else { return Ok(()) };
    one_of(second, field, &["result", "outputs"], "`needs.<job>` has no")?;
    match rest.first().and_then(|third| Some((third, third.plain_key()?))) {
        Some((third, output)) if field.eq_ignore_ascii_case("outputs") => {
            one_of(third, output, outputs, &format!("job `{key}` has no output"))
        }
        Some(_) | None => Ok(()),
    }
}

fn check_step(first: &Segment, key: &str, rest: &[Segment], names: &Names<'_>) -> Result<(), ExpressionError> {
    if names.later_steps.iter().any(|name| name.eq_ignore_ascii_case(key)) {
        let message = format!("step `{key}` has not run yet when this is computed");
        return Err(ExpressionError::new(first.place(), message).help("steps see the steps before them"));
    }
    one_of(first, key, &names.steps, "there is no step with the id")?;
    match rest.first().and_then(|second| Some((second, second.plain_key()?))) {
        Some((second, field)) => one_of(second, field, &["outputs", "outcome", "conclusion"], "`steps.<id>` has no"),
        None => Ok(()),
    }
}

fn one_of(segment: &Segment, word: &str, known: &[&str], refusal: &str) -> Result<(), ExpressionError> {
    if known.iter().any(|name| name.eq_ignore_ascii_case(word)) {
        return Ok(());
    }
    let error = ExpressionError::new(segment.place(), format!("{refusal} `{word}`"));
    Err(match nearest(word, known.iter().copied()) {
        Some(meant) => error.help(format!("did you mean `{meant}`?")),
        None if known.is_empty() => error,
        None => error.help(format!("expected one of: {}", known.join(", "))),
    })
}

use ContextName::{Env, Matrix, Muster, Needs, Steps};

/// The run's `env`.
pub(super) const RUN_ENV: Rules =
    Rules { place: "the pipeline's `env`", contexts: &[Muster], has_status: false, known_later: &[Muster] };
/// A job's `env`.
pub(super) const JOB_ENV: Rules = Rules {
    place: "a job's `env`",
    contexts: &[Matrix, Needs, Muster],
    has_status: false,
    known_later: &[Needs, Muster],
};
/// A job's `if`.
pub(super) const JOB_CONDITION: Rules =
    Rules { place: "a job's `if`", contexts: &[Matrix, Env, Needs], has_status: true, known_later: &[Needs] };
/// A job's outputs.
pub(super) const JOB_OUTPUT: Rules = Rules {
    place: "a job's `outputs`",
    contexts: &[Matrix, Env, Needs, Steps, Muster],
    has_status: false,
    known_later: &[Env, Needs, Steps, Muster],
};
/// A step's script and variables.
pub(super) const STEP_TEXT: Rules = Rules { place: "a step", ..JOB_OUTPUT };
/// A step's `if`.
pub(super) const STEP_CONDITION: Rules = Rules { place: "a step's `if`", has_status: true, ..JOB_OUTPUT };
/// Everything that must be known when a run is submitted.
pub(super) const FIXED: Rules = Rules {
    place: "a place like this: it is fixed when the run is submitted",
    contexts: &[Matrix, Env],
    has_status: false,
    known_later: &[],
};
