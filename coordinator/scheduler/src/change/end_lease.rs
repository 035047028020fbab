//! A lease ends: its agent has said so, or was lost.

use std::sync::Arc;

use muster_common::error_code::{Reason, ReasonCode};
use muster_common::id::{AgentName, JobId, Token};
use muster_common::limits::LOST_ATTEMPTS_MAX;
use muster_common::outcome::Outcome;

use super::decide_test::Harm;
use crate::deadlines::Deadline;
use crate::scheduler::Scheduler;
use crate::{Key, LeasePart, LeaseRow};

impl Scheduler {
    /// A slot of an agent is free again.
    pub(crate) fn free_slot(&mut self, agent: &AgentName, token: Token) {
        self.queue.releasing.remove(&token);
        self.queue.early_held.remove(&token);
        self.deadlines.clear(&Deadline::Leftover(agent.clone(), token));
        let Some(found) = self.agents.table.get_mut(agent) else { return };
        found.idle.remove(&token);
        let project: Option<Arc<str>> = found.held.remove(&token);
        if let Some(project) = project {
            self.queue.credit(&project);
        }
        self.queue.refresh_agent(found);
    }

    /// Takes a live lease that has ended out of the tables, with its row. Its batches stay.
    pub(crate) fn remove_lease(&mut self, token: Token) -> Option<LeaseRow> {
        let row = self.fence_lease(token)?;
        self.forget_lease(token);
        Some(row)
    }

    /// Ends the right that a live lease gives; its row stays, for late words about it.
    fn fence_lease(&mut self, token: Token) -> Option<LeaseRow> {
        let lease = self.leases.get_mut(&token).filter(|lease| lease.is_live())?;
        lease.row.is_over = true;
        let row = lease.row.clone();
        self.touch(Key::Lease(token));
        self.free_slot(&row.agent, token);
        let job = self.job_mut(row.job);
        job.live.remove(&token);
        if let Some(suite) = job.suite.as_deref_mut()
            && suite.remove_shard(token).is_some()
        {
            self.pending.shards_changed.insert(row.job);
            self.pending.offers.insert(row.job);
            if self.is_early(&row) {
                self.queue.early.insert(row.job);
            }
        }
        self.pending.jobs_changed.insert(row.job);
        Some(row)
    }

    /// Removes the row of a lease that is over, with its batches: nothing more will come of it.
    pub(crate) fn forget_lease(&mut self, token: Token) {
        self.free_places(token);
        let Some(lease) = self.leases.get(&token) else { return };
        for batch in lease.batches.clone() {
            self.remove_batch(batch);
        }
        if let Some(lease) = self.leases.remove(&token)
            && let Some(job) = self.jobs.get_mut(&lease.row.job)
        {
            job.leases.remove(&token);
        }
        self.touch(Key::Lease(token));
    }

    /// The agent of a live lease was lost: its work waits again, at the head.
    pub(crate) fn lose_lease(&mut self, token: Token) {
        let Some(lease) = self.leases.get(&token).filter(|lease| lease.is_live()) else { return };
        let harm = if lease.row.is_started { Harm::Possible } else { Harm::None };
        for batch in lease.batches.clone() {
            self.give_back(batch, harm);
        }
        let Some(row) = self.fence_lease(token) else { return };
        if self.is_early(&row) {
            self.note_early_failure(&row);
            self.end_if_stopped(row.job);
            return;
        }
        self.job_mut(row.job).row.lost += 1;
        self.touch_job(row.job);
        if self.end_if_stopped(row.job) {
            return;
        }
        match row.part {
            LeasePart::Work => self.lose_work(&row),
            LeasePart::Discovery => {
                self.forget_names(row.job);
                self.lose_work(&row);
            }
            LeasePart::Shard(_) => {}
        }
    }

    /// Work whose attempt was lost waits again, at the head, unless it was lost too often or is not safe to repeat.
    pub(crate) fn lose_work(&mut self, row: &LeaseRow) {
        let spec = self.spec(row.job);
        let lost = self.job(row.job).row.lost;
        if !spec.is_repeatable {
            let message = format!(
                "agent `{}` was lost while it held the job, which is not safe to repeat: nobody knows how it ended",
                row.agent
            );
            let reason = Reason::new(ReasonCode::OutcomeUnknown, message);
            self.end_job(row.job, Outcome::Errored, Some(reason));
        } else if lost >= LOST_ATTEMPTS_MAX {
            let message = format!("its agents were lost {lost} times, the last was `{}`", row.agent);
            self.end_job(row.job, Outcome::Errored, Some(Reason::new(ReasonCode::AgentsLost, message)));
        } else {
            self.requeue(row.job);
        }
    }

    /// A discovery that did not end well leaves nothing behind.
    pub(crate) fn forget_names(&mut self, job: JobId) {
        let suite = self.suite_mut(job);
        suite.names = Vec::new();
        for first in std::mem::take(&mut suite.name_rows) {
            self.touch(Key::TestNames(job, first));
        }
        self.pending.jobs_changed.insert(job);
    }
}
