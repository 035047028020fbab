//! A shard asks for more tests.

use muster_common::control::WantBatch;
use muster_common::id::AgentName;

use crate::scheduler::Scheduler;

impl Scheduler {
    /// A shard whose job has ended, or whose lease is over, is told that nothing more comes.
    pub(crate) fn on_want_batch(&mut self, agent: &AgentName, want: &WantBatch) {
        let is_its_own = |lease: &&crate::state::Lease| lease.row.agent == *agent && lease.is_live();
        let Some(lease) = self.leases.get(&want.shard).filter(is_its_own) else {
            return self.send_last_batch(agent, want.shard);
        };
        let job = lease.row.job;
        let found = self.job_mut(job);
        let is_being_stopped = found.stop.is_some();
        let Some(suite) = found.suite.as_deref_mut() else { return };
        let Some(shard) = suite.shards.get(&want.shard) else { return };
        if shard.is_dismissed {
            return;
        }
        if want.start_cost_us > 0 {
            suite.start_cost_us = want.start_cost_us;
        }
        suite.set_asking(want.shard);
        if is_being_stopped || self.agents.table.get(agent).is_some_and(crate::state::Agent::takes_nothing_new) {
            return self.dismiss_shard(job, want.shard);
        }
        self.refresh_idle(job, want.shard);
        self.pending.offers.insert(job);
    }
}
