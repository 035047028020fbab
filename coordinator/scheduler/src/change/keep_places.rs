//! Tests of groups that may still run although their lease is over.
//!
//! A lease of repeatable work ends when its agent was silent for the short lease time, and the agent, if it is only cut
//! off, runs on. Shards of a job with groups are therefore leased as work that is not safe to repeat: their agent ends
//! them by itself before the long lease time is over. Until then, or until something says that they have ended, what
//! they held keeps its places: a place is never given away while its test may run.

use std::collections::BTreeSet;

use muster_common::id::{AgentLife, AgentName, Token};
use muster_common::time::Monotonic;

use crate::Key;
use crate::deadlines::Deadline;
use crate::scheduler::Scheduler;
use crate::state::GroupSet;

impl Scheduler {
    /// The lease of an agent that is silent has expired; by `until` what it ran has ended.
    pub(crate) fn lose_silent_lease(&mut self, token: Token, until: Monotonic) {
        let groups = self.groups_held(token);
        self.lose_lease(token);
        let Some(lease) = self.leases.get_mut(&token).filter(|_| !groups.is_empty()) else { return };
        lease.row.places = groups;
        self.touch(Key::Lease(token));
        self.keep_places(token, until);
    }

    /// Holds the places of a lease that is over, as its row says.
    pub(crate) fn keep_places(&mut self, token: Token, until: Monotonic) {
        let row = &self.leases[&token].row;
        let (job, groups, agent) = (row.job, row.places, row.agent.clone());
        self.suite_mut(job).places.take(groups, token);
        self.agents.silent.entry(agent).or_default().insert(token);
        self.deadlines.set(Deadline::Places(token), until);
    }

    /// What a lease ran that is over has ended: its places are free.
    pub(crate) fn free_places(&mut self, token: Token) {
        let Some(lease) = self.leases.get_mut(&token).filter(|lease| !lease.row.places.is_empty()) else { return };
        let groups = std::mem::take(&mut lease.row.places);
        let (job, agent) = (lease.row.job, lease.row.agent.clone());
        self.touch(Key::Lease(token));
        self.deadlines.clear(&Deadline::Places(token));
        self.suite_mut(job).places.give_back(groups, token);
        if let Some(tokens) = self.agents.silent.get_mut(&agent) {
            tokens.remove(&token);
            if tokens.is_empty() {
                self.agents.silent.remove(&agent);
            }
        }
        self.pending.offers.insert(job);
        self.pending.jobs_changed.insert(job);
    }

    /// An agent that was silent names what it still runs.
    pub(crate) fn free_places_of(&mut self, agent: &AgentName, alive: &[Token]) {
        let Some(silent) = self.agents.silent.get(agent).cloned() else { return };
        let alive: BTreeSet<Token> = alive.iter().copied().collect();
        for token in silent.difference(&alive) {
            self.free_places(*token);
        }
    }

    /// What an earlier life of an agent ran has ended with it.
    pub(crate) fn free_places_of_earlier(&mut self, agent: &AgentName, life: AgentLife) {
        let silent = self.agents.silent.get(agent).cloned().unwrap_or_default();
        for token in silent {
            if self.leases[&token].row.life != life {
                self.free_places(token);
            }
        }
    }

    /// The groups of the tests that a shard holds.
    fn groups_held(&self, shard: Token) -> GroupSet {
        let Some(lease) = self.leases.get(&shard) else { return GroupSet::NONE };
        let Some(suite) = self.jobs.get(&lease.row.job).and_then(|job| job.suite.as_deref()) else {
            return GroupSet::NONE;
        };
        let open = lease.batches.iter().filter_map(|batch| self.batches.get(batch)).flat_map(|batch| &batch.open);
        open.fold(GroupSet::NONE, |groups, test| groups.with(suite.test(*test).groups))
    }
}
