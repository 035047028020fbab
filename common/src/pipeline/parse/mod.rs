//! From a file's tree to the typed file. Whatever is wrong is collected; what is left is read all the same.

mod fields;
mod job;
mod keys;
mod matrix;
mod step;
mod test;

use super::diagnostic::{Diagnostic, DiagnosticCode};
use super::file::{Defaults, PipelineFile, RunDefaults};
use super::node::Node;
use super::place::{At, Span};
use fields::Reader;

#[cfg(test)]
pub(super) use keys::TABLES;

/// The file that `tree` is, or everything that is wrong with it.
pub(super) fn file(tree: &Node, found: Vec<Diagnostic>) -> Result<PipelineFile, Vec<Diagnostic>> {
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

    fn jobs(&mut self, node: &Node) -> Vec<(At<String>, super::file::Job)> {
        let Some(entries) = self.entries(node, "`jobs`", "a mapping of jobs by name") else { return Vec::new() };
        if entries.is_empty() {
            self.found.push(no_jobs(node.span));
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

    fn defaults(&mut self, entry: Option<&super::node::Entry>) -> Defaults {
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
