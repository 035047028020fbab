//! What an expression can see where a job runs, or where it is decided whether it runs.

use std::collections::BTreeMap;

use super::fold::Resolver;
use super::names::ContextName;
use super::value::Value;
use crate::control::NeedResult;
use crate::outcome::Outcome;
use crate::spec::Env;

/// Everything that an expression can see at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Context {
    /// How the work before went: for a job's condition the jobs that it needs, for a step's the steps before it.
    pub status: Status,
    /// `env`.
    pub env: Env,
    /// `needs`, by group.
    pub needs: BTreeMap<String, NeedContext>,
    /// `steps`, by id.
    pub steps: BTreeMap<String, StepContext>,
    /// `muster`.
    pub muster: MusterContext,
}

/// What the functions `success()`, `failure()` and `cancelled()` say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status {
    /// Whether everything before passed.
    pub is_success: bool,
    /// Whether something before failed.
    pub is_failure: bool,
    /// Whether the run was cancelled.
    pub is_cancelled: bool,
}

/// What is to be seen of a job that this one needs: `needs.<group>`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NeedContext {
    /// How it ended; several of one group: the worst.
    pub outcome: Outcome,
    /// Its outputs.
    pub outputs: BTreeMap<String, String>,
}

/// What is to be seen of a step: `steps.<id>`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepContext {
    /// How it ended, before `continue-on-error` is looked at.
    pub outcome: Outcome,
    /// How it counts: passed where it failed but may.
    pub conclusion: Outcome,
    /// What it set.
    pub outputs: BTreeMap<String, String>,
}

/// `muster.run`, `muster.job`, `muster.attempt` and `muster.shard`. Those that are not known here stand for nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MusterContext {
    /// Number of the run.
    pub run: Option<u64>,
    /// Name of the job.
    pub job: Option<String>,
    /// Which attempt this is, from 1.
    pub attempt: Option<u32>,
    /// Number of the shard.
    pub shard: Option<u32>,
}

impl Status {
    /// Everything before passed.
    pub const SUCCESS: Self = Self { is_success: true, is_failure: false, is_cancelled: false };
    /// Something before failed.
    pub const FAILURE: Self = Self { is_success: false, is_failure: true, is_cancelled: false };
    /// The run was cancelled.
    pub const CANCELLED: Self = Self { is_success: false, is_failure: false, is_cancelled: true };

    /// What a job sees whose needs ended with `outcomes`. A need that was skipped is neither a success nor a failure.
    /// A need that may fail counts as passed: hand over [`Outcome::Passed`] for it.
    pub fn of_needs(outcomes: impl IntoIterator<Item = Outcome>) -> Self {
        let mut status = Self::SUCCESS;
        for outcome in outcomes {
            match outcome {
                Outcome::Passed => {}
                Outcome::Skipped => status.is_success = false,
                Outcome::Failed | Outcome::TimedOut | Outcome::Errored => {
                    status.is_success = false;
                    status.is_failure = true;
                }
                Outcome::Cancelled => {
                    status.is_success = false;
                    status.is_cancelled = true;
                }
            }
        }
        status
    }
}

impl Default for Status {
    fn default() -> Self {
        Self::SUCCESS
    }
}

impl From<&NeedResult> for NeedContext {
    fn from(result: &NeedResult) -> Self {
        Self { outcome: result.outcome, outputs: result.outputs.clone() }
    }
}

impl Resolver for Context {
    fn context(&self, name: ContextName) -> Option<Value> {
        match name {
            ContextName::Matrix => None,
            ContextName::Env => Some(Value::object_of_texts(&self.env)),
            ContextName::Needs => {
                let needs = self.needs.iter().map(|(group, need)| (group.clone(), need.to_value()));
                Some(Value::Object(needs.collect()))
            }
            ContextName::Steps => {
                let steps = self.steps.iter().map(|(id, step)| (id.clone(), step.to_value()));
                Some(Value::Object(steps.collect()))
            }
            ContextName::Muster => Some(self.muster.to_value()),
        }
    }

    fn member(&self, name: ContextName, key: &str) -> Option<Value> {
        let found = match name {
            ContextName::Env => member_of(&self.env, key).map(|text| Value::Text(text.clone())),
            ContextName::Needs => member_of(&self.needs, key).map(NeedContext::to_value),
            ContextName::Steps => member_of(&self.steps, key).map(StepContext::to_value),
            ContextName::Muster => self.muster.to_value().get(key).cloned(),
            ContextName::Matrix => return None,
        };
        Some(found.unwrap_or(Value::Null))
    }

    fn status(&self) -> Option<Status> {
        Some(self.status)
    }
}

/// Exactly that key, else one that differs in case only.
fn member_of<'m, T>(members: &'m BTreeMap<String, T>, key: &str) -> Option<&'m T> {
    members
        .get(key)
        .or_else(|| members.iter().find(|(name, _)| name.eq_ignore_ascii_case(key)).map(|(_, member)| member))
}

impl NeedContext {
    fn to_value(&self) -> Value {
        Value::Object(vec![
            ("result".to_owned(), Value::Text(result_word(self.outcome).to_owned())),
            ("outputs".to_owned(), Value::object_of_texts(&self.outputs)),
        ])
    }
}

impl StepContext {
    fn to_value(&self) -> Value {
        Value::Object(vec![
            ("outcome".to_owned(), Value::Text(result_word(self.outcome).to_owned())),
            ("conclusion".to_owned(), Value::Text(result_word(self.conclusion).to_owned())),
            ("outputs".to_owned(), Value::object_of_texts(&self.outputs)),
        ])
    }
}

impl MusterContext {
    fn to_value(&self) -> Value {
        let text = |value: Option<String>| value.map_or(Value::Null, Value::Text);
        Value::Object(vec![
            ("run".to_owned(), text(self.run.map(|run| run.to_string()))),
            ("job".to_owned(), text(self.job.clone())),
            ("attempt".to_owned(), self.attempt.map_or(Value::Null, |attempt| Value::Number(attempt.into()))),
            ("shard".to_owned(), self.shard.map_or(Value::Null, |shard| Value::Number(shard.into()))),
        ])
    }
}

/// The words of GitHub Actions, with which files compare.
const fn result_word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Passed => "success",
        Outcome::Skipped => "skipped",
        Outcome::Failed | Outcome::TimedOut | Outcome::Errored => "failure",
        Outcome::Cancelled => "cancelled",
    }
}
