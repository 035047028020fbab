//! A client submits a run.

use muster_common::id::{JobId, JobIndex, RunId};
use muster_common::requirement::{Labels, Requirement, all_hold};
use muster_common::spec::{RunSpec, Work};

use crate::scheduler::Scheduler;
use crate::state::{Job, Run};
use crate::{Answer, Ask, Key, Refusal, RunRow};

impl Scheduler {
    pub(crate) fn on_submit_run(&mut self, ask: Ask, spec: RunSpec, request_id: String) {
        if let Some(run) = self.runs.requests.get(&request_id) {
            let run = *run;
            return self.answer(ask, Answer::Submitted { run, is_duplicate: true });
        }
        if let Some(refusal) = self.refusal(&spec) {
            return self.refuse(ask, refusal);
        }
        let run = self.next_run();
        let row = RunRow {
            run,
            request_id: request_id.clone(),
            spec,
            submitted: self.now.wall,
            started: None,
            is_cancel_requested: false,
            end: None,
        };
        self.insert_run(Run::new(row));
        if !request_id.is_empty() {
            self.runs.requests.insert(request_id, run);
        }
        self.answer(ask, Answer::Submitted { run, is_duplicate: false });
        self.insert_jobs(run);
    }

    fn refusal(&self, spec: &RunSpec) -> Option<Refusal> {
        if self.runs.unended >= self.config.runs_open_max {
            return Some(Refusal::TooManyRuns { open: self.runs.unended });
        }
        if !self.config.refuse_unsatisfiable || self.agents.sessions.is_empty() {
            return None;
        }
        let job = spec.jobs.iter().find(|job| !self.is_satisfiable(&job.requirements))?;
        Some(Refusal::Unsatisfiable {
            job: job.name.clone(),
            requirements: job.requirements.clone(),
            nearest: self.nearest_labels(&job.requirements),
        })
    }

    fn connected_labels(&self) -> impl Iterator<Item = &Labels> {
        self.agents.table.values().filter(|agent| agent.session.is_some()).map(|agent| &agent.labels)
    }

    fn is_satisfiable(&self, requirements: &[Requirement]) -> bool {
        match self.queue.known_class(requirements) {
            Some(class) => !class.agents.is_empty(),
            None => self.connected_labels().any(|labels| all_hold(requirements, labels)),
        }
    }

    fn nearest_labels(&self, requirements: &[Requirement]) -> Vec<String> {
        let held = |labels: &Labels| requirements.iter().filter(|requirement| requirement.holds(labels)).count();
        // Of equals the first by name, which `max_by_key` alone would not give.
        let mut nearest: Option<&Labels> = None;
        for labels in self.connected_labels() {
            if nearest.is_none_or(|best| held(labels) > held(best)) {
                nearest = Some(labels);
            }
        }
        let pair = |(key, value): (&String, &String)| match value.as_str() {
            "" => key.clone(),
            value => format!("{key}={value}"),
        };
        nearest.map(|labels| labels.iter().map(pair).collect()).unwrap_or_default()
    }

    fn next_run(&mut self) -> RunId {
        let number = self.counters.next_run.max(1);
        self.counters.next_run = number + 1;
        self.touch(Key::Counters);
        RunId(number)
    }

    fn insert_run(&mut self, run: Run) {
        let id = run.row.run;
        self.runs.open.insert(id, run);
        self.runs.unended += 1;
        self.touch_run(id);
    }

    fn insert_jobs(&mut self, run: RunId) {
        let count = self.runs.open[&run].row.spec.jobs.len();
        for place in (0..).take(count).map(JobIndex) {
            let job = JobId { run, job: place };
            let is_test_job = matches!(self.spec(job).work, Work::Tests(_));
            self.jobs.insert(job, Job::fresh(job, is_test_job));
            self.touch_job(job);
            self.link_needs(job);
            if self.job(job).needs_open == 0 {
                self.pending.begins.insert(job);
            }
        }
        let found = self.runs.open.get_mut(&run).expect("the run was just inserted");
        found.jobs_open = count;
        if count == 0 {
            self.end_run(run);
        }
    }

    /// Counts the needs of a job that have not ended, and makes it known to all of them.
    pub(crate) fn link_needs(&mut self, job: JobId) {
        let needs = self.runs.open[&job.run].needs(job.job);
        for need in needs {
            let need = JobId { run: job.run, job: need };
            let needed = self.job_mut(need);
            needed.dependents.push(job.job);
            if !needed.has_ended() {
                self.job_mut(job).needs_open += 1;
            }
        }
    }
}
