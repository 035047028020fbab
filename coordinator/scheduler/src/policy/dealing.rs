//! How many tests a shard gets at one time, and how many shards are worth having.

use muster_common::limits::{MESSAGE_BYTES_MAX, TESTS_PER_MESSAGE_MAX};

/// What is known when a shard asks for tests.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Situation {
    /// Tests that wait to be dealt.
    pub(crate) waiting: usize,
    /// Tests that wait or are held by a shard and have not ended.
    pub(crate) unfinished: usize,
    /// Those of them that this shard holds.
    pub(crate) held: usize,
    /// Shards that share the work.
    pub(crate) shards: usize,
    /// Cost of starting a batch with this runner, in microseconds; 0: not known.
    pub(crate) start_cost_us: u64,
    /// Mean duration of the tests that have ended, in microseconds; none: none has.
    pub(crate) mean_us: Option<u64>,
}

/// Most tests of the next batch: guided self-scheduling (Polychronopoulos and Kuck, 1987) with a factor of two, because
/// durations differ. A shard gets half its equal share of what waits, so batches shrink as the end comes nearer. They
/// are not smaller than what makes the cost of starting one worth it, as long as that leaves every shard as much.
pub(crate) fn batch_size(situation: Situation) -> usize {
    let guided = situation.waiting.div_ceil(2 * situation.shards.max(1));
    let size = guided.max(worthwhile(situation).min(fair_share(situation)));
    size.min(situation.waiting).clamp(1, TESTS_PER_MESSAGE_MAX)
}

/// What is left to this shard if every shard has as much in the end. What others hold counts as theirs: shares of what
/// waits alone would grow smaller with every shard that has had its own, down to batches that cost more than they do.
const fn fair_share(situation: Situation) -> usize {
    let shards = if situation.shards == 0 { 1 } else { situation.shards };
    situation.unfinished.div_ceil(shards).saturating_sub(situation.held)
}

/// Fewest tests whose work is [`WORK_PER_START`] times the cost of starting them.
fn worthwhile(situation: Situation) -> usize {
    let Some(mean_us) = situation.mean_us else { return 1 };
    let tests = situation.start_cost_us.saturating_mul(WORK_PER_START) / mean_us.max(1);
    usize::try_from(tests).unwrap_or(usize::MAX).max(1)
}

/// Whether another shard would find something to do: more tests wait than there are shards about to ask for some.
pub(crate) fn wants_shard(waiting: usize, shards_coming: usize, shards: usize, shards_max: usize) -> bool {
    waiting > shards_coming && shards < shards_max
}

/// How many tests of a batch that was lost, of which nothing is known, are dealt together at most next time: whatever
/// killed the agent is cornered in few steps, and the rest does not pay with a batch each.
pub(crate) fn size_after_loss(tests: usize) -> usize {
    (tests / 8).max(1)
}

/// Bytes of test names in one batch.
pub(crate) const BATCH_NAME_BYTES_MAX: usize = MESSAGE_BYTES_MAX / 2;

/// The work of a batch should be so many times the cost of starting it.
const WORK_PER_START: u64 = 4;

#[cfg(test)]
mod tests {
    use super::*;

    fn size(waiting: usize, shards: usize, start_cost_us: u64, mean_us: Option<u64>) -> usize {
        batch_size(Situation { waiting, unfinished: waiting, held: 0, shards, start_cost_us, mean_us })
    }

    #[test]
    fn batches_shrink_to_single_tests() {
        let (mut waiting, mut sizes) = (64, Vec::new());
        while waiting > 0 {
            let next = size(waiting, 4, 0, None);
            waiting -= next;
            sizes.push(next);
        }
        assert_eq!(sizes.first(), Some(&8));
        assert_eq!(sizes.last(), Some(&1));
        assert!(sizes.is_sorted_by(|a, b| a >= b), "{sizes:?}");
    }

    #[test]
    fn a_costly_start_makes_larger_batches_but_never_more_than_the_equal_share() {
        assert_eq!(size(1_000, 10, 100_000, Some(10_000)), 50);
        assert_eq!(size(1_000, 10, 200_000, Some(10_000)), 80);
        assert_eq!(size(1_000, 10, 900_000, Some(10_000)), 100);
        assert_eq!(size(1, 10, 900_000, Some(0)), 1);
    }

    #[test]
    fn a_costly_start_is_paid_once_a_shard_and_not_down_to_single_tests() {
        let start = Situation {
            waiting: 2_500,
            unfinished: 2_500,
            held: 0,
            shards: 4,
            start_cost_us: 1_500_000,
            mean_us: Some(500),
        };
        let (mut next, mut sizes) = (start, Vec::new());
        while next.waiting > 0 {
            let size = batch_size(next);
            next.waiting -= size;
            sizes.push(size);
        }
        assert_eq!(sizes, [625; 4]);
        assert_eq!(batch_size(Situation { held: 200, ..start }), 425, "it holds some of its share");
        assert_eq!(batch_size(Situation { held: 600, ..start }), 313, "half a share of what waits at least");
    }

    #[test]
    fn no_batch_is_larger_than_a_message() {
        assert_eq!(size(1_000_000, 2, 0, None), TESTS_PER_MESSAGE_MAX);
    }

    #[test]
    fn a_shard_is_opened_only_for_tests_that_nobody_is_about_to_take() {
        assert!(wants_shard(1, 0, 0, 8));
        assert!(!wants_shard(3, 3, 3, 8));
        assert!(!wants_shard(100, 0, 8, 8));
    }

    #[test]
    fn a_killer_in_the_largest_batch_is_alone_after_four_losses() {
        let mut tests = TESTS_PER_MESSAGE_MAX;
        for _ in 0..4 {
            tests = size_after_loss(tests);
        }
        assert_eq!(tests, 1);
    }
}
