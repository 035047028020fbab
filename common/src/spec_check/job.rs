//! Jobs.

use std::collections::BTreeSet;
use std::time::Duration;

use super::{Checker, JobsBefore, SpecProblem};
use crate::limits::{
    ARTIFACTS_PER_JOB_MAX, JOB_TIMEOUT_MAX, LABEL_BYTES_MAX, NEEDS_PER_JOB_MAX, OUTPUTS_BYTES_MAX, RETRIES_MAX,
    SCRIPT_BYTES_MAX, SHARDS_PER_JOB_MAX, TEST_GROUPS_PER_JOB_MAX, TEST_PATTERN_BYTES_MAX, TEST_PATTERNS_PER_JOB_MAX,
};
use crate::spec::{ArtifactSpec, BUILD_ARTIFACT, JobSpec, Runner, TestSpec, Work};

impl Checker {
    pub(super) fn job(&mut self, job: &JobSpec, before: &JobsBefore<'_>) {
        self.name("the job's name", &job.name);
        self.name("the job's group", &job.group);
        self.needs(job, before);
        if let Some(condition) = &job.condition {
            self.condition("its condition", condition);
        }
        for requirement in &job.requirements {
            if requirement.0.trim().is_empty() {
                self.problem(SpecProblem::Empty { what: "a requirement".to_owned() });
            }
            self.length("a requirement", requirement.0.len(), LABEL_BYTES_MAX);
        }
        self.env("the job", &job.env);
        self.time("its time limit", job.timeout_ms, JOB_TIMEOUT_MAX);
        self.time("its queue time limit", job.queue_timeout_ms, JOB_TIMEOUT_MAX);
        self.work(job);
        self.artifacts(&job.artifacts);
        let output_bytes = job.outputs.iter().map(|(name, text)| name.len() + text.len()).sum();
        self.length("its outputs", output_bytes, OUTPUTS_BYTES_MAX);
        job.outputs.iter().for_each(|(name, text)| self.text(&format!("the output `{name}`"), text));
    }

    fn needs(&mut self, job: &JobSpec, before: &JobsBefore<'_>) {
        self.count("needs", job.needs.len(), NEEDS_PER_JOB_MAX);
        let mut seen = BTreeSet::new();
        for need in &job.needs {
            if !before.contains_key(need.as_str()) {
                self.problem(SpecProblem::NeedNotBefore { need: need.clone() });
            }
            if !seen.insert(need) {
                self.problem(SpecProblem::Duplicate { what: "need", name: need.clone() });
            }
        }
        for input in &job.inputs {
            match before.get(input.job.as_str()).filter(|_| seen.contains(&input.job)) {
                None => self.problem(SpecProblem::InputNotNeeded { job: input.job.clone() }),
                Some(maker) if !hands_over(maker, &input.artifact) => self
                    .problem(SpecProblem::UnknownArtifact { job: input.job.clone(), artifact: input.artifact.clone() }),
                Some(_) => {}
            }
            input.path.iter().for_each(|path| self.path(path));
        }
    }

    fn work(&mut self, job: &JobSpec) {
        match &job.work {
            Work::Steps(steps) if steps.is_empty() => self.problem(SpecProblem::Empty { what: "its steps".to_owned() }),
            Work::Steps(steps) => self.steps(steps),
            Work::TestBuild(test) => self.test(test),
            Work::Tests(test) => {
                self.test(test);
                self.test_job(job, test);
            }
        }
    }

    fn test_job(&mut self, job: &JobSpec, test: &TestSpec) {
        let has_build = job.inputs.iter().any(|input| input.artifact == BUILD_ARTIFACT);
        if test.runner.needs_build() && !has_build {
            self.problem(SpecProblem::NoBuild);
        }
        if !job.artifacts.is_empty() {
            self.problem(SpecProblem::NotForTests { what: "artifacts" });
        }
        if !job.outputs.is_empty() {
            self.problem(SpecProblem::NotForTests { what: "outputs" });
        }
        if !job.is_repeatable {
            self.problem(SpecProblem::NotForTests { what: "`is_repeatable: false`" });
        }
    }

    fn test(&mut self, test: &TestSpec) {
        test.working_directory.iter().for_each(|path| self.path(path));
        self.steps(&test.setup);
        self.bounds("its number of retries", test.retries.into(), 0, RETRIES_MAX.into());
        if let Some(parallel) = test.parallel {
            self.bounds("its most shards", parallel.into(), 1, SHARDS_PER_JOB_MAX.into());
        }
        self.time("the time limit of a test", test.test_timeout_ms, JOB_TIMEOUT_MAX);
        let args = test.runner.args().unwrap_or_default();
        self.length("the runner's arguments", args.iter().map(String::len).sum(), SCRIPT_BYTES_MAX);
        if args.iter().any(|arg| arg.contains('\0')) {
            self.problem(SpecProblem::ControlCharacter { what: "an argument of the runner" });
        }
        self.scope(test);
        self.groups(test);
        if let Runner::Generic { list, run, results, format: _ } = &test.runner {
            for (what, script) in [("the runner's `list`", list), ("the runner's `run`", run)] {
                self.script(what, script);
            }
            if results.is_empty() {
                self.problem(SpecProblem::Empty { what: "the runner's `results`".to_owned() });
            }
            results.iter().for_each(|path| self.path(path));
        }
    }

    fn scope(&mut self, test: &TestSpec) {
        let (runner, scope) = (&test.runner, test.scope);
        if !scope.is_test() && !runner.scopes().contains(&scope) {
            self.problem(SpecProblem::ScopeNotTold { runner: runner.name(), scope: scope.name() });
        }
        if !scope.is_test() && !test.groups.is_empty() && !runner.runs_in_turn() {
            self.problem(SpecProblem::ScopeWithGroups { runner: runner.name() });
        }
    }

    fn groups(&mut self, test: &TestSpec) {
        self.count("groups of tests", test.groups.len(), TEST_GROUPS_PER_JOB_MAX);
        let patterns = test.groups.iter().map(|group| group.patterns.len()).sum();
        self.count("patterns of its groups of tests", patterns, TEST_PATTERNS_PER_JOB_MAX);
        let mut names = BTreeSet::new();
        for group in &test.groups {
            self.name("the name of a group of tests", &group.name);
            if !names.insert(&group.name) {
                self.problem(SpecProblem::Duplicate { what: "group", name: group.name.clone() });
            }
            self.bounds("the limit of a group of tests", group.limit.into(), 1, SHARDS_PER_JOB_MAX.into());
            if group.patterns.iter().all(String::is_empty) {
                self.problem(SpecProblem::Empty { what: format!("the `match` of the group `{}`", group.name) });
            }
            for pattern in &group.patterns {
                self.length("a pattern of a group of tests", pattern.len(), TEST_PATTERN_BYTES_MAX);
            }
        }
    }

    fn artifacts(&mut self, artifacts: &[ArtifactSpec]) {
        self.count("artifacts", artifacts.len(), ARTIFACTS_PER_JOB_MAX);
        let mut names = BTreeSet::new();
        for artifact in artifacts {
            self.name("an artifact's name", &artifact.name);
            if !names.insert(&artifact.name) {
                self.problem(SpecProblem::Duplicate { what: "artifact", name: artifact.name.clone() });
            }
            if artifact.paths.is_empty() {
                self.problem(SpecProblem::Empty { what: format!("the list of paths of artifact `{}`", artifact.name) });
            }
            artifact.paths.iter().for_each(|path| self.path(path));
        }
    }

    pub(super) fn time(&mut self, what: &'static str, value: u64, most: Duration) {
        let most = u64::try_from(most.as_millis()).unwrap_or(u64::MAX);
        self.bounds(what, value, 1, most);
    }
}

fn hands_over(job: &JobSpec, artifact: &str) -> bool {
    let is_build = artifact == BUILD_ARTIFACT && matches!(job.work, Work::TestBuild(_));
    is_build || job.artifacts.iter().any(|made| made.name == artifact)
}
