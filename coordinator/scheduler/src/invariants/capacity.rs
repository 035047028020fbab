//! Capacity is never exceeded; a drained or doubtful agent gets nothing; what takes a slot is paid for.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Violation, ensure};
use crate::Scheduler;
use crate::state::Liveness;

const PROMISE: &str = "capacity is never exceeded";

pub(super) fn check(scheduler: &Scheduler) -> Result<(), Violation> {
    let mut paid: BTreeMap<Arc<str>, u32> = BTreeMap::new();
    let mut doubtful = 0;
    for (name, agent) in &scheduler.agents.table {
        let is_connected = agent.session.is_some();
        let leases = scheduler.live_leases_of(name).len();
        ensure(!is_connected || leases <= agent.slots as usize, PROMISE, || {
            format!("agent {name} has {} slots and {leases} live leases", agent.slots)
        })?;
        ensure(agent.indexed_free == agent.free(), PROMISE, || {
            format!("agent {name} has {} free slots, the queue counts {}", agent.free(), agent.indexed_free)
        })?;
        ensure(
            agent.session.is_none_or(|session| scheduler.agents.sessions.get(&session) == Some(name)),
            "a session has one agent",
            || format!("session of {name}"),
        )?;
        for project in agent.held.values() {
            *paid.entry(project.clone()).or_default() += 1;
        }
        if agent.liveness != Liveness::Alive {
            doubtful += 1;
        }
    }
    ensure(doubtful == scheduler.agents.doubtful, "doubtful agents are counted", || {
        format!("{doubtful} are, {} were counted", scheduler.agents.doubtful)
    })?;
    ensure(paid == scheduler.queue.slots_by_project(), "every project pays for its slots", || {
        format!("{paid:?} is held, {:?} is counted", scheduler.queue.slots_by_project())
    })
}
