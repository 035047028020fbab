//! An agent is to take no new lease, finish the rest, and leave: an operator says so, or the agent itself.

use muster_common::control::ToAgent;
use muster_common::id::AgentName;

use crate::scheduler::Scheduler;
use crate::{Answer, Ask, Refusal};

impl Scheduler {
    pub(crate) fn on_drain_agent(&mut self, ask: Ask, agent: &AgentName) {
        if self.agents.table.get(agent).is_none_or(|agent| agent.session.is_none()) {
            return self.refuse(ask, Refusal::AgentUnknown { agent: agent.clone() });
        }
        self.drain(agent);
        self.send_to(agent, ToAgent::Drain);
        self.answer(ask, Answer::Done);
    }

    /// Gives an agent nothing more; its shards that wait for tests, or for a list, end.
    pub(crate) fn drain(&mut self, name: &AgentName) {
        let Some(agent) = self.agents.table.get_mut(name) else { return };
        agent.is_draining = true;
        self.queue.refresh_agent(agent);
        self.fleet_changed();
        self.dismiss_waiting_shards(name);
    }

    /// Shards of an agent that wait for tests, or for a list, end.
    pub(crate) fn dismiss_waiting_shards(&mut self, name: &AgentName) {
        for shard in self.live_leases_of(name) {
            let job = self.leases[&shard].row.job;
            let found = self.job(job);
            let waits = |suite: &crate::state::Suite| {
                suite.asking.contains(&shard) || (found.row.sealed.is_none() && suite.coming.contains(&shard))
            };
            if found.suite.as_deref().is_some_and(waits) {
                self.dismiss_shard(job, shard);
                self.pending.offers.insert(job);
            }
        }
    }
}
