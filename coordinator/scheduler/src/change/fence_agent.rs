//! A sick agent is fenced off: it finishes what it holds and gets nothing new, until its fence is lifted.

use std::collections::BTreeSet;
use std::time::Duration;

use muster_common::id::{AgentName, RunId};
use muster_common::time::Wall;

use crate::Key;
use crate::deadlines::Deadline;
use crate::scheduler::Scheduler;
use crate::state::Liveness;

impl Scheduler {
    /// Fences an agent off, unless so many are that the fleet would suffer more than the tests do.
    pub(crate) fn fence_agent(&mut self, name: &AgentName) {
        if !self.config.fence_sick_agents || !self.may_fence() {
            return;
        }
        let Some((number, _)) = self.memory.health.fence_off(name, self.now.wall) else { return };
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
        self.dismiss_asking_shards(name);
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

    /// Fenced agents that could do work for which no other agent is there.
    fn fenced_and_needed(&self) -> BTreeSet<AgentName> {
        let mut needed = BTreeSet::new();
        for (job, place) in &self.queue.places {
            let Some(class) = self.queue.classes.get(&place.class) else { continue };
            let avoided = &self.job(*job).avoid;
            let able = || {
                let able = class.agents.iter().filter(|name| !avoided.contains(*name));
                able.filter_map(|name| self.agents.table.get(name))
                    .filter(|agent| agent.liveness == Liveness::Alive && !agent.is_draining)
            };
            if able().all(|agent| !agent.fence.is_empty()) {
                needed.extend(able().map(|agent| agent.name.clone()));
            }
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

/// After this time an agent may prove itself again; it may have been mended.
const FENCE_TIME: Duration = Duration::from_secs(6 * 3_600);
/// Fences are looked at so often.
const FENCE_LOOK: Duration = Duration::from_secs(60);
/// In a smaller fleet nobody can tell who is sick.
const AGENTS_MIN: usize = 3;
/// At most one of so many agents is fenced off, but one at least.
const FLEET_PER_FENCE: usize = 5;
