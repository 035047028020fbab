//! When tests that are held elsewhere may be started a second time, or are asked back.

use crate::state::Expected;

/// Whether doubt about agents may be acted on: when too many of them are silent at once it is an outage, and copies of
/// everything would only add to it.
pub(crate) fn may_copy(agents_doubtful: usize, agents: usize) -> bool {
    agents_doubtful <= 1 || agents_doubtful * OUTAGE_SHARE < agents
}

/// Why a copy would be started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Need {
    /// Other tests wait, but a copy that is begun later would end after all of them.
    Urgent,
    /// A slot has nothing else to do.
    Idle,
    /// The same, where the copy would cost more than what is to be spent on the mere chance that it is needed.
    Sure,
}

/// How long a test may run before a copy of it is started: longer than it hardly ever did, and where the copy costs much
/// twice that. Where it is urgent halfway from what is expected: a copy of a test that ends soon is withdrawn then and
/// costs little, one that begins late costs the whole run. Of a test that no earlier run has seen, by the longest that
/// its suite has shown so far.
pub(crate) fn overdue_after_us(need: Need, expected: Expected, longest_us: u64) -> u64 {
    if expected.high_us == 0 {
        return longest_us.saturating_mul(3).max(OVERDUE_US_MIN_UNKNOWN);
    }
    let us = match need {
        Need::Urgent => u64::midpoint(expected.mean_us, expected.high_us),
        Need::Idle => expected.high_us,
        Need::Sure => expected.high_us.saturating_mul(2),
    };
    us.max(OVERDUE_US_MIN)
}

/// Work that copies of overdue tests may cost in one suite on the chance that they are needed: less than one part in a
/// hundred, as some cost more than was expected.
pub(crate) const fn chance_budget_us(suite_us: u64) -> u64 {
    suite_us / 125
}

/// Work that all copies of overdue tests may cost in one suite: one part in a hundred, and always two of its longest tests.
pub(crate) const fn budget_us(suite_us: u64, longest_us: u64) -> u64 {
    let share = suite_us / 100;
    let least = longest_us.saturating_mul(2);
    if share > least { share } else { least }
}

/// Whether a copy may be started on the chance that it is needed, where so much is left for such copies: if it is, what
/// the first has run is lost, and that is far more than what is expected of the test.
pub(crate) const fn may_take_chance(expected_us: u64, left_us: u64) -> bool {
    expected_us.saturating_mul(3) <= left_us
}

/// A batch that waits behind another on its shard is asked back for a slot that idles if it would wait this long, so
/// that the two messages that this takes are worth it.
pub(crate) const fn recall_worth_us(start_cost_us: u64) -> u64 {
    start_cost_us.saturating_add(RECALL_US_MIN)
}

/// No test is overdue before.
const OVERDUE_US_MIN: u64 = 1_000_000;
/// No test that is not known is overdue before.
const OVERDUE_US_MIN_UNKNOWN: u64 = 10_000_000;
/// Time that a recall takes, with some room.
const RECALL_US_MIN: u64 = 100_000;
/// One part in so many silent agents at once is an outage.
const OUTAGE_SHARE: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_silent_agent_is_copied_and_a_silent_quarter_is_an_outage() {
        assert!(may_copy(1, 2));
        assert!(may_copy(2, 9));
        assert!(!may_copy(2, 8));
        assert!(!may_copy(100, 200));
    }

    #[test]
    fn a_test_is_overdue_by_its_own_past_else_by_that_of_its_suite() {
        let expected = |mean_us, high_us| Expected { mean_us, high_us };
        let known = expected(2_000_000, 3_000_000);
        assert_eq!(overdue_after_us(Need::Idle, known, 60_000_000), 3_000_000);
        assert_eq!(overdue_after_us(Need::Urgent, known, 60_000_000), 2_500_000);
        assert_eq!(overdue_after_us(Need::Sure, known, 60_000_000), 6_000_000);
        assert_eq!(overdue_after_us(Need::Idle, expected(600, 1_000), 60_000_000), 1_000_000);
        assert_eq!(overdue_after_us(Need::Urgent, expected(600, 0), 60_000_000), 180_000_000);
        assert_eq!(overdue_after_us(Need::Idle, Expected::default(), 0), 10_000_000);
    }

    #[test]
    fn copies_cost_a_hundredth_at_most_but_for_two_tests() {
        assert_eq!(budget_us(1_000_000, 1_000), 10_000);
        assert_eq!(budget_us(1_000_000, 30_000), 60_000);
    }

    #[test]
    fn a_batch_is_asked_back_that_would_wait_longer_than_it_takes_to_start_it_elsewhere() {
        assert_eq!(recall_worth_us(0), RECALL_US_MIN);
        assert_eq!(recall_worth_us(2_000_000), 2_000_000 + RECALL_US_MIN);
    }
}
