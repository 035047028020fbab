//! The first process of an attempt runs.

use muster_common::id::{AgentName, Token};

use crate::Key;
use crate::scheduler::Scheduler;

impl Scheduler {
    pub(crate) fn on_started(&mut self, agent: &AgentName, token: Token) {
        let Some(lease) = self.leases.get_mut(&token).filter(|lease| lease.row.agent == *agent) else { return };
        if lease.is_live() && !lease.row.is_started {
            lease.row.is_started = true;
            self.touch(Key::Lease(token));
        }
    }
}
