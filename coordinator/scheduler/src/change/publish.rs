//! Watchers are told what a step has changed, once for each thing however often it changed.

use muster_common::control::{ToAgent, Withdraw};

use crate::scheduler::Scheduler;
use crate::{Effect, Event};

impl Scheduler {
    /// Says what has changed. Reports of runs that ended before this life are asked for when a deadline is looked at.
    pub(crate) fn publish_changes(&mut self) {
        self.send_withdrawals();
        for job in std::mem::take(&mut self.pending.shards_changed) {
            if let Some(event) = self.shards_event(job) {
                self.publish(job.run, event);
            }
        }
        for job in std::mem::take(&mut self.pending.jobs_changed) {
            if self.jobs.contains_key(&job) {
                let summary = Box::new(self.job_summary(job));
                self.job_mut(job).told_wait.clone_from(&summary.waiting_for);
                self.publish(job.run, Event::JobChanged(summary));
            }
        }
        for run in std::mem::take(&mut self.pending.runs_changed) {
            self.publish_run(run);
        }
    }

    fn publish_run(&mut self, run: muster_common::id::RunId) {
        let Some(found) = self.runs.open.get(&run) else { return };
        if found.row.end.is_none() {
            let summary = Box::new(self.run_summary(run));
            return self.publish(run, Event::RunChanged(summary));
        }
        self.pending.retires.remove(&run);
        let report = Box::new(self.report(run));
        self.publish(run, Event::RunFinished(Box::new(report.summary.clone())));
        self.effect(Effect::Retire { report });
    }

    /// Asks for the reports of runs that had ended before this life.
    pub(crate) fn retire_restored(&mut self) {
        for run in std::mem::take(&mut self.pending.retires) {
            if self.runs.open.contains_key(&run) {
                let report = Box::new(self.report(run));
                self.effect(Effect::Retire { report });
            }
        }
    }

    fn send_withdrawals(&mut self) {
        for (batch, (agent, tests)) in std::mem::take(&mut self.pending.withdrawals) {
            self.send_to(&agent, ToAgent::Withdraw(Withdraw { batch, tests }));
        }
    }
}
