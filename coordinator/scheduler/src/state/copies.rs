//! Overdue tests that run twice, and what that has cost.

use muster_common::id::AgentName;
use muster_common::time::Monotonic;

use super::suite::Suite;

/// A test that runs twice.
#[derive(Clone, Debug)]
pub(crate) struct TestCopy {
    /// When it began where it is overdue.
    pub(crate) first_since: Monotonic,
    /// When its copy was dealt, and to whom.
    pub(crate) since: Monotonic,
    pub(crate) agent: AgentName,
}

impl Suite {
    /// Of a test that has run twice, what the one took costs that was not needed.
    pub(crate) fn settle_copies(&mut self, now: Monotonic) {
        let (tests, hedged_us) = (&self.tests, &mut self.hedged_us);
        self.copies.retain(|test, copy| {
            let found = &tests[test.0 as usize];
            let runs = found.live.len() > 1;
            if !runs {
                let was_needed = found.tries.last().is_some_and(|test_try| test_try.agent == copy.agent);
                let since = if was_needed { copy.first_since } else { copy.since };
                let us = u64::try_from(now.since(since).as_micros()).unwrap_or(u64::MAX);
                *hedged_us = hedged_us.saturating_add(us);
            }
            runs
        });
    }

    /// What copies have cost, and will if those that run are needed.
    pub(crate) fn hedging_cost_us(&self) -> u64 {
        self.copies.keys().fold(self.hedged_us, |sum, test| sum.saturating_add(self.weight(*test)))
    }
}
