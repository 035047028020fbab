//! Jobs.

use super::fields::{Missing, Reader};
use super::keys;
use crate::pipeline::diagnostic::{Diagnostic, DiagnosticCode, shown};
use crate::pipeline::file::{Artifact, Download, Job, Step, Strategy};
use crate::pipeline::node::{Entry, Node, NodeKind};
use crate::pipeline::place::At;

impl Reader {
    pub(super) fn job(&mut self, key: &At<String>, node: &Node) -> Option<Job> {
        let what = format!("job {}", shown(&key.value));
        if node.is_null() {
            self.missing("steps", &Missing { what: &what, span: key.span });
            return None;
        }
        let mut fields = self.fields(node, &keys::JOB)?;
        let steps = match fields.take("steps") {
            Some(entry) => self.steps(entry, &what),
            None => {
                self.missing("steps", &Missing { what: &what, span: key.span });
                Vec::new()
            }
        };
        Some(Job {
            name: self.optional_text(fields.take("name")),
            needs: self.text_list(fields.take("needs")),
            runs_on: self.text_list(fields.take("runs-on")),
            r#if: self.optional_text(fields.take("if")),
            env: self.texts(fields.take("env")),
            strategy: fields.take("strategy").and_then(|entry| self.strategy(entry)),
            timeout_minutes: self.optional_text(fields.take("timeout-minutes")),
            queue_timeout_minutes: self.optional_text(fields.take("queue-timeout-minutes")),
            repeatable: self.flag(fields.take("repeatable")),
            continue_on_error: self.optional_text(fields.take("continue-on-error")),
            defaults: self.defaults(fields.take("defaults")),
            outputs: self.texts(fields.take("outputs")),
            steps,
            artifacts: self.list_of(fields.take("artifacts"), Self::artifact),
            download: self.list_of(fields.take("download"), Self::download),
        })
    }

    fn steps(&mut self, entry: &Entry, what: &str) -> Vec<Step> {
        let Some(items) = self.items(&entry.value, "`steps`", "a list of steps") else { return Vec::new() };
        if items.is_empty() {
            let message = format!("{what} has no steps");
            let diagnostic = Diagnostic::new(DiagnosticCode::MissingKey, entry.value.span, message);
            self.found.push(diagnostic.label("expected at least one step"));
        }
        items.iter().filter_map(|item| self.step(item)).collect()
    }

    fn strategy(&mut self, entry: &Entry) -> Option<Strategy> {
        let mut fields = self.fields(&entry.value, &keys::STRATEGY)?;
        let matrix = fields.take("matrix").and_then(|entry| self.matrix(entry));
        let fail_fast = self.flag(fields.take("fail-fast"));
        Some(Strategy { matrix, fail_fast })
    }

    fn list_of<T>(&mut self, entry: Option<&Entry>, read: impl Fn(&mut Self, &Node) -> Option<T>) -> Vec<T> {
        let Some(entry) = entry else { return Vec::new() };
        let what = shown(&entry.key.value);
        let Some(items) = self.items(&entry.value, &what, "a list") else { return Vec::new() };
        items.iter().filter_map(|item| read(self, item)).collect()
    }

    fn artifact(&mut self, node: &Node) -> Option<Artifact> {
        let mut fields = self.fields(node, &keys::ARTIFACT)?;
        let missing = Missing { what: "an artifact", span: node.span };
        let name = self.needed_text(fields.take("name"), "name", &missing);
        let paths = self.needed_list(fields.take("paths"), "paths", &missing);
        Some(Artifact { name: name?, paths })
    }

    fn download(&mut self, node: &Node) -> Option<Download> {
        let mut fields = self.fields(node, &keys::DOWNLOAD)?;
        let missing = Missing { what: "a download", span: node.span };
        let job = self.needed_text(fields.take("job"), "job", &missing);
        let name = self.needed_text(fields.take("name"), "name", &missing);
        let path = self.optional_text(fields.take("path"));
        Some(Download { job: job?, name: name?, path })
    }

    fn step(&mut self, node: &Node) -> Option<Step> {
        let has = |key: &str| match &node.kind {
            NodeKind::Map(entries) => entries.iter().any(|entry| entry.key.value == key),
            NodeKind::Scalar(_) | NodeKind::List(_) => false,
        };
        if !matches!(node.kind, NodeKind::Map(_)) {
            self.wrong_type(node, "a step", "a mapping with `run` or `test`");
            return None;
        }
        match (has("run"), has("test")) {
            (true, true) => {
                self.found.push(
                    Diagnostic::new(DiagnosticCode::BadValue, node.span, "a step has either `run` or `test`, not both")
                        .help("make two steps of it: the `run` step first is what every agent does before the tests"),
                );
                None
            }
            (false, true) => self.test_step(node).map(|step| Step::Test(Box::new(step))),
            (true, false) | (false, false) => self.run_step(node).map(|step| Step::Run(Box::new(step))),
        }
    }
}
