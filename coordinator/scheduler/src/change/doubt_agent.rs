//! An agent is doubted, trusted again, or given up.

use muster_common::id::{AgentName, Token};

use crate::deadlines::Deadline;
use crate::scheduler::Scheduler;
use crate::state::Liveness;
use crate::{CloseReason, Effect};

impl Scheduler {
    /// An agent has given a sign of life.
    pub(crate) fn trust_agent(&mut self, name: &AgentName) {
        let Some(agent) = self.agents.table.get_mut(name) else { return };
        agent.seen = self.now.monotonic;
        if agent.liveness == Liveness::Alive {
            return;
        }
        agent.liveness = Liveness::Alive;
        self.agents.doubtful -= 1;
        self.queue.refresh_agent(agent);
        self.fleet_changed();
        self.watch_agent(name);
        self.for_its_shards(name, |scheduler, shard| scheduler.trust_shard(shard));
    }

    /// An agent's stream has ended, it missed heartbeats, or it has not come back after a restart. Nothing is taken from it yet.
    pub(crate) fn suspect_agent(&mut self, name: &AgentName) {
        let Some(agent) = self.agents.table.get_mut(name) else { return };
        match agent.liveness {
            Liveness::Alive => self.agents.doubtful += 1,
            Liveness::Absent => {}
            Liveness::Suspect | Liveness::Lost => return,
        }
        agent.liveness = Liveness::Suspect;
        self.queue.refresh_agent(agent);
        self.fleet_changed();
        self.watch_agent(name);
        self.for_its_shards(name, |scheduler, shard| scheduler.doubt_shard(shard));
        if !self.may_copy() {
            self.note_outage();
        }
    }

    /// Many agents are silent at once: what tests say now may not be about them.
    fn note_outage(&mut self) {
        for found in self.jobs.values_mut().filter(|found| !found.live.is_empty()) {
            if let Some(suite) = found.suite.as_deref_mut() {
                suite.had_outage = true;
            }
        }
    }

    /// The agent was silent for the lease time: its repeatable work goes to others.
    pub(crate) fn lose_agent(&mut self, name: &AgentName) {
        let Some(agent) = self.agents.table.get_mut(name) else { return };
        agent.liveness = Liveness::Lost;
        let stops_by = agent.next_doubt(&self.config);
        self.end_session_of(name, CloseReason::Silent);
        for token in self.live_leases_of(name) {
            if self.spec(self.leases[&token].row.job).is_repeatable {
                self.lose_silent_lease(token, stops_by);
            }
        }
        self.forget_or_watch(name);
    }

    /// The agent is gone for good: all its leases end.
    pub(crate) fn give_up_agent(&mut self, name: &AgentName) {
        self.end_session_of(name, CloseReason::Silent);
        for token in self.live_leases_of(name) {
            self.lose_lease(token);
        }
        self.forget_agent(name);
    }

    /// Arms the deadline at which an agent's liveness is looked at again.
    pub(crate) fn watch_agent(&mut self, name: &AgentName) {
        if let Some(agent) = self.agents.table.get(name) {
            self.deadlines.set(Deadline::Agent(name.clone()), agent.next_doubt(&self.config));
        }
    }

    /// An agent's session is over.
    pub(crate) fn end_session_of(&mut self, name: &AgentName, why: CloseReason) {
        let Some(agent) = self.agents.table.get_mut(name) else { return };
        if let Some(session) = agent.session.take() {
            self.agents.sessions.remove(&session);
            self.queue.dismiss_agent(agent);
            self.fleet_changed();
            self.effect(Effect::CloseSession { session, why });
        }
    }

    /// Live leases of an agent.
    pub(crate) fn live_leases_of(&self, name: &AgentName) -> Vec<Token> {
        let held = self.agents.table.get(name).map(|agent| agent.held.keys()).into_iter().flatten();
        held.filter(|token| self.leases.get(token).is_some_and(crate::state::Lease::is_live)).copied().collect()
    }

    fn forget_or_watch(&mut self, name: &AgentName) {
        if self.live_leases_of(name).is_empty() {
            self.forget_agent(name);
        } else {
            self.watch_agent(name);
        }
    }

    /// Removes an agent that holds no live lease.
    pub(crate) fn forget_agent(&mut self, name: &AgentName) {
        let Some(agent) = self.agents.table.get(name) else { return };
        for token in agent.held.keys().copied().collect::<Vec<_>>() {
            self.free_slot(name, token);
        }
        let Some(mut agent) = self.agents.table.remove(name) else { return };
        self.queue.dismiss_agent(&mut agent);
        if agent.liveness != Liveness::Alive {
            self.agents.doubtful -= 1;
        }
        self.deadlines.clear(&Deadline::Agent(name.clone()));
    }

    fn for_its_shards(&mut self, name: &AgentName, act: impl Fn(&mut Self, Token)) {
        for token in self.live_leases_of(name) {
            act(self, token);
        }
    }

    /// Tests that a doubtful agent holds may be copied, unless they are known to run: one of those may be what
    /// brought it down.
    fn doubt_shard(&mut self, shard: Token) {
        let Some(lease) = self.leases.get(&shard) else { return };
        let job = lease.row.job;
        for batch in lease.batches.clone() {
            let Some(found) = self.batches.get(&batch) else { continue };
            let doubtful: Vec<_> =
                found.open.iter().filter(|test| !found.started.contains_key(test)).copied().collect();
            let suite = self.suite_mut(job);
            for test in doubtful {
                if suite.test(test).may_be_copied() {
                    suite.doubtful.insert(test);
                }
            }
        }
        self.pending.offers.insert(job);
    }

    fn trust_shard(&mut self, shard: Token) {
        let Some(lease) = self.leases.get(&shard) else { return };
        let job = lease.row.job;
        for batch in lease.batches.clone() {
            let Some(found) = self.batches.get(&batch) else { continue };
            let open: Vec<_> = found.open.iter().copied().collect();
            let suite = self.suite_mut(job);
            for test in open {
                suite.doubtful.remove(&test);
            }
        }
        self.pending.offers.insert(job);
    }
}
