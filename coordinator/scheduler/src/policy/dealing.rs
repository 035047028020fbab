//! How many tests a shard gets at one time, and how many shards are worth having.

use muster_common::limits::{MESSAGE_BYTES_MAX, TESTS_PER_MESSAGE_MAX};

/// What is known when a shard asks for tests.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Situation {
    /// Tests that wait to be dealt.
    pub(crate) waiting: usize,
    /// Shards that share them.
    pub(crate) shards: usize,
    /// Cost of starting a batch with this runner, in microseconds; 0: not known.
    pub(crate) start_cost_us: u64,
    /// Mean duration of the tests that have ended, in microseconds; none: none has.
    pub(crate) mean_us: Option<u64>,
}

/// Most tests of the next batch: guided self-scheduling (Polychronopoulos and Kuck, 1987) with a factor of two, because
/// durations differ. A shard gets half its equal share of what is left, so batches shrink as the end comes nearer. They
/// are not smaller than what makes the cost of starting one worth it, and never larger than the equal share.
pub(crate) fn batch_size(situation: Situation) -> usize {
    let shards = situation.shards.max(1);
    let guided = situation.waiting.div_ceil(2 * shards);
    let equal_share = situation.waiting.div_ceil(shards);
    guided.max(worthwhile(situation)).min(equal_share).clamp(1, TESTS_PER_MESSAGE_MAX)
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
        batch_size(Situation { waiting, shards, start_cost_us, mean_us })
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
