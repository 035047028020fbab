//! The file itself: its top level.

use super::fields::Reader;
use super::keys;
use crate::limits::JOBS_PER_RUN_MAX;
use crate::pipeline::diagnostic::{Diagnostic, DiagnosticCode};
use crate::pipeline::file::{Defaults, Job, PipelineFile, RunDefaults};
use crate::pipeline::node::{Entry, Node};
use crate::pipeline::place::{At, Span};

/// The file that `tree` is, or everything that is wrong with it.
pub(in crate::pipeline) fn file(tree: &Node, found: Vec<Diagnostic>) -> Result<PipelineFile, Vec<Diagnostic>> {
    let mut reader = Reader { found };
    let file = reader.file(tree);
    match file {
        Some(file) if reader.found.is_empty() => Ok(file),
        Some(_) | None => Err(reader.found),
    }
}

impl Reader {
    fn file(&mut self, tree: &Node) -> Option<PipelineFile> {
        let mut fields = self.fields(tree, &keys::FILE)?;
        let jobs = match fields.take("jobs") {
            Some(entry) => self.jobs(&entry.value),
            None => {
                self.found.push(no_jobs(fields.place));
                Vec::new()
            }
        };
        Some(PipelineFile {
            name: self.optional_text(fields.take("name")),
            project: self.optional_text(fields.take("project")),
            env: self.texts(fields.take("env")),
            defaults: self.defaults(fields.take("defaults")),
            jobs,
        })
    }

    fn jobs(&mut self, node: &Node) -> Vec<(At<String>, Job)> {
        let Some(entries) = self.entries(node, "`jobs`", "a mapping of jobs by name") else { return Vec::new() };
        if entries.is_empty() {
            self.found.push(no_jobs(node.span));
        }
        if entries.len() > JOBS_PER_RUN_MAX {
            let message = format!("the pipeline has {} jobs; {JOBS_PER_RUN_MAX} are allowed", entries.len());
            self.found.push(Diagnostic::new(DiagnosticCode::TooLarge, node.span, message));
            return Vec::new();
        }
        let mut jobs = Vec::new();
        for entry in entries {
            self.check_identifier(&entry.key, "a job");
            if let Some(job) = self.job(&entry.key, &entry.value) {
                jobs.push((entry.key.clone(), job));
            }
        }
        jobs
    }

    pub(super) fn defaults(&mut self, entry: Option<&Entry>) -> Defaults {
        let Some(entry) = entry else { return Defaults::default() };
        let Some(mut fields) = self.fields(&entry.value, &keys::DEFAULTS) else { return Defaults::default() };
        let Some(run) = fields.take("run") else { return Defaults::default() };
        let Some(mut fields) = self.fields(&run.value, &keys::RUN_DEFAULTS) else { return Defaults::default() };
        let shell = self.optional_text(fields.take("shell"));
        let working_directory = self.optional_text(fields.take("working-directory"));
        Defaults { run: RunDefaults { shell, working_directory } }
    }
}

fn no_jobs(span: Span) -> Diagnostic {
    Diagnostic::new(DiagnosticCode::MissingKey, span, "the pipeline has no jobs")
        .label("expected the key `jobs` with at least one job")
        .help("for example `jobs: {unit: {steps: [{test: pytest}]}}`")
}
