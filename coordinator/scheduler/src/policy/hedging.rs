//! When tests that are held elsewhere may be started a second time, or are asked back.

/// Whether doubt about agents may be acted on: when too many of them are silent at once it is an outage, and copies of
/// everything would only add to it.
pub(crate) fn may_copy(agents_doubtful: usize, agents: usize) -> bool {
    agents_doubtful <= 1 || agents_doubtful * OUTAGE_SHARE < agents
}

/// How long a test may run before a copy of it is started on a slot that idles: twice what it hardly ever exceeded. Of
/// one that no earlier run has seen, by the longest that its suite has shown so far.
pub(crate) fn overdue_after_us(high_us: u64, longest_us: u64) -> u64 {
    if high_us > 0 {
        high_us.saturating_mul(2).max(OVERDUE_US_MIN)
    } else {
        longest_us.saturating_mul(3).max(OVERDUE_US_MIN_UNKNOWN)
    }
}

/// Work that copies of overdue tests may cost in one suite: one part in a hundred, and always two of its longest tests.
pub(crate) const fn budget_us(suite_us: u64, longest_us: u64) -> u64 {
    let share = suite_us / 100;
    let least = longest_us.saturating_mul(2);
    if share > least { share } else { least }
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
        assert_eq!(overdue_after_us(3_000_000, 60_000_000), 6_000_000);
        assert_eq!(overdue_after_us(1_000, 60_000_000), 1_000_000);
        assert_eq!(overdue_after_us(0, 60_000_000), 180_000_000);
        assert_eq!(overdue_after_us(0, 0), 10_000_000);
    }

    #[test]
    fn copies_cost_a_hundredth_at_most_but_for_two_tests() {
        assert_eq!(budget_us(1_000_000, 1_000), 10_000);
        assert_eq!(budget_us(1_000_000, 30_000), 60_000);
    }
}
