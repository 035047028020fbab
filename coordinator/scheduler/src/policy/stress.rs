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

/// Beginnings of names, in order, none of which begins with another: so a name needs to be compared with one only.
#[derive(Clone, Debug)]
pub(crate) struct Beginnings<'a>(Vec<&'a str>);

impl<'a> Beginnings<'a> {
    pub(crate) fn of(beginnings: &'a [String]) -> Self {
        let mut sorted: Vec<&str> = beginnings.iter().map(String::as_str).collect();
        sorted.sort_unstable();
        // What begins with another stands behind it, with nothing between them but more of the kind.
        sorted.dedup_by(|longer, shorter| longer.starts_with(*shorter));
        Self(sorted)
    }

    /// Whether a name begins with one of them.
    pub(crate) fn has(&self, name: &str) -> bool {
        let behind = self.0.partition_point(|beginning| *beginning <= name);
        behind.checked_sub(1).is_some_and(|before| name.starts_with(self.0[before]))
    }
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
    fn a_name_begins_with_one_of_many_beginnings() {
        let beginnings = ["b/", "a.py::", "a.py", "a.pyc", "b/c", "zz", "b.py"].map(str::to_owned);
        let found = Beginnings::of(&beginnings);
        for name in ["a.py", "a.py::x", "a.pyc", "a.pz", "b", "b/", "b/a", "b/d", "b.py::y", "b0", "z", "zz", "zzz", ""]
        {
            let is_any = beginnings.iter().any(|beginning| name.starts_with(beginning.as_str()));
            assert_eq!(found.has(name), is_any, "{name}");
        }
        assert!(!Beginnings::of(&[]).has("a"));
        assert!(Beginnings::of(&[String::new()]).has("a"), "everything begins with nothing");
    }

    #[test]
    fn a_test_is_repeated_until_it_has_passed_so_often_or_took_too_long() {
        let second = Duration::from_secs(1);
        assert!(repeats(3, 1, second) && repeats(3, 2, second) && !repeats(3, 3, second));
        assert!(!repeats(0, 1, second), "nothing is asked for");
        assert!(repeats(10, 2, Duration::from_secs(149)) && !repeats(10, 2, Duration::from_secs(150)));
    }
}
