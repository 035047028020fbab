//! A part of a discovery. Stored as it comes, because it is acknowledged; a discovery that does not end well is removed.

use muster_common::control::Discovered;
use muster_common::error_code::{Reason, ReasonCode};
use muster_common::id::{AgentName, JobId, Token};
use muster_common::limits::{TEST_NAME_BYTES_MAX, TESTS_PER_JOB_MAX};
use muster_common::outcome::Outcome;

use crate::scheduler::Scheduler;
use crate::{Key, LeasePart};

impl Scheduler {
    pub(crate) fn on_discovered(&mut self, agent: &AgentName, discovered: Discovered) {
        let Some(job) = self.discovery_of(agent, discovered.token) else { return };
        let known = self.suite(job).names.len();
        let first = discovered.first.0 as usize;
        let end = first + discovered.tests.len();
        if end <= known && self.suite(job).names[first..end] == discovered.tests[..] {
            return;
        }
        if let Err(reason) = check(&discovered, known) {
            return self.end_job(job, Outcome::Errored, Some(reason));
        }
        let suite = self.suite_mut(job);
        suite.name_rows.insert(discovered.first);
        suite.names.extend(discovered.tests);
        self.touch(Key::TestNames(job, discovered.first));
        self.queue.early.insert(job);
        self.pending.jobs_changed.insert(job);
    }

    /// The job of a live lease of a discovery that this agent holds.
    fn discovery_of(&self, agent: &AgentName, token: Token) -> Option<JobId> {
        let lease = self.leases.get(&token)?;
        let is_meant = lease.is_live() && lease.row.agent == *agent && lease.row.part == LeasePart::Discovery;
        is_meant.then_some(lease.row.job)
    }
}

fn check(discovered: &Discovered, known: usize) -> Result<(), Reason> {
    let first = discovered.first.0 as usize;
    if first != known {
        let message = format!("a part of the list of tests begins at {first}, but {known} tests were listed before it");
        return Err(Reason::new(ReasonCode::DiscoveryUnsealed, message));
    }
    if known + discovered.tests.len() > TESTS_PER_JOB_MAX {
        let message = format!("discovery lists more than {TESTS_PER_JOB_MAX} tests, which is the limit of one job");
        return Err(Reason::new(ReasonCode::LimitExceeded, message));
    }
    match discovered.tests.iter().find(|name| name.len() > TEST_NAME_BYTES_MAX) {
        Some(name) => {
            let message = format!(
                "discovery lists a test with a name of {} bytes; the limit is {TEST_NAME_BYTES_MAX}",
                name.len()
            );
            Err(Reason::new(ReasonCode::LimitExceeded, message))
        }
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use muster_common::id::{Epoch, TestIndex};

    use super::*;

    fn found(first: u32, tests: Vec<String>, known: usize) -> Option<ReasonCode> {
        let token = Token { epoch: Epoch(1), counter: 1 };
        check(&Discovered { token, first: TestIndex(first), tests }, known).err().map(|reason| reason.code)
    }

    #[test]
    fn a_part_follows_on_what_is_known_and_both_have_bounds() {
        let name = |bytes| vec!["x".repeat(bytes)];
        let most = u32::try_from(TESTS_PER_JOB_MAX).expect("it is a number of tests");
        assert_eq!(found(4, name(1), 4), None);
        assert_eq!(found(4, name(1), 5), Some(ReasonCode::DiscoveryUnsealed));
        assert_eq!(found(most - 1, name(1), TESTS_PER_JOB_MAX - 1), None);
        assert_eq!(found(most, name(1), TESTS_PER_JOB_MAX), Some(ReasonCode::LimitExceeded));
        assert_eq!(found(0, name(TEST_NAME_BYTES_MAX), 0), None);
        assert_eq!(found(0, name(TEST_NAME_BYTES_MAX + 1), 0), Some(ReasonCode::LimitExceeded));
    }
}
