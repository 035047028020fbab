//! Moments at which the scheduler wants to be woken. Held in memory only; armed again when rows are restored.

use std::collections::{BTreeMap, BTreeSet};

use muster_common::id::{AgentName, JobId, Token};
use muster_common::time::Monotonic;

/// What is to be looked at.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Deadline {
    /// An agent may be suspect or lost.
    Agent(AgentName),
    /// A job has waited long enough for an agent.
    Queue(JobId),
    /// A job has run long enough.
    Timeout(JobId),
    /// A job that is being stopped ends without the word of its attempts.
    Stop(JobId),
    /// A job's failed tests have waited long enough for another agent.
    Retry(JobId),
    /// A test of a job may take far longer than it ever did.
    Overdue(JobId),
    /// A shard whose job has ended should have ended too.
    Leftover(AgentName, Token),
    /// What a lease ran that is over has ended by now.
    Places(Token),
    /// There is more to be learned from test jobs that have ended.
    Memory,
    /// An agent may have been fenced off long enough.
    Fences,
    /// Watchers of jobs in line are told why they wait.
    Reasons,
}

/// All of them, by time and by what they are for; one moment each.
#[derive(Clone, Debug, Default)]
pub(crate) struct Deadlines {
    by_time: BTreeSet<(Monotonic, Deadline)>,
    moments: BTreeMap<Deadline, Monotonic>,
}

impl Deadlines {
    /// Arms a deadline, in place of an earlier moment of the same.
    pub(crate) fn set(&mut self, deadline: Deadline, at: Monotonic) {
        self.clear(&deadline);
        self.moments.insert(deadline.clone(), at);
        self.by_time.insert((at, deadline));
    }

    /// Arms a deadline unless it is armed.
    pub(crate) fn set_if_clear(&mut self, deadline: Deadline, at: Monotonic) {
        if !self.is_set(&deadline) {
            self.set(deadline, at);
        }
    }

    pub(crate) fn clear(&mut self, deadline: &Deadline) {
        if let Some(at) = self.moments.remove(deadline) {
            self.by_time.remove(&(at, deadline.clone()));
        }
    }

    pub(crate) fn is_set(&self, deadline: &Deadline) -> bool {
        self.moments.contains_key(deadline)
    }

    /// The moment for which a deadline is armed.
    pub(crate) fn moment(&self, deadline: &Deadline) -> Option<Monotonic> {
        self.moments.get(deadline).copied()
    }

    pub(crate) fn next(&self) -> Option<Monotonic> {
        self.by_time.first().map(|(at, _)| *at)
    }

    /// Takes the earliest deadline that is due.
    pub(crate) fn pop_due(&mut self, now: Monotonic) -> Option<Deadline> {
        let (at, deadline) = self.by_time.first()?.clone();
        if at > now {
            return None;
        }
        self.clear(&deadline);
        Some(deadline)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_earliest_is_taken_first_and_a_new_moment_replaces_the_old() {
        let mut deadlines = Deadlines::default();
        let agent = |name: &str| Deadline::Agent(AgentName(name.to_owned()));
        deadlines.set(agent("a"), Monotonic::from_millis(30));
        deadlines.set(agent("b"), Monotonic::from_millis(20));
        deadlines.set(agent("a"), Monotonic::from_millis(10));
        assert_eq!(deadlines.next(), Some(Monotonic::from_millis(10)));
        assert_eq!(deadlines.pop_due(Monotonic::from_millis(15)), Some(agent("a")));
        assert_eq!(deadlines.pop_due(Monotonic::from_millis(15)), None);
        assert_eq!(deadlines.pop_due(Monotonic::from_millis(19)), None);
        assert_eq!(deadlines.pop_due(Monotonic::from_millis(20)), Some(agent("b")));
        assert_eq!(deadlines.next(), None);
    }
}
