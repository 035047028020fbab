//! An agent's stream has ended.

use muster_common::id::SessionId;

use crate::scheduler::Scheduler;

impl Scheduler {
    /// The agent is suspect at once; its leases have the lease time to be claimed again.
    pub(crate) fn on_close_session(&mut self, session: SessionId) {
        let Some(name) = self.agents.sessions.remove(&session) else { return };
        let Some(agent) = self.agents.table.get_mut(&name) else { return };
        agent.session = None;
        self.queue.dismiss_agent(agent);
        self.suspect_agent(&name);
    }
}
