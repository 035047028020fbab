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
        let is_its_own = |lease: &crate::state::Lease| lease.row.agent == *agent && lease.is_live();
        if !self.leases.get(&token).is_some_and(is_its_own) {
            return;
        }
        let is_draining = self.agents.table.get(agent).is_some_and(|agent| agent.is_draining);
        let vetoed = if is_draining { None } else { Some(reason) };
        self.return_lease(token, vetoed);
    }

    /// A lease ends before its work has begun: it goes to another agent, for good if this one has said why not.
    pub(crate) fn return_lease(&mut self, token: Token, vetoed: Option<Reason>) {
        let Some(lease) = self.leases.get(&token) else { return };
        for batch in lease.batches.clone() {
            self.give_back(batch, Harm::None);
        }
        let Some(row) = self.remove_lease(token) else { return };
        let job = row.job;
        if self.end_if_stopped(job) {
            return;
        }
        if self.is_early(&row) {
            if vetoed.is_some() {
                self.note_early_failure(&row);
            }
            return;
        }
        if let Some(reason) = vetoed {
            self.job_mut(job).avoid.insert(row.agent);
            if !self.has_other_agent(job) {
                return self.end_job(job, Outcome::Errored, Some(reason));
            }
        }
        match row.part {
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
