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

#[cfg(test)]
mod tests {
    use muster_common::id::{Epoch, TestIndex, Token};
    use muster_common::outcome::TryOutcome;
    use muster_common::time::Wall;

    use super::*;
    use crate::TryRow;
    use crate::state::Test;

    const SECOND: u64 = 1_000_000;

    fn agent(name: &str) -> AgentName {
        AgentName(name.to_owned())
    }

    fn token(counter: u64) -> Token {
        Token { epoch: Epoch(1), counter }
    }

    /// A suite of one test that began after a second and of which `copier` has run a copy since the third.
    fn copied(live: &[Token], ended_on: Option<&str>) -> Suite {
        let at = |seconds: u64| Monotonic { micros: seconds * SECOND };
        let ended = |on: &str| TryRow {
            attempt: 1,
            token: token(1),
            outcome: TryOutcome::Passed,
            duration_us: 8 * SECOND,
            message: String::new(),
            output: None,
            agent: agent(on),
            at: Wall::default(),
        };
        let test = Test { live: live.to_vec(), tries: ended_on.map(ended).into_iter().collect(), ..Test::default() };
        let mut suite = Suite { tests: vec![test], ..Suite::default() };
        suite.copies.insert(TestIndex(0), TestCopy { first_since: at(1), since: at(3), agent: agent("copier") });
        suite.settle_copies(at(10));
        suite
    }

    #[test]
    fn what_was_not_needed_is_the_cost_of_a_copy() {
        let cost = |live: &[Token], ended_on| {
            let suite = copied(live, ended_on);
            (suite.hedged_us / SECOND, suite.copies.len())
        };
        assert_eq!(cost(&[], Some("first")), (7, 0), "the copy was in vain");
        assert_eq!(cost(&[], Some("copier")), (9, 0), "the first was in vain");
        assert_eq!(cost(&[token(1)], None), (7, 0), "one of the two was lost");
        assert_eq!(cost(&[token(1), token(2)], None), (0, 1), "both still run");
    }
}
