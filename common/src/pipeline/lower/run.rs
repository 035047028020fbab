//! The run, and the order in which the file's jobs are put into it.

use std::cell::Cell;
use std::collections::BTreeMap;

use crate::limits::{JOBS_PER_RUN_MAX, RUN_SPEC_BYTES_MAX};
use crate::pipeline::diagnostic::{Diagnostic, DiagnosticCode, shown};
use crate::pipeline::expression::{Template, Value};
use crate::pipeline::file::{Job, PipelineFile};
use crate::pipeline::graph::Graph;
use crate::pipeline::matrix::{Combination, expand};
use crate::pipeline::place::{At, Span};
use crate::pipeline::scope::{FIXED, Names, RUN_ENV};
use crate::pipeline::texts::Texts;
use crate::spec::{Env, JobSpec, RunSpec};
use crate::spec_check::{self, json_bytes};

/// What the caller knows better than the file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CompileOptions {
    /// Project, where the file names none.
    pub project: String,
    /// Name, where the file names none.
    pub name: String,
    /// Variables of every job, stronger than those of the file's top level. They stand for themselves: `${{` in them has
    /// no meaning.
    pub env: Env,
}

/// The run that `file` stands for, or everything that is wrong with it.
pub(in crate::pipeline) fn lower(
    file: &PipelineFile,
    graph: &Graph,
    source: &str,
    options: &CompileOptions,
) -> Result<RunSpec, Vec<Diagnostic>> {
    let keys: Vec<&str> = file.jobs.iter().map(|(key, _)| key.value.as_str()).collect();
    let mut lowering = Lowering::new(file, graph, source, &keys);
    lowering.run(options);
    for index in &graph.order {
        if lowering.is_full {
            break;
        }
        lowering.group(*index);
    }
    lowering.check();
    if lowering.found.is_empty() { Ok(lowering.run) } else { Err(lowering.found) }
}

/// What is there so far.
pub(super) struct Lowering<'f> {
    pub(super) file: &'f PipelineFile,
    /// Keys of its jobs.
    keys: &'f [&'f str],
    pub(super) graph: &'f Graph,
    pub(super) source: &'f str,
    pub(super) run: RunSpec,
    /// For each job of the file what it has become.
    pub(super) lowered: Vec<Group>,
    /// Where the name of each job of the run stands.
    places: BTreeMap<String, Span>,
    bytes: usize,
    is_full: bool,
    /// Expressions that have been computed.
    pub(super) computed: Cell<usize>,
    pub(super) found: Vec<Diagnostic>,
}

/// What a job of the file has become.
#[derive(Clone, Default)]
pub(super) struct Group {
    pub(super) jobs: Vec<String>,
    /// Artifacts, and the jobs that hand them over.
    pub(super) artifacts: Vec<(String, String)>,
}

impl<'f> Lowering<'f> {
    fn new(file: &'f PipelineFile, graph: &'f Graph, source: &'f str, keys: &'f [&'f str]) -> Self {
        Self {
            file,
            keys,
            graph,
            source,
            run: RunSpec::default(),
            lowered: vec![Group::default(); file.jobs.len()],
            places: BTreeMap::new(),
            bytes: 0,
            is_full: false,
            computed: Cell::new(0),
            found: Vec::new(),
        }
    }

    fn run(&mut self, options: &CompileOptions) {
        let names = Names::default();
        let (matrix, nothing_known) = (Value::Object(Vec::new()), BTreeMap::new());
        let mut texts = Texts {
            source: self.source,
            matrix: &matrix,
            env: &nothing_known,
            names: &names,
            found: &mut self.found,
            computed: &self.computed,
        };
        let mut fixed = |text: &Option<At<String>>, default: &str| match text {
            Some(text) => texts.text(text, &FIXED),
            None => default.to_owned(),
        };
        self.run.project = fixed(&self.file.project, &options.project);
        self.run.name = fixed(&self.file.name, &options.name);
        self.run.env =
            self.file.env.iter().map(|(name, text)| (name.value.clone(), texts.text(text, &RUN_ENV))).collect();
        let from_caller = options.env.iter().map(|(name, value)| (name.clone(), Template::escaped(value)));
        self.run.env.extend(from_caller);
    }

    /// Lowers one job of the file.
    fn group(&mut self, index: usize) {
        let (key, job) = &self.file.jobs[index];
        let combinations = match job.strategy.as_ref().and_then(|strategy| strategy.matrix.as_ref()).map(expand) {
            None => vec![None],
            Some(Ok(combinations)) => combinations.into_iter().map(Some).collect(),
            Some(Err(diagnostic)) => return self.found.push(diagnostic),
        };
        let names = self.names(index, &combinations);
        for combination in &combinations {
            if self.is_full {
                return;
            }
            let (jobs, artifacts) = self.job(index, combination.as_ref(), &names);
            self.lowered[index].artifacts.extend(artifacts);
            jobs.into_iter().for_each(|job_spec| self.push(index, key, job, job_spec));
            if self.computed.get() > EXPRESSIONS_MAX {
                let message =
                    format!("the run has more than {EXPRESSIONS_MAX} expressions when its matrices are expanded");
                self.fill(key, message, "compute in scripts, or use fewer values in matrices");
            }
        }
    }

    /// What expressions of a job may name; steps are added where they are lowered.
    fn names(&self, index: usize, combinations: &[Option<Combination>]) -> Names<'f> {
        let (_, job) = &self.file.jobs[index];
        let matrix = job.strategy.as_ref().and_then(|strategy| strategy.matrix.as_ref());
        let mut in_matrix: Vec<&str> = Vec::new();
        if let Some(matrix) = matrix {
            in_matrix.extend(matrix.axes.iter().map(|(name, _)| name.value.as_str()));
            in_matrix.extend(matrix.include.iter().flatten().map(|(name, _)| name.value.as_str()));
        }
        debug_assert!(matrix.is_some() || combinations.len() == 1, "without a matrix there is one combination");
        let needs = self.graph.needs[index].iter().map(|need| {
            let (key, needed) = &self.file.jobs[*need];
            (key.value.as_str(), needed.outputs.iter().map(|(name, _)| name.value.as_str()).collect())
        });
        Names { matrix: in_matrix, needs: needs.collect(), jobs: self.keys, steps: Vec::new(), later_steps: Vec::new() }
    }

    fn push(&mut self, index: usize, key: &At<String>, job: &Job, job_spec: JobSpec) {
        let span = job.name.as_ref().map_or(key.span, |name| name.span);
        if let Some(first) = self.places.insert(job_spec.name.clone(), span) {
            let message = format!("two jobs of this run have the name {}", shown(&job_spec.name));
            let mut diagnostic = Diagnostic::new(DiagnosticCode::Duplicate, span, message);
            if first == span {
                diagnostic = diagnostic.help("put everything that tells its combinations apart into `name`");
            } else {
                diagnostic = diagnostic.also(first, "first time").help("give each its own `name`");
            }
            self.found.push(diagnostic);
        }
        self.bytes += json_bytes(&job_spec);
        self.lowered[index].jobs.push(job_spec.name.clone());
        self.run.jobs.push(job_spec);
        if self.run.jobs.len() > JOBS_PER_RUN_MAX {
            let message = format!("the run has more than {JOBS_PER_RUN_MAX} jobs when its matrices are expanded");
            self.fill(key, message, "use fewer values in matrices");
        } else if self.bytes > RUN_SPEC_BYTES_MAX {
            let message = format!("the run is larger than {RUN_SPEC_BYTES_MAX} bytes when its matrices are expanded");
            self.fill(key, message, "move long scripts into files, or use fewer values in matrices");
        }
    }

    fn fill(&mut self, key: &At<String>, message: String, help: &str) {
        if !self.is_full {
            self.is_full = true;
            let diagnostic = Diagnostic::new(DiagnosticCode::TooLarge, key.span, message);
            self.found.push(diagnostic.label("reached here").help(help));
        }
    }

    /// What no place in the file has been blamed for: every limit of a run.
    fn check(&mut self) {
        if !self.found.is_empty() {
            return;
        }
        for error in spec_check::check(&self.run).err().unwrap_or_default() {
            let span = error.job().and_then(|job| self.places.get(job)).copied().unwrap_or_default();
            self.found.push(Diagnostic::new(DiagnosticCode::BadValue, span, error.to_string()));
        }
    }
}

/// Expressions of one run, each combination of a matrix counted for itself.
const EXPRESSIONS_MAX: usize = 200_000;
