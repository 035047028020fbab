//! New tests are run several times although they pass, so that a flaky one is seen before anybody trusts it.

use std::time::Duration;

/// Most tests of a job of so many that are repeated: where nearly all are new, it was renamed, not written.
pub(crate) const fn most(tests: usize) -> usize {
    let share = tests * SHARE_PERCENT / 100;
    if share > TESTS_FREE { share } else { TESTS_FREE }
}

/// Whether a test that is to be run so many times, has passed so often and did nothing else, is run once more. `took` is
/// what its last try took: a long test is repeated less often.
pub(crate) fn repeats(times: u32, passed: u32, took: Duration) -> bool {
    passed < times && took.saturating_mul(passed) < TIME_MAX
}

/// So many tests of a job are repeated, however few it has.
const TESTS_FREE: usize = 100;
/// Of a large job so many in a hundred.
const SHARE_PERCENT: usize = 30;
/// What the tries of one test may take together before they are enough.
const TIME_MAX: Duration = Duration::from_secs(300);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hundred_tests_or_three_of_ten_are_repeated() {
        assert_eq!([most(0), most(100), most(333), most(334), most(1_000)], [100, 100, 100, 100, 300]);
        assert_eq!([most(336), most(337)], [100, 101]);
    }

    #[test]
    fn a_test_is_repeated_until_it_has_passed_so_often_or_took_too_long() {
        let second = Duration::from_secs(1);
        assert!(repeats(3, 1, second) && repeats(3, 2, second) && !repeats(3, 3, second));
        assert!(!repeats(0, 1, second), "nothing is asked for");
        assert!(repeats(10, 2, Duration::from_secs(149)) && !repeats(10, 2, Duration::from_secs(150)));
    }
}
