//! Clients ask how things stand.

use muster_common::id::{JobId, JobIndex, RunId};

use crate::scheduler::Scheduler;
use crate::summary::{agent_summary, test_report};
use crate::{Answer, Ask, Refusal, TestReport};

impl Scheduler {
    pub(crate) fn on_get_run(&mut self, ask: Ask, run: RunId) {
        if !self.runs.open.contains_key(&run) {
            return self.refuse(ask, Refusal::RunUnknown { run });
        }
        let summary = Box::new(self.full_summary(run));
        self.answer(ask, Answer::Run(summary));
    }

    pub(crate) fn on_get_spec(&mut self, ask: Ask, run: RunId) {
        let Some(found) = self.runs.open.get(&run) else { return self.refuse(ask, Refusal::RunUnknown { run }) };
        let spec = Box::new(found.row.spec.clone());
        self.answer(ask, Answer::Spec(spec));
    }

    pub(crate) fn on_watch_run(&mut self, ask: Ask, run: RunId) {
        if !self.runs.open.contains_key(&run) {
            return self.refuse(ask, Refusal::RunUnknown { run });
        }
        let summary = Box::new(self.full_summary(run));
        self.answer(ask, Answer::Watching(summary));
    }

    pub(crate) fn on_list_runs(&mut self, ask: Ask) {
        let runs = self.runs.open.keys().rev().map(|run| self.run_summary(*run)).collect();
        self.answer(ask, Answer::Runs(runs));
    }

    pub(crate) fn on_list_run_tests(&mut self, ask: Ask, run: RunId, from: (u32, u32), limit: usize) {
        if !self.runs.open.contains_key(&run) {
            return self.refuse(ask, Refusal::RunUnknown { run });
        }
        let answer = self.tests_from(run, from, limit.max(1));
        self.answer(ask, answer);
    }

    fn tests_from(&self, run: RunId, from: (u32, u32), limit: usize) -> Answer {
        let mut tests: Vec<TestReport> = Vec::new();
        let first = JobId { run, job: JobIndex(from.0) };
        for (job, found) in self.jobs_of(run).skip_while(|(job, _)| *job < first) {
            let Some(suite) = found.sealed_suite() else { continue };
            let begin = if job == first { from.1 as usize } else { 0 };
            for index in begin..suite.tests.len() {
                if tests.len() == limit {
                    let index = u32::try_from(index).unwrap_or(u32::MAX);
                    return Answer::Tests { tests, next: Some((job.job.0, index)) };
                }
                let mut test = test_report(job, suite, index);
                if !found.has_ended() {
                    test.waits_for = self.test_waits_for(job, suite, test.test);
                }
                tests.push(test);
            }
        }
        Answer::Tests { tests, next: None }
    }

    pub(crate) fn on_list_tests(
        &mut self,
        ask: Ask,
        project: &str,
        name: Option<&str>,
        from: (u32, u32),
        limit: usize,
    ) {
        let (tests, next) = match name {
            Some(name) => (self.memory.tests_named(project, name), None),
            None => self.memory.tests_from(project, from, limit.max(1)),
        };
        self.answer(ask, Answer::KnownTests { tests, next });
    }

    pub(crate) fn on_list_agents(&mut self, ask: Ask) {
        let agents = self.agents.table.values().map(agent_summary).collect();
        self.answer(ask, Answer::Agents(agents));
    }

    pub(crate) fn on_overview(&mut self, ask: Ask) {
        let overview = self.overview();
        self.answer(ask, Answer::Overview(overview));
    }
}
