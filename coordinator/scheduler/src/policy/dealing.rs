//! How many tests a shard gets at one time, and how many shards are worth having.

use muster_common::limits::MESSAGE_BYTES_MAX;

/// What is known when a shard asks for tests. Amounts of work are in microseconds; as long as no test's time is known,
/// they are numbers of tests.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Situation {
    /// Whether amounts are times.
    pub(crate) is_timed: bool,
    /// Work that waits to be dealt.
    pub(crate) waiting: u64,
    /// Work that waits or is held by a shard and has not ended.
    pub(crate) unfinished: u64,
    /// What of that this shard holds.
    pub(crate) held: u64,
    /// Shards that share the work.
    pub(crate) shards: u64,
    /// Cost of starting a batch with this runner, in microseconds; 0: not known.
    pub(crate) start_cost_us: u64,
    /// Whether the runner tells of all tests of a batch when it has ended.
    pub(crate) tells_at_end: bool,
}

/// Work of the next batch: guided self-scheduling (Polychronopoulos and Kuck, 1987) by time, with a factor because
/// agents and durations differ. A shard gets a part of its equal share of what waits, so batches shrink as the end
/// comes nearer. They are not smaller than what makes the cost of starting one worth it, as long as that leaves every
/// shard as much, and not larger than what hides that cost: nobody knows how many shards are still to come.
pub(crate) fn batch_size(situation: Situation) -> u64 {
    let guided = situation.waiting.div_ceil(GUIDE * situation.shards.max(1));
    if !situation.is_timed {
        return guided.clamp(1, if situation.tells_at_end { UNTIMED_TESTS_MAX } else { u64::MAX });
    }
    let worthwhile = situation.start_cost_us.saturating_mul(WORK_PER_START).min(fair_share(situation));
    guided.min(ample(situation.start_cost_us)).max(worthwhile)
}

/// Most tests of one batch of which nothing is known, where the others of the suite are known to take so long: any of the
/// new ones may be long, and neighbours often are together. No more than the cost of a start asks for.
pub(crate) fn new_max(known_mean_us: u64, start_cost_us: u64) -> usize {
    let Some(tests) = start_cost_us.saturating_mul(WORK_PER_START).checked_div(known_mean_us) else {
        return usize::MAX;
    };
    usize::try_from(tests).unwrap_or(usize::MAX).max(1)
}

/// What is left to this shard if every shard has as much in the end. What others hold counts as theirs: shares of what
/// waits alone would grow smaller with every shard that has had its own, down to batches that cost more than they do.
const fn fair_share(situation: Situation) -> u64 {
    let shards = if situation.shards == 0 { 1 } else { situation.shards };
    situation.unfinished.div_ceil(shards).saturating_sub(situation.held)
}

/// Work besides which the cost of a start does not count.
fn ample(start_cost_us: u64) -> u64 {
    if start_cost_us == 0 {
        return BATCH_US_UNKNOWN_START;
    }
    start_cost_us.saturating_mul(WORK_PER_START_AMPLE).clamp(BATCH_US_AMPLE_MIN, BATCH_US_AMPLE_MAX)
}

/// Whether a shard that still holds tests is given more already, so that it need not wait for them later; `next` is the
/// first that it would get. Not where what it holds may take longer than it looks beside what is left, as its next tests
/// would wait while other shards idle; nor a long test, beside which the wait for it is nothing.
pub(crate) const fn may_prefetch(situation: Situation, next: u64) -> bool {
    let shards = if situation.shards == 0 { 1 } else { situation.shards };
    if situation.is_timed {
        next <= PREFETCH_US_MAX && situation.held.saturating_mul(PREFETCH_SHARE * shards) <= situation.waiting
    } else {
        situation.waiting > shards && !(situation.tells_at_end && situation.held >= UNTIMED_TESTS_MAX)
    }
}

/// Whether another shard would find something to do: more tests wait than there are shards about to ask for some.
pub(crate) fn wants_shard(waiting: usize, shards_coming: usize, shards: usize, shards_max: usize) -> bool {
    waiting > shards_coming && shards < shards_max
}

/// How many shards of a suite may begin before its list is sealed: as many as it may have tests, by those that are
/// `remembered` of it, are `listed` already, and are `wanted` of it at most; and with its discovery no more than it may have.
pub(crate) fn early_shards(remembered: usize, listed: usize, wanted: Option<usize>, shards_max: usize) -> usize {
    let expected = if remembered == 0 { EARLY_SHARDS_UNKNOWN } else { remembered };
    expected.max(listed).min(wanted.unwrap_or(usize::MAX)).min(shards_max.saturating_sub(1))
}

/// How many tests of a batch that was lost, of which nothing is known, are dealt together at most next time: whatever
/// killed the agent is cornered in few steps, and the rest does not pay with a batch each.
pub(crate) fn size_after_loss(tests: usize) -> usize {
    (tests / 8).max(1)
}

/// Bytes of test names in one batch.
pub(crate) const BATCH_NAME_BYTES_MAX: usize = MESSAGE_BYTES_MAX / 2;
const _: () = assert!(BATCH_NAME_BYTES_MAX < MESSAGE_BYTES_MAX, "a batch is one message");

/// A batch is one part in so many of a shard's equal share of what waits.
const GUIDE: u64 = 2;
/// So many tests are enough to learn what they take where a runner tells of none before the last has ended. More of them
/// would be dealt as blindly as by count, and a shard that has got the long ones would keep them.
const UNTIMED_TESTS_MAX: u64 = 4;
/// The work of a batch should be so many times the cost of starting it.
const WORK_PER_START: u64 = 4;
/// So many times the cost of a start make that cost small enough.
const WORK_PER_START_AMPLE: u64 = 100;
/// Most work of a batch as long as nobody knows what a start costs.
const BATCH_US_UNKNOWN_START: u64 = 15_000_000;
/// A batch may always have so much work.
const BATCH_US_AMPLE_MIN: u64 = 5_000_000;
/// A batch has no more work than this, whatever a start costs, unless it would not be worth it.
const BATCH_US_AMPLE_MAX: u64 = 60_000_000;
/// Shards that begin before the list of a suite of which nothing is known.
const EARLY_SHARDS_UNKNOWN: usize = 4;
/// A shard is given more as soon as what it holds is one part in so many of its equal share of what waits.
const PREFETCH_SHARE: u64 = 8;
/// A longer test is not worth being given early: a round trip is a fiftieth of it.
const PREFETCH_US_MAX: u64 = 1_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: Situation = Situation {
        is_timed: true,
        waiting: 0,
        unfinished: 0,
        held: 0,
        shards: 1,
        start_cost_us: 0,
        tells_at_end: false,
    };

    fn size(waiting: u64, shards: u64, start_cost_us: u64) -> u64 {
        batch_size(Situation { waiting, unfinished: waiting, shards, start_cost_us, ..ALL })
    }

    #[test]
    fn batches_shrink_to_single_tests_where_no_time_is_known() {
        let (mut waiting, mut sizes) = (64, Vec::new());
        while waiting > 0 {
            let next = batch_size(Situation { is_timed: false, waiting, shards: 4, start_cost_us: 1_000, ..ALL });
            waiting -= next;
            sizes.push(next);
        }
        assert_eq!(sizes.first(), Some(&8));
        assert_eq!(sizes.last(), Some(&1));
        assert!(sizes.is_sorted_by(|a, b| a >= b), "{sizes:?}");
    }

    #[test]
    fn a_runner_that_tells_late_gets_few_tests_until_a_time_is_known() {
        let live = Situation { is_timed: false, waiting: 10_000, shards: 10, ..ALL };
        let late = Situation { tells_at_end: true, ..live };
        assert_eq!((batch_size(live), batch_size(late)), (500, UNTIMED_TESTS_MAX));
        assert_eq!(batch_size(Situation { waiting: 30, ..late }), 2, "shares shrink as ever");
        let held = |held| (may_prefetch(Situation { held, ..live }, 1), may_prefetch(Situation { held, ..late }, 1));
        assert_eq!([held(1), held(UNTIMED_TESTS_MAX)], [(true, true), (true, false)]);
        let timed = |tells_at_end| batch_size(Situation { is_timed: true, waiting: 9_000_000, tells_at_end, ..live });
        assert_eq!(timed(true), timed(false));
    }

    #[test]
    fn a_costly_start_makes_larger_batches_but_never_more_than_the_equal_share() {
        assert_eq!(size(10_000_000, 10, 100_000), 500_000);
        assert_eq!(size(10_000_000, 10, 200_000), 800_000);
        assert_eq!(size(10_000_000, 10, 900_000), 1_000_000);
    }

    #[test]
    fn a_costly_start_is_paid_once_a_shard_and_not_down_to_single_tests() {
        let start = Situation { waiting: 1_250_000, unfinished: 1_250_000, shards: 4, start_cost_us: 1_500_000, ..ALL };
        let (mut next, mut sizes) = (start, Vec::new());
        while next.waiting > 0 {
            let size = batch_size(next);
            next.waiting -= size;
            sizes.push(size);
        }
        assert_eq!(sizes, [312_500; 4]);
        assert_eq!(batch_size(Situation { held: 100_000, ..start }), 212_500, "it holds some of its share");
        assert_eq!(batch_size(Situation { held: 300_000, ..start }), 156_250, "half a share of what waits at least");
    }

    #[test]
    fn a_batch_is_no_larger_than_what_hides_its_start() {
        let hour = 3_600_000_000;
        assert_eq!(size(hour, 2, 50_000), 5_000_000);
        assert_eq!(size(hour, 2, 200_000), 20_000_000);
        assert_eq!(size(hour, 2, 2_000_000), 60_000_000);
        assert_eq!(size(hour, 2, 30_000_000), 120_000_000);
    }

    #[test]
    fn new_tests_are_dealt_one_by_one_unless_a_start_is_costly() {
        assert_eq!(new_max(400_000, 50_000), 1);
        assert_eq!(new_max(400_000, 1_500_000), 15);
        assert_eq!(new_max(400_000, 0), 1);
        assert_eq!(new_max(0, 50_000), usize::MAX, "the first run of a suite");
    }

    #[test]
    fn a_shard_with_little_left_is_given_more_while_there_is_plenty() {
        let busy = Situation { waiting: 80_000_000, shards: 10, held: 1_000_000, ..ALL };
        assert!(may_prefetch(busy, 500_000));
        assert!(!may_prefetch(busy, 2_000_000));
        assert!(!may_prefetch(Situation { held: 1_000_001, ..busy }, 500_000));
        assert!(!may_prefetch(Situation { is_timed: false, waiting: 10, ..busy }, 1));
    }

    #[test]
    fn a_shard_is_opened_only_for_tests_that_nobody_is_about_to_take() {
        assert!(wants_shard(1, 0, 0, 8));
        assert!(!wants_shard(3, 3, 3, 8));
        assert!(!wants_shard(100, 0, 8, 8));
    }

    #[test]
    fn no_more_shards_begin_early_than_there_may_be_tests_or_shards() {
        assert_eq!(early_shards(300, 0, None, 1_000), 300);
        assert_eq!(early_shards(300, 0, None, 10), 9, "the discovery takes a slot as well");
        assert_eq!(early_shards(300, 0, Some(2), 10), 2, "only two tests are wanted");
        assert_eq!(early_shards(0, 0, None, 10), EARLY_SHARDS_UNKNOWN);
        assert_eq!(early_shards(0, 7, None, 10), 7, "seven are listed already");
        assert_eq!(early_shards(300, 300, None, 1), 0);
    }

    #[test]
    fn a_killer_in_the_largest_batch_is_alone_after_four_losses() {
        let mut tests = muster_common::limits::TESTS_PER_MESSAGE_MAX;
        for _ in 0..4 {
            tests = size_after_loss(tests);
        }
        assert_eq!(tests, 1);
    }
}
