//! Shards that begin before the list of their tests is sealed.
//!
//! While the discovery of a test job runs, slots that no other job waits for are leased shards of it: their agents lay the
//! workspace and run the job's setup meanwhile. They are dealt nothing before the seal, count for nothing in the verdict of
//! their job, whatever becomes of them before it, and are ended as soon as a job waits for their slots.

use std::collections::BTreeSet;

use muster_common::id::{AgentName, JobId, ShardIndex, Token};

use crate::policy::dealing;
use crate::scheduler::Scheduler;
use crate::{LeasePart, LeaseRow};

impl Scheduler {
    /// Leases shards of the suites that are being listed; those that have the fewest come first.
    pub(super) fn open_early_shards(&mut self) {
        if !self.queue.is_any_free() {
            return;
        }
        let jobs: Vec<JobId> = self.queue.early.iter().copied().collect();
        let mut line = BTreeSet::new();
        for job in jobs {
            if self.wants_early_shard(job) {
                line.insert((self.suite(job).shards.len(), job));
            } else {
                self.queue.early.remove(&job);
            }
        }
        while let Some((_, job)) = line.pop_first() {
            let Some(agent) = self.agent_for_early_shard(job) else { continue };
            let shard = ShardIndex(self.job(job).row.shards);
            self.grant(job, &agent, LeasePart::Shard(shard));
            if self.wants_early_shard(job) {
                line.insert((self.suite(job).shards.len(), job));
            } else {
                self.queue.early.remove(&job);
            }
        }
    }

    /// Whether the discovery of a job runs and another shard may begin meanwhile. Not where its agents were lost: what it
    /// does may be what brought them down.
    fn wants_early_shard(&self, job: JobId) -> bool {
        let Some(found) = self.jobs.get(&job) else { return false };
        let Some(suite) = found.suite.as_deref() else { return false };
        let is_being_listed =
            self.config.early_shards && found.row.sealed.is_none() && found.is_under_way() && found.stop.is_none();
        let is_harmless = found.row.lost == 0 && suite.early_failed.len() < EARLY_FAILURES_MAX;
        is_being_listed
            && is_harmless
            && self.spec(job).is_repeatable
            && suite.shards.len() < self.early_shards_max(job)
    }

    fn early_shards_max(&self, job: JobId) -> usize {
        let run = &self.runs.open[&job.run];
        let remembered = self.memory.find(&run.project, &run.spec(job.job).name).map_or(0, |suite| suite.len());
        let wanted = self.selection(job).map(<[String]>::len);
        dealing::early_shards(remembered, self.suite(job).names.len(), wanted, self.shards_max(job))
    }

    /// The best agent with a free slot that no job waits for.
    fn agent_for_early_shard(&self, job: JobId) -> Option<AgentName> {
        let (found, suite) = (self.job(job), self.suite(job));
        let class = self.queue.known_class(&self.spec(job).requirements).filter(|class| class.waiting == 0)?;
        let is_right = |agent: &AgentName| {
            let is_wanted = self.agents.table.get(agent).is_none_or(|agent| self.queue.is_wanted(&agent.classes));
            !is_wanted && !found.avoid.contains(agent) && !suite.early_failed.contains(agent)
        };
        class.free.iter().map(|(_, agent)| agent).find(|agent| is_right(agent)).cloned()
    }

    /// The list is sealed: shards beyond the tests that there are end, first of all those that are still to be set up.
    pub(crate) fn keep_needed_shards(&mut self, job: JobId) {
        self.queue.early.remove(&job);
        for shard in self.suite(job).shards.keys().copied().collect::<Vec<Token>>() {
            self.queue.early_held.remove(&shard);
        }
        let needed = self.dealable(job);
        let suite = self.suite_mut(job);
        suite.early_failed.clear();
        let shards: Vec<Token> = suite.idle.iter().chain(&suite.coming).copied().collect();
        for (place, shard) in shards.into_iter().enumerate() {
            if place < needed {
                self.refresh_idle(job, shard);
            } else {
                self.dismiss_shard(job, shard);
            }
        }
    }

    /// Whether a lease is of a shard that has no list yet.
    pub(crate) fn is_early(&self, row: &LeaseRow) -> bool {
        matches!(row.part, LeasePart::Shard(_)) && self.job(row.job).row.sealed.is_none()
    }

    /// A shard came to nothing before there was a list. That says nothing of its job; its agent gets no other before the
    /// seal.
    pub(crate) fn note_early_failure(&mut self, row: &LeaseRow) {
        self.suite_mut(row.job).early_failed.insert(row.agent.clone());
    }

    /// Others may have the slots of a restored job's shards as long as it has no list; and it may want more.
    pub(crate) fn restore_early_shards(&mut self, job: JobId) {
        let Some(suite) = self.job(job).suite.as_deref() else { return };
        let shards: Vec<(Token, AgentName)> =
            suite.shards.iter().map(|(token, shard)| (*token, shard.agent.clone())).collect();
        for (shard, agent) in shards {
            self.refresh_idle(job, shard);
            self.queue.early_held.insert(shard, agent);
        }
        self.queue.early.insert(job);
    }
}

/// After early shards have come to nothing on so many agents, no other begins before the seal.
const EARLY_FAILURES_MAX: usize = 3;
