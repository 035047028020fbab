//! A sick agent is fenced off: it finishes what it holds and gets nothing new, until its fence is lifted.

use std::collections::BTreeSet;
use std::time::Duration;

use muster_common::id::{AgentName, JobId, RunId};
use muster_common::time::Wall;

use crate::Key;
use crate::deadlines::Deadline;
use crate::scheduler::Scheduler;
use crate::state::{Agent, Liveness};

impl Scheduler {
    /// Fences an agent off, unless so many are that the fleet would suffer more than the tests do.
    pub(crate) fn fence_agent(&mut self, name: &AgentName) {
        if !self.config.fence_sick_agents || !self.may_fence() {
            return;
        }
        let Some(number) = self.memory.health.fence_off(name, self.now.wall) else { return };
        self.touch(Key::AgentHealth(number));
        self.apply_fence(name);
        self.watch_fences();
    }

    /// An agent is trusted again, by a person or because its time is over. Returns whether it was fenced off.
    pub(crate) fn lift_fence(&mut self, name: &AgentName) -> bool {
        let newest = RunId(self.counters.next_run.max(1) - 1);
        let Some(number) = self.memory.health.trust(name, newest) else { return false };
        self.touch(Key::AgentHealth(number));
        if let Some(agent) = self.agents.table.get_mut(name) {
            agent.fence.clear();
            self.queue.refresh_agent(agent);
            self.fleet_changed();
        }
        true
    }

    /// An agent is as the memory says: fenced off, if it was.
    pub(crate) fn apply_fence(&mut self, name: &AgentName) {
        let Some(fence) = self.memory.health.fence(name) else { return };
        let reason = fence.reason.clone();
        let Some(agent) = self.agents.table.get_mut(name) else { return };
        agent.fence = reason;
        self.queue.refresh_agent(agent);
        self.fleet_changed();
        self.dismiss_waiting_shards(name);
    }

    /// Lifts the fences that have stood long enough, and those behind which work waits that nobody else can do: a sick
    /// agent is better than none.
    pub(crate) fn lift_fences(&mut self) {
        let before = self.now.wall.unix_ms.saturating_sub(millis(FENCE_TIME));
        let old = self.memory.health.fenced_before(Wall { unix_ms: before });
        for name in old.into_iter().chain(self.fenced_and_needed()) {
            self.lift_fence(&name);
        }
        self.watch_fences();
    }

    /// Fenced agents that could do work for which no other agent is there. Most jobs of a class are as good as each other
    /// here; only those that stand aside may have tried every other agent in vain.
    fn fenced_and_needed(&self) -> BTreeSet<AgentName> {
        let mut needed = BTreeSet::new();
        for class in self.queue.hungry.iter().filter_map(|id| self.queue.classes.get(id)) {
            let living = class.agents.iter().filter_map(|name| self.agents.table.get(name));
            let able = living.filter(|agent| agent.liveness == Liveness::Alive && !agent.is_draining);
            let (trusted, fenced): (Vec<&Agent>, Vec<&Agent>) = able.partition(|agent| agent.fence.is_empty());
            if fenced.is_empty() {
                continue;
            }
            let in_need = |job: &JobId| trusted.iter().all(|agent| self.job(*job).avoid.contains(&agent.name));
            let waiting: Vec<JobId> = class.aside().filter(in_need).collect();
            let has_need = |agent: &&&Agent| {
                let may_do = |job: JobId| !self.job(job).avoid.contains(&agent.name);
                waiting.iter().copied().any(may_do) || (trusted.is_empty() && class.in_line().any(may_do))
            };
            needed.extend(fenced.iter().filter(has_need).map(|agent| agent.name.clone()));
        }
        needed
    }

    /// Has fences looked at again, if there is one.
    pub(crate) fn watch_fences(&mut self) {
        if self.memory.health.fenced() > 0 {
            self.deadlines.set_if_clear(Deadline::Fences, self.now.monotonic + FENCE_LOOK);
        }
    }

    fn may_fence(&self) -> bool {
        let connected = self.agents.sessions.len();
        let fenced = self.agents.table.values().filter(|agent| !agent.fence.is_empty()).count();
        connected >= AGENTS_MIN && (fenced + 1) * FLEET_PER_FENCE <= connected.max(FLEET_PER_FENCE)
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// After these six hours an agent may prove itself again; it may have been mended.
const FENCE_TIME: Duration = Duration::from_secs(21_600);
/// Fences are looked at so often.
const FENCE_LOOK: Duration = Duration::from_secs(60);
/// In a smaller fleet nobody can tell who is sick.
const AGENTS_MIN: usize = 3;
/// At most one of so many agents is fenced off, but one at least.
const FLEET_PER_FENCE: usize = 5;

#[cfg(test)]
mod tests {
    use muster_common::id::{AgentLife, Epoch, SessionId};
    use muster_common::time::Monotonic;

    use super::*;
    use crate::Config;

    /// A fleet with so many agents, some of which are fenced off.
    fn fleet(connected: u64, fenced: u64) -> Scheduler {
        let mut scheduler = Scheduler::new(Config::default(), Epoch(1));
        for number in 0..connected {
            let name = AgentName(format!("a{number}"));
            let mut agent = Agent::absent(name.clone(), AgentLife(1), Monotonic::default(), Monotonic::default());
            if number < fenced {
                agent.fence = "sick".to_owned();
            }
            scheduler.agents.sessions.insert(SessionId(number), name.clone());
            scheduler.agents.table.insert(name, agent);
        }
        scheduler
    }

    #[test]
    fn one_of_five_agents_is_fenced_off_at_most_but_one_of_three_may_be() {
        let may_fence = |connected, fenced| fleet(connected, fenced).may_fence();
        assert!(!may_fence(2, 0) && may_fence(3, 0));
        assert!(!may_fence(3, 1) && !may_fence(9, 1) && may_fence(10, 1));
        assert!(!may_fence(14, 2) && may_fence(15, 2));
    }

    #[test]
    fn fences_are_looked_at_only_while_there_is_one() {
        let mut scheduler = fleet(3, 0);
        scheduler.watch_fences();
        assert!(!scheduler.deadlines.is_set(&Deadline::Fences));
        let (name, tally) = (AgentName("a0".to_owned()), crate::policy::diagnosis::Tally::default());
        scheduler.memory.health.observe(&name, tally, &[], Wall::default());
        scheduler.fence_agent(&name);
        assert!(scheduler.deadlines.is_set(&Deadline::Fences));
    }
}
