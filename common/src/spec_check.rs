//! Whether a [`RunSpec`] can be run: every limit, every name, every path. Asked at the coordinator's door, because a
//! specification may come from anywhere, and at the end of every compilation.

mod job;
mod problem;
mod step;

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use serde::Serialize;

use crate::limits::{
    JOBS_PER_RUN_MAX, NAME_BYTES_MAX, RUN_SPEC_BYTES_MAX, SELECTED_TESTS_MAX, STRESS_CHANGED_MAX, STRESS_TIMES_MAX,
    TEST_NAME_BYTES_MAX,
};
use crate::spec::{JobSpec, RunSpec, Work};

pub use problem::{SpecError, SpecProblem};

/// Checks everything that can be checked without an agent. Says nothing about the workspace, which may not be stored
/// yet.
///
/// # Errors
/// With everything that is wrong, in the order of the jobs, at most [`ERRORS_MAX`] things.
pub fn check(spec: &RunSpec) -> Result<(), Vec<SpecError>> {
    let mut checker = Checker::default();
    checker.name("project", &spec.project);
    checker.name("name", &spec.name);
    checker.env("the run", &spec.env);
    match spec.jobs.len() {
        0 => checker.problem(SpecProblem::NoJobs),
        count if count > JOBS_PER_RUN_MAX => {
            checker.problem(SpecProblem::TooMany { what: "jobs".to_owned(), count, most: JOBS_PER_RUN_MAX });
        }
        _ => {
            let mut before = BTreeMap::new();
            for job in &spec.jobs {
                checker.job = Some(job.name.clone());
                checker.job(job, &before);
                if before.insert(job.name.as_str(), job).is_some() {
                    checker.problem(SpecProblem::Duplicate { what: "job", name: job.name.clone() });
                }
            }
            checker.job = None;
        }
    }
    checker.only(spec);
    checker.stress(spec);
    let size = json_bytes(spec);
    if size > RUN_SPEC_BYTES_MAX {
        checker.problem(SpecProblem::TooLong { what: "the run".to_owned(), bytes: size, most: RUN_SPEC_BYTES_MAX });
    }
    checker.errors.truncate(ERRORS_MAX);
    if checker.errors.is_empty() { Ok(()) } else { Err(checker.errors) }
}

/// A path beneath the workspace, or names with `*`: relative, without `..`, not empty.
///
/// # Errors
/// With words that follow "the path …".
pub fn check_path(path: &str) -> Result<(), &'static str> {
    if path.is_empty() {
        return Err("is empty");
    }
    if path.len() > crate::limits::PATH_BYTES_MAX {
        return Err("is too long");
    }
    if path.contains('\0') {
        return Err("holds a zero byte");
    }
    if path.starts_with('/') {
        return Err("is absolute");
    }
    if path.split('/').any(|part| part == "..") {
        return Err("leaves the workspace by `..`");
    }
    Ok(())
}

/// Length of `value` as JSON, which is never shorter than its length as a message.
pub(crate) fn json_bytes(value: &impl Serialize) -> usize {
    let mut counter = Counter(0);
    // What is counted are maps with text keys and numbers; writing those to a counter does not fail.
    if serde_json::to_writer(&mut counter, value).is_err() {
        return usize::MAX;
    }
    counter.0
}

struct Counter(usize);

impl io::Write for Counter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What has been found so far.
#[derive(Default)]
struct Checker {
    /// The job that is being checked.
    job: Option<String>,
    errors: Vec<SpecError>,
}

/// Jobs by their names.
type JobsBefore<'s> = BTreeMap<&'s str, &'s JobSpec>;

impl Checker {
    fn problem(&mut self, problem: SpecProblem) {
        self.errors.push(SpecError::new(self.job.clone(), problem));
    }

    fn name(&mut self, what: &'static str, name: &str) {
        if name.trim().is_empty() {
            self.problem(SpecProblem::Empty { what: what.to_owned() });
        }
        self.length(what, name.len(), NAME_BYTES_MAX);
        if name.contains(char::is_control) {
            self.problem(SpecProblem::ControlCharacter { what });
        }
    }

    fn length(&mut self, what: &str, bytes: usize, most: usize) {
        if bytes > most {
            self.problem(SpecProblem::TooLong { what: what.to_owned(), bytes, most });
        }
    }

    fn bounds(&mut self, what: &'static str, value: u64, least: u64, most: u64) {
        if !(least..=most).contains(&value) {
            self.problem(SpecProblem::OutOfBounds { what, value, least, most });
        }
    }

    fn count(&mut self, what: &str, count: usize, most: usize) {
        if count > most {
            self.problem(SpecProblem::TooMany { what: what.to_owned(), count, most });
        }
    }

    fn only(&mut self, spec: &RunSpec) {
        self.count("selected tests", spec.only.values().map(Vec::len).sum(), SELECTED_TESTS_MAX);
        for (name, tests) in &spec.only {
            let job = spec.jobs.iter().find(|job| job.name == *name);
            if !job.is_some_and(|job| matches!(job.work, Work::Tests(_))) {
                self.problem(SpecProblem::SelectionOfNoTests { job: name.clone() });
            }
            self.job = Some(name.clone());
            if tests.is_empty() {
                self.problem(SpecProblem::Empty { what: "its selection of tests".to_owned() });
            }
            let mut seen = BTreeSet::new();
            for test in tests {
                self.length("the name of a selected test", test.len(), TEST_NAME_BYTES_MAX);
                if !seen.insert(test) {
                    self.problem(SpecProblem::Duplicate { what: "selected test", name: test.clone() });
                }
            }
            self.job = None;
        }
    }

    fn stress(&mut self, spec: &RunSpec) {
        let Some(stress) = &spec.stress else { return };
        self.bounds("how often new tests are run", u64::from(stress.times), 2, u64::from(STRESS_TIMES_MAX));
        self.count("changed names", stress.changed.len(), STRESS_CHANGED_MAX);
        for name in &stress.changed {
            if name.is_empty() {
                self.problem(SpecProblem::Empty { what: "a changed name".to_owned() });
            }
            self.length("a changed name", name.len(), TEST_NAME_BYTES_MAX);
        }
    }

    fn path(&mut self, path: &str) {
        if let Err(reason) = check_path(path) {
            self.problem(SpecProblem::BadPath { path: path.to_owned(), reason });
        }
    }
}

/// More are left out.
pub const ERRORS_MAX: usize = 100;

#[cfg(test)]
mod tests;
