//! An agent will not do the work of a lease.

use muster_common::error_code::Reason;
use muster_common::id::{AgentName, Token};
use muster_common::outcome::Outcome;

use crate::LeasePart;
use crate::change::Harm;
use crate::scheduler::Scheduler;

impl Scheduler {
    /// The work goes to another agent. Where every agent that could do it has refused, the job is errored.
    pub(crate) fn on_refused(&mut self, agent: &AgentName, token: Token, reason: Reason) {
        self.free_slot_of_ended(agent, token);
        let is_its_own = |lease: &&crate::state::Lease| lease.row.agent == *agent && lease.is_live();
        let Some(lease) = self.leases.get(&token).filter(is_its_own) else { return };
        let (job, part) = (lease.row.job, lease.row.part);
        for batch in lease.batches.clone() {
            self.give_back(batch, Harm::None);
        }
        self.remove_lease(token);
        if self.end_if_stopped(job) {
            return;
        }
        let is_draining = self.agents.table.get(agent).is_some_and(|agent| agent.is_draining);
        if !is_draining {
            self.job_mut(job).avoid.insert(agent.clone());
            if !self.has_other_agent(job) {
                return self.end_job(job, Outcome::Errored, Some(reason));
            }
        }
        match part {
            LeasePart::Work | LeasePart::Discovery => self.requeue(job),
            LeasePart::Shard(_) => {
                self.pending.offers.insert(job);
            }
        }
    }

    /// Whether a connected agent could do a job that was not tried in vain.
    pub(crate) fn has_other_agent(&self, job: muster_common::id::JobId) -> bool {
        let avoid = &self.job(job).avoid;
        let class = self.queue.known_class(&self.spec(job).requirements);
        class.is_some_and(|class| class.agents.iter().any(|agent| !avoid.contains(agent)))
    }

    /// Frees the slot of a lease that is live no more.
    pub(crate) fn free_slot_of_ended(&mut self, agent: &AgentName, token: Token) {
        if !self.leases.get(&token).is_some_and(crate::state::Lease::is_live) {
            self.free_slot(agent, token);
        }
    }
}
