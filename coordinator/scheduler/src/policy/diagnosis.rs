//! Whose fault it was: the test's, the agent's, the infrastructure's, or the code's.
//!
//! The sign of the first three is the same: a test fails and then passes elsewhere on the same content. What tells them
//! apart is where such *surprises* lie. Those of a flaky test follow the test over agents and runs (`flakiness.rs`).
//! Those of a sick agent stay on the agent and take any test. In an outage they are on most agents at once. Many tests that
//! fail in every try are the code or an outage, but no flakes. Tests that are known to be flaky surprise nobody, and
//! what a fenced agent says surprises nobody either.

use std::collections::BTreeMap;

use crate::RunKind;
use crate::policy::flakiness::interval;

/// Tries that ended on an agent, and surprises among them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    /// Tries that passed or failed.
    pub(crate) tries: u32,
    /// Tests that failed there and passed elsewhere.
    pub(crate) surprises: u32,
}

impl Tally {
    /// Both together.
    pub(crate) fn plus(self, other: Self) -> Self {
        Self {
            tries: self.tries.saturating_add(other.tries),
            surprises: self.surprises.saturating_add(other.surprises),
        }
    }

    /// Without a part of it.
    pub(crate) fn minus(self, part: Self) -> Self {
        Self { tries: self.tries.saturating_sub(part.tries), surprises: self.surprises.saturating_sub(part.surprises) }
    }
}

/// What one run says: of `tests` tests `failed` failed in every try and were not known to do so.
pub(crate) fn of_run(tests: u32, failed: u32, agents: &BTreeMap<u32, Tally>) -> RunKind {
    let telling = agents.values().filter(|tally| tally.tries >= TRIES_OF_AGENT_MIN);
    let hit = telling.clone().filter(|tally| tally.surprises > 0).count();
    let surprises = agents.values().fold(0u32, |sum, tally| sum.saturating_add(tally.surprises));
    if is_many(surprises, tests) && 2 * hit > telling.count() {
        RunKind::Outage
    } else if is_many(failed, tests) {
        RunKind::ManyFailed
    } else {
        RunKind::Telling
    }
}

/// Whether an agent is sick: it surprised with several different tests, and far more often than the others did.
pub(crate) fn is_sick(own: Tally, tests: usize, others: Tally) -> bool {
    if tests < TESTS_OF_SICK_MIN {
        return false;
    }
    let usual = if others.tries == 0 { 0.0 } else { f64::from(others.surprises) / f64::from(others.tries) };
    interval(own.surprises, own.tries.max(own.surprises)).low > TIMES_OTHERS * usual.max(USUAL_MIN)
}

fn is_many(count: u32, tests: u32) -> bool {
    count >= MANY_MIN && u64::from(count) * 100 > u64::from(tests) * MANY_PERCENT
}

/// An agent with fewer tries says nothing of how far an outage reaches.
const TRIES_OF_AGENT_MIN: u32 = 3;
/// So many tests at least, and so many in a hundred, are many.
const MANY_MIN: u32 = 5;
const MANY_PERCENT: u64 = 2;
/// With fewer different tests it may be the tests.
const TESTS_OF_SICK_MIN: usize = 5;
/// A sick agent surprises surely more than so many times as often as the others.
const TIMES_OTHERS: f64 = 4.0;
/// No fleet is taken to surprise less often than this.
const USUAL_MIN: f64 = 0.0005;

#[cfg(test)]
mod tests {
    use super::*;

    fn agents(surprises: &[u32]) -> BTreeMap<u32, Tally> {
        (0..).zip(surprises).map(|(agent, surprises)| (agent, Tally { tries: 40, surprises: *surprises })).collect()
    }

    #[test]
    fn tallies_are_added_and_taken_away_by_both_numbers() {
        let tally = |tries, surprises| Tally { tries, surprises };
        assert_eq!(tally(7, 2).plus(tally(5, 1)), tally(12, 3));
        assert_eq!(tally(7, 2).minus(tally(5, 1)), tally(2, 1));
        assert_eq!(tally(7, 2).minus(tally(9, 3)), tally(0, 0), "a part that was counted before it was forgotten");
    }

    #[test]
    fn surprises_everywhere_are_an_outage_and_those_on_a_few_agents_are_not() {
        assert_eq!(of_run(400, 0, &agents(&[2, 1, 3, 1, 2, 0, 1, 0, 1, 2])), RunKind::Outage);
        assert_eq!(of_run(400, 0, &agents(&[20, 8, 0, 0, 0, 0, 0, 0, 0, 0])), RunKind::Telling);
        assert_eq!(of_run(400, 0, &agents(&[1, 1, 1, 1, 0, 0, 0])), RunKind::Telling, "four are not many");
    }

    #[test]
    fn many_tests_that_fail_in_every_try_are_no_flakes() {
        assert_eq!(of_run(400, 9, &agents(&[0; 10])), RunKind::ManyFailed);
        assert_eq!(of_run(400, 8, &agents(&[0; 10])), RunKind::Telling);
        assert_eq!(of_run(20, 4, &agents(&[0; 10])), RunKind::Telling);
    }

    #[test]
    fn an_agent_is_sick_that_surprises_with_many_tests_more_often_than_others() {
        let others = Tally { tries: 10_000, surprises: 10 };
        assert!(is_sick(Tally { tries: 200, surprises: 10 }, 8, others));
        assert!(!is_sick(Tally { tries: 200, surprises: 10 }, 4, others), "it may be those four tests");
        assert!(!is_sick(Tally { tries: 4_000, surprises: 10 }, 8, others), "the others do the same");
        assert!(!is_sick(Tally { tries: 200, surprises: 10 }, 8, Tally { tries: 10_000, surprises: 200 }));
    }
}
