//! A job ends.

use muster_common::control::{CancelReason, ToAgent};
use muster_common::error_code::Reason;
use muster_common::id::{JobId, Token};
use muster_common::outcome::Outcome;

use crate::deadlines::Deadline;
use crate::policy::verdict;
use crate::scheduler::Scheduler;
use crate::summary::counts_of;
use crate::{End, LeasePart};

impl Scheduler {
    /// Ends a job. What still runs of it is told to end, and is not waited for.
    pub(crate) fn end_job(&mut self, job: JobId, outcome: Outcome, reason: Option<Reason>) {
        if self.job(job).has_ended() {
            return;
        }
        self.queue.leave(job);
        self.queue.early.remove(&job);
        for deadline in [Deadline::Queue, Deadline::Timeout, Deadline::Stop, Deadline::Retry, Deadline::Overdue] {
            self.deadlines.clear(&deadline(job));
        }
        for token in self.job(job).leases.clone() {
            self.let_go(job, token);
        }
        if self.job(job).suite.is_some() && self.job(job).row.sealed.is_none() {
            self.forget_names(job);
        }
        let at = self.now.wall;
        let found = self.job_mut(job);
        found.stop = None;
        found.row.end = Some(End { outcome, reason, at });
        let dependents = found.dependents.clone();
        self.touch_job(job);
        for dependent in dependents {
            let dependent = JobId { run: job.run, job: dependent };
            let found = self.job_mut(dependent);
            found.needs_open -= 1;
            if found.needs_open == 0 {
                self.pending.begins.insert(dependent);
            }
        }
        let run = self.runs.open.get_mut(&job.run).expect("a job's run is open");
        run.jobs_open -= 1;
        if run.jobs_open == 0 {
            self.end_run(job.run);
        }
    }

    /// Ends a test job whose tests all have a verdict.
    pub(crate) fn end_suite(&mut self, job: JobId) {
        let suite = self.suite(job);
        let first_bad: Vec<&str> = suite.bad.iter().take(BAD_TESTS_NAMED).map(|test| suite.name(*test)).collect();
        let (outcome, reason) = verdict::of_test_job(counts_of(self.job(job)), &first_bad);
        let (outcome, reason) = verdict::with_missing((outcome, reason), &self.selected_and_missing(job));
        self.job_mut(job).row.alarms = self.shifts(job);
        self.end_job(job, outcome, reason);
        self.begin_lesson(job);
    }

    /// Ends a job that is being stopped once nothing of it is live. Returns whether it is being stopped.
    pub(crate) fn end_if_stopped(&mut self, job: JobId) -> bool {
        let found = self.job(job);
        let Some(stop) = found.stop.clone() else { return false };
        if found.live.is_empty() {
            self.end_job(job, stop.outcome, Some(stop.reason));
        }
        true
    }

    /// Fences a lease of a job that ends. Where it is live its agent is told, and keeps its slot until it says that
    /// the work has ended: a shard between two batches ends by itself with an empty last batch, anything else is
    /// cancelled.
    fn let_go(&mut self, job: JobId, token: Token) {
        let Some(lease) = self.leases.get(&token) else { return };
        let (agent, part, is_live) = (lease.row.agent.clone(), lease.row.part, lease.is_live());
        if is_live {
            let suite = self.job(job).suite.as_deref();
            let shard = suite.and_then(|suite| suite.shards.get(&token));
            let is_asking = suite.is_some_and(|suite| suite.asking.contains(&token));
            let is_between_batches =
                shard.is_some_and(|shard| shard.open == 0 && !shard.has_withdrawn && (shard.has_result || is_asking));
            let is_dismissed = shard.is_some_and(|shard| shard.open == 0 && shard.is_dismissed);
            match part {
                LeasePart::Shard(_) if is_dismissed => {}
                LeasePart::Shard(_) if is_between_batches => self.send_last_batch(&agent, token),
                LeasePart::Work | LeasePart::Discovery | LeasePart::Shard(_) => {
                    self.send_to(&agent, ToAgent::Cancel { token, reason: CancelReason::Superseded });
                }
            }
            let at = self.now.monotonic + self.config.stop_grace;
            self.deadlines.set(Deadline::Leftover(agent.clone(), token), at);
            self.remove_from_job(job, token);
            if let Some(found) = self.agents.table.get_mut(&agent) {
                found.idle.remove(&token);
                self.queue.refresh_agent(found);
            }
        }
        self.forget_lease(token);
    }

    fn remove_from_job(&mut self, job: JobId, token: Token) {
        let Some(lease) = self.leases.get(&token) else { return };
        let batches = lease.batches.clone();
        for batch in batches {
            let open: Vec<_> =
                self.batches.get(&batch).map(|batch| batch.open.iter().copied().collect()).unwrap_or_default();
            for test in open {
                self.drop_from_batch(batch, test);
            }
        }
        let found = self.job_mut(job);
        found.live.remove(&token);
        if let Some(suite) = found.suite.as_deref_mut() {
            suite.remove_shard(token);
        }
        self.pending.shards_changed.insert(job);
    }
}

/// Bad tests that are named in a job's reason.
const BAD_TESTS_NAMED: usize = 3;
