//! An agent answers a withdrawal.

use muster_common::control::Withdrawn;
use muster_common::id::AgentName;

use crate::scheduler::Scheduler;

impl Scheduler {
    /// Withdrawn are only tests whose try has ended elsewhere, so neither answer changes anything. A test that was
    /// given up although it is still wanted is wanted elsewhere: it goes back.
    pub(crate) fn on_withdrawn(&mut self, agent: &AgentName, withdrawn: &Withdrawn) {
        let token = withdrawn.batch;
        for test in &withdrawn.given_up {
            let Some(batch) = self.batches.get(&token) else { return };
            let is_its_own = self.leases.get(&batch.row.shard).is_some_and(|lease| lease.row.agent == *agent);
            if is_its_own && !batch.row.is_over && batch.open.contains(test) {
                self.take_back(token, *test);
            }
        }
    }
}
