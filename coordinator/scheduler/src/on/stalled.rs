//! The shell stood still: nobody could be heard meanwhile, so nobody is to be blamed for silence.

use std::time::Duration;

use crate::scheduler::Scheduler;

impl Scheduler {
    pub(crate) fn on_stalled(&mut self, span: Duration) {
        for agent in self.agents.table.values_mut() {
            agent.seen = agent.seen + span;
            agent.grace_until = agent.grace_until + span;
        }
        self.deadlines.postpone_agents(span);
    }
}
