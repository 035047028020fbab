//! An agent's process: how it begins and ends, and what its keepers do when it cannot.

use muster_common::id::AgentLife;
use muster_session::{Config, Identity, Input, Restored, Session};

use super::attempt::Attempt;
use crate::event::Event;
use crate::history::{Observation, ProcessEnd};
use crate::plan::Departure;
use crate::trace::trace;
use crate::world::World;

impl World {
    /// Its machine starts it, unless it runs or is gone for good.
    pub(crate) fn on_agent_boot(&mut self, agent: usize) {
        if self.agents[agent].session.is_some() || self.agents[agent].has_departed {
            return;
        }
        let life = self.env.between(0, u64::MAX);
        let plan = &self.env.plan.agents[agent];
        let config = Config { seed: life ^ self.env.plan.seed, ..self.env.plan.session.clone() };
        let identity = Identity {
            agent: plan.agent.clone(),
            life: AgentLife(life),
            labels: plan.labels.clone(),
            slots: plan.slots,
            version: "0.1.0".to_owned(),
            features: Vec::new(),
        };
        let found = &mut self.agents[agent];
        let has_spool = !found.spool.messages.is_empty();
        let restored =
            Restored { store_id: found.spool.owner, messages: found.spool.messages.iter().cloned().collect() };
        found.session = Some(Session::restore(config, identity, restored));
        found.life += 1;
        found.is_frozen = false;
        found.wake_at = None;
        found.keeper_at = None;
        found.lifeline = muster_common::time::Monotonic::default();
        trace!(self.env, "agent {agent}: starts, has something in its spool: {has_spool}");
        self.env.note(Observation::AgentStarted { agent, has_spool });
        self.feed(agent, Input::Deadline);
        self.pump(agent);
    }

    /// Its process is killed. Its keepers end everything that it ran at once. With its machine goes its word to the
    /// others that it is gone.
    pub(crate) fn kill_agent(&mut self, agent: usize, is_machine_lost: bool, loses_spool: bool) {
        if self.agents[agent].session.is_none() {
            return;
        }
        trace!(self.env, "agent {agent}: is killed, machine lost {is_machine_lost}, spool lost {loses_spool}");
        self.env.trace.mix(&[0xa9e47, agent as u64]);
        let attempts: Vec<Attempt> = std::mem::take(&mut self.agents[agent].attempts).into_values().collect();
        for attempt in attempts {
            if let Some(process) = attempt.process {
                self.env.note(Observation::ProcessEnded { process, end: ProcessEnd::Died });
            }
        }
        if let Some(id) = self.agents[agent].stream.take() {
            self.drop_stream(id, !is_machine_lost);
        }
        let found = &mut self.agents[agent];
        found.session = None;
        found.is_frozen = false;
        found.news.clear();
        found.work.clear();
        found.deferred.clear();
        if loses_spool {
            found.spool.messages.clear();
            found.spool.owner = None;
        }
        self.env.note(Observation::AgentKilled { agent });
    }

    /// It is killed, and started again after a while.
    pub(crate) fn crash_agent(&mut self, agent: usize) {
        self.kill_agent(agent, false, false);
        let pause = self.env.between(50_000, 8_000_000);
        self.env.after(pause, Event::AgentBoot(agent));
    }

    /// As planned.
    pub(crate) fn on_agent_departs(&mut self, agent: usize) {
        let Some((_, departure)) = self.env.plan.agents[agent].leaves else { return };
        let found = &mut self.agents[agent];
        let is_first = !std::mem::replace(&mut found.has_departed, true);
        match departure {
            Departure::Vanishes => self.kill_agent(agent, true, true),
            Departure::Drains if is_first && self.options.drains_between_leases && !found.attempts.is_empty() => {
                found.drains_at_next_end = true;
            }
            Departure::Drains => {
                self.thaw_agent(agent);
                self.feed(agent, Input::Drain);
                self.pump(agent);
            }
        }
    }

    /// Its process stands still; what it runs goes on.
    pub(crate) fn freeze_agent(&mut self, agent: usize) {
        if self.agents[agent].session.is_some() && !self.agents[agent].is_frozen {
            trace!(self.env, "agent {agent}: stands still");
            self.agents[agent].is_frozen = true;
        }
    }

    /// It goes on.
    pub(crate) fn thaw_agent(&mut self, agent: usize) {
        if !self.agents[agent].is_frozen {
            return;
        }
        trace!(self.env, "agent {agent}: goes on");
        self.agents[agent].is_frozen = false;
        let life = self.agents[agent].life;
        for (token, serial) in std::mem::take(&mut self.agents[agent].deferred) {
            self.env.after(0, Event::Attempt { agent, life, token, serial });
        }
        // Its tasks go on in any order: what runs may come first.
        if self.env.happens(500) {
            self.pump(agent);
        } else {
            self.agents[agent].wake_at = Some(self.env.now);
            self.env.after(0, Event::AgentWake(agent));
        }
    }

    /// Has the keepers of an agent look at their lifeline when it ends.
    pub(super) fn arm_keeper(&mut self, agent: usize) {
        let found = &mut self.agents[agent];
        let at = found.clock.when(found.lifeline, self.env.now);
        if found.keeper_at.is_none_or(|armed| at < armed) {
            found.keeper_at = Some(at);
            let life = found.life;
            self.env.queue.push(at, Event::Keeper { agent, life });
        }
    }

    pub(crate) fn on_keeper(&mut self, agent: usize, life: u64) {
        let found = &mut self.agents[agent];
        if found.life != life || found.keeper_at != Some(self.env.now) {
            return;
        }
        found.keeper_at = None;
        let kept: Vec<_> = found
            .attempts
            .iter()
            .filter(|(_, attempt)| attempt.process.is_some_and(|process| !process.is_repeatable))
            .map(|(token, _)| *token)
            .collect();
        if kept.is_empty() {
            return;
        }
        if found.clock.read(self.env.now).monotonic < found.lifeline {
            return self.arm_keeper(agent);
        }
        for token in kept {
            self.fence_attempt(agent, token);
        }
        self.pump(agent);
    }
}
