//! The shell stood still: nobody could be heard meanwhile, so nobody is to be blamed for silence.

use std::time::Duration;

use muster_common::id::AgentName;

use crate::scheduler::Scheduler;

impl Scheduler {
    /// Nobody is taken to have been heard later than now: where a commit was slow and inputs were stepped meanwhile, an
    /// agent's silence is counted from what was heard of it last.
    pub(crate) fn on_stalled(&mut self, span: Duration) {
        let now = self.now.monotonic;
        for agent in self.agents.table.values_mut() {
            agent.seen = (agent.seen + span).min(now);
            agent.grace_until = agent.grace_until + span;
        }
        for name in self.agents.table.keys().cloned().collect::<Vec<AgentName>>() {
            self.watch_agent(&name);
        }
    }
}
