//! Steps that run a script.

use super::fields::{Missing, Reader};
use super::keys;
use crate::pipeline::diagnostic::{Diagnostic, DiagnosticCode};
use crate::pipeline::file::RunStep;
use crate::pipeline::node::Node;

impl Reader {
    pub(super) fn run_step(&mut self, node: &Node) -> Option<RunStep> {
        let before = self.found.len();
        let mut fields = self.fields(node, &keys::RUN_STEP)?;
        let run = fields.take("run");
        // A step with `uses` has been refused for that already.
        if run.is_none() && self.found.len() == before {
            self.missing("run` or `test", &Missing { what: "a step", span: node.span });
        }
        let run = self.optional_text(run);
        let id = self.optional_text(fields.take("id"));
        if let Some(id) = &id {
            self.check_identifier(id, "a step");
        }
        if let Some(run) = run.as_ref().filter(|run| run.value.trim().is_empty()) {
            let diagnostic = Diagnostic::new(DiagnosticCode::BadValue, run.span, "the script is empty");
            self.found.push(diagnostic.label("expected a command"));
        }
        let name = self.optional_text(fields.take("name"));
        let r#if = self.optional_text(fields.take("if"));
        let shell = self.optional_text(fields.take("shell"));
        let env = self.texts(fields.take("env"));
        let working_directory = self.optional_text(fields.take("working-directory"));
        let timeout_minutes = self.optional_text(fields.take("timeout-minutes"));
        let continue_on_error = self.optional_text(fields.take("continue-on-error"));
        Some(RunStep { id, name, r#if, run: run?, shell, env, working_directory, timeout_minutes, continue_on_error })
    }
}
