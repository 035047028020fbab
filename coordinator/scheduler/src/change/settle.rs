//! What follows from a change: jobs begin, tests are dealt, free slots are given out, until nothing more follows.

use muster_common::id::{AgentName, JobId, Token};

use crate::scheduler::Scheduler;
use crate::state::ClassId;

impl Scheduler {
    /// Carries a change to its end. What it costs goes with what has changed, not with the fleet or the line.
    pub(crate) fn settle(&mut self) {
        let mut choosy = self.settle_once();
        // A retry that was kept for an agent whose slot went to another job is dealt where it can be.
        if choosy.pop_first().is_some_and(|first| {
            self.pending.offers.append(&mut choosy);
            self.pending.offers.insert(first)
        }) {
            self.settle_once();
        }
        self.release_idle_shards();
        self.open_early_shards();
    }

    /// Returns the jobs that kept tests from shards that wait for some.
    fn settle_once(&mut self) -> std::collections::BTreeSet<JobId> {
        let mut choosy = std::collections::BTreeSet::new();
        loop {
            if let Some(job) = self.pending.begins.pop_first() {
                self.begin_job(job);
            } else if let Some(job) = self.pending.offers.pop_first() {
                if self.offer(job) {
                    choosy.insert(job);
                } else {
                    choosy.remove(&job);
                }
            } else if !self.place_next() {
                return choosy;
            }
        }
    }

    /// Ends shards that wait for tests where other jobs wait for their slots.
    fn release_idle_shards(&mut self) {
        let hungry: Vec<ClassId> = self.queue.hungry.iter().copied().collect();
        for class in hungry {
            let mut missing = self.slots_missing(class);
            while missing > 0 {
                let Some((job, shard)) = self.idle_shard_for(class) else { break };
                self.dismiss_shard(job, shard);
                missing -= 1;
            }
        }
    }

    /// Slots that jobs of a class wait for, where a shard may be ended for them and is not yet.
    pub(crate) fn slots_missing(&self, class: ClassId) -> usize {
        let Some(found) = self.queue.classes.get(&class).filter(|class| !class.idle.is_empty()) else { return 0 };
        let is_of_class =
            |agent: &&AgentName| self.agents.table.get(*agent).is_some_and(|agent| agent.classes.contains(&class));
        found.wanted.saturating_sub(self.queue.releasing.values().filter(is_of_class).count())
    }

    /// A shard that waits for tests on an agent of a class, of a job that does not itself want more shards; or any that
    /// has no list yet, of which the job may wait for its discovery.
    pub(crate) fn idle_shard_for(&self, class: ClassId) -> Option<(JobId, Token)> {
        let found = self.queue.classes.get(&class)?;
        let idle = found.idle.iter().filter_map(|agent| self.agents.table.get(agent)).flat_map(|agent| &agent.idle);
        idle.filter_map(|token| self.leases.get(token).map(|lease| (lease.row.job, *token)))
            .find(|(job, _)| !self.queue.places.contains_key(job) || self.job(*job).row.sealed.is_none())
    }
}
