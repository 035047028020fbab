//! Steps, variables and expressions.

use std::collections::BTreeSet;

use super::{Checker, SpecProblem};
use crate::limits::{
    ENV_VARIABLE_BYTES_MAX, ENV_VARIABLES_MAX, JOB_TIMEOUT_MAX, NAME_BYTES_MAX, SCRIPT_BYTES_MAX, STEPS_PER_JOB_MAX,
};
use crate::pipeline::expression::{check_condition, check_text};
use crate::spec::{Env, StepSpec};

impl Checker {
    pub(super) fn steps(&mut self, steps: &[StepSpec]) {
        self.count("steps", steps.len(), STEPS_PER_JOB_MAX);
        let mut ids = BTreeSet::new();
        for step in steps {
            if let Some(id) = step.id.as_ref().filter(|id| !ids.insert(*id)) {
                self.problem(SpecProblem::Duplicate { what: "step", name: id.clone() });
            }
            self.step(step);
        }
    }

    fn step(&mut self, step: &StepSpec) {
        self.length("a step's name", step.name.len(), NAME_BYTES_MAX);
        self.script("a step's script", &step.run);
        self.text(&format!("the script of step `{}`", step.name), &step.run);
        if let Some(condition) = &step.condition {
            self.condition(&format!("the condition of step `{}`", step.name), condition);
        }
        self.env("a step", &step.env);
        step.working_directory.iter().for_each(|path| self.path(path));
        if let Some(timeout_ms) = step.timeout_ms {
            self.time("a step's time limit", timeout_ms, JOB_TIMEOUT_MAX);
        }
    }

    pub(super) fn script(&mut self, what: &str, script: &str) {
        if script.trim().is_empty() {
            self.problem(SpecProblem::Empty { what: what.to_owned() });
        }
        self.length(what, script.len(), SCRIPT_BYTES_MAX);
    }

    pub(super) fn env(&mut self, whose: &str, env: &Env) {
        self.count(&format!("variables of {whose}"), env.len(), ENV_VARIABLES_MAX);
        for (name, value) in env {
            let reason = if name.is_empty() {
                Some("has no name")
            } else if name.contains('=') {
                Some("has a `=` in its name")
            } else if name.contains('\0') || value.contains('\0') {
                Some("holds a zero byte")
            } else {
                None
            };
            if let Some(reason) = reason {
                self.problem(SpecProblem::BadVariable { name: name.clone(), reason });
            }
            self.length(&format!("the variable `{name}`"), name.len() + value.len(), ENV_VARIABLE_BYTES_MAX);
            self.text(&format!("the variable `{name}`"), value);
        }
    }

    pub(super) fn condition(&mut self, what: &str, text: &str) {
        if let Err(error) = check_condition(text) {
            self.problem(SpecProblem::BadExpression { what: what.to_owned(), message: error.message });
        }
    }

    pub(super) fn text(&mut self, what: &str, text: &str) {
        if let Err(error) = check_text(text) {
            self.problem(SpecProblem::BadExpression { what: what.to_owned(), message: error.message });
        }
    }
}
