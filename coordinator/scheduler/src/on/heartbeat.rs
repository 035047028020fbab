//! Proof of life of an agent and of everything that it holds.

use std::collections::BTreeSet;

use muster_common::control::{Heartbeat, ToAgent};
use muster_common::id::{AgentName, SessionId, Token};

use crate::scheduler::Scheduler;

impl Scheduler {
    /// Work that was told to end, and that the agent no longer names as alive, has given its slot back.
    pub(crate) fn on_heartbeat(&mut self, session: SessionId, agent: &AgentName, heartbeat: &Heartbeat) {
        self.send(session, ToAgent::HeartbeatAnswer { number: heartbeat.number });
        self.free_places_of(agent, &heartbeat.alive);
        let Some(found) = self.agents.table.get(agent) else { return };
        let is_over = |token: &Token| !self.leases.get(token).is_some_and(crate::state::Lease::is_live);
        let over: Vec<Token> = found.held.keys().filter(|token| is_over(token)).copied().collect();
        if over.is_empty() {
            return;
        }
        let alive: BTreeSet<Token> = heartbeat.alive.iter().copied().collect();
        for token in over {
            if !alive.contains(&token) {
                self.free_slot(agent, token);
            }
        }
    }
}
