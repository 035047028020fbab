//! How fast agents are, and what is given to one that is slow or that nobody knows.
//!
//! What an agent takes for a test is held beside what is expected of it. A long test on a slow agent would end long after
//! all others, and nobody learns of it before: so where a suite has long tests, a shard on an agent that was not measured
//! begins with a few short ones, and one that turned out slow gets no long ones while others wait.

/// What tests took, beside what was expected of them, in microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Pace {
    took_us: u64,
    expected_us: u64,
    tests: u64,
}

impl Pace {
    /// Takes one test. Far from what was expected, it says more of the test than of where it ran.
    pub(crate) fn note(&mut self, expected_us: u64, took_us: u64) {
        if self.tests >= TESTS_REMEMBERED {
            *self = Self { took_us: self.took_us / 2, expected_us: self.expected_us / 2, tests: self.tests / 2 };
        }
        self.expected_us = self.expected_us.saturating_add(expected_us);
        self.took_us =
            self.took_us.saturating_add(took_us.clamp(expected_us / FAR, expected_us.saturating_mul(FAR)).max(1));
        self.tests += 1;
    }

    /// Time taken in hundredths of what was expected, drawn towards 100 as if `doubt` more tests had taken just that.
    pub(crate) fn percent(self, doubt: u64) -> u64 {
        let Some(mean_us) = self.expected_us.checked_div(self.tests) else { return 100 };
        let usual = mean_us.saturating_mul(doubt);
        let expected = self.expected_us.saturating_add(usual).max(1);
        self.took_us.saturating_add(usual).saturating_mul(100) / expected
    }

    /// The same of an agent; none as long as it has not run enough.
    pub(crate) fn of_agent(self) -> Option<u64> {
        (self.tests >= TESTS_MEASURED).then(|| self.percent(1))
    }
}

/// What is known when a shard asks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outlook {
    /// What its agent takes, in hundredths of what is usual; none: not known.
    pub(crate) percent: Option<u64>,
    /// The longest that is expected of a test that waits, in microseconds.
    pub(crate) longest_us: u64,
    /// Tests that wait.
    pub(crate) waiting: usize,
    /// Agents that could run them.
    pub(crate) agents: usize,
    /// Cost of starting a batch, in microseconds.
    pub(crate) start_cost_us: u64,
}

/// What a shard gets at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ration {
    /// Expected time of a test, in microseconds.
    pub(crate) test_us_max: u64,
    /// Expected time of a batch, in microseconds.
    pub(crate) batch_us_max: u64,
    /// Whether it is there to learn how fast the agent is.
    pub(crate) is_probe: bool,
}

/// The ration of a shard that asks; none: whatever is next.
pub(crate) fn ration(outlook: Outlook) -> Option<Ration> {
    match outlook.percent {
        Some(percent) if percent < SLOW_PERCENT => None,
        Some(percent) => Some(Ration {
            test_us_max: outlook.longest_us.saturating_mul(100) / percent.saturating_mul(SLOW_SHARE),
            batch_us_max: u64::MAX,
            is_probe: false,
        }),
        None => probe(outlook),
    }
}

/// Not where it would cost more than it can save: beside its start, or where most of the short tests would go to it.
fn probe(outlook: Outlook) -> Option<Ration> {
    let probe_us = (outlook.longest_us / PROBE_PART).clamp(PROBE_US_MIN, PROBE_US_MAX);
    let is_cheap = outlook.start_cost_us.saturating_add(probe_us).saturating_mul(PROBE_COST) <= outlook.longest_us;
    let is_plenty = outlook.waiting >= outlook.agents.saturating_mul(TESTS_PER_PROBED_AGENT);
    (is_cheap && is_plenty && outlook.agents > 1).then_some(Ration {
        test_us_max: probe_us / TESTS_MEASURED,
        batch_us_max: probe_us,
        is_probe: true,
    })
}

/// Time of a batch on an agent that takes so much, that it ends when others would.
pub(crate) fn batch_size(size_us: u64, percent: Option<u64>) -> u64 {
    let Some(percent) = percent.filter(|percent| *percent >= SLOW_PERCENT) else { return size_us };
    size_us.saturating_mul(100) / percent
}

/// A test so far from what was expected of it counts as if it were so many times longer or shorter.
const FAR: u64 = 8;
/// Tests in which an agent's or a suite's pace is held; then older ones count half.
const TESTS_REMEMBERED: u64 = 256;
/// Tests after which it is said how fast an agent is.
const TESTS_MEASURED: u64 = 4;
/// From here on an agent is slow.
const SLOW_PERCENT: u64 = 140;
/// A slow agent gets tests that it has run in one part in so many of what the longest that waits takes elsewhere.
const SLOW_SHARE: u64 = 2;
/// An agent is measured with one part in so many of the longest test that waits.
const PROBE_PART: u64 = 60;
/// It and its start cost one part in so many of that test at most.
const PROBE_COST: u64 = 20;
/// An agent is measured with no less work than this.
const PROBE_US_MIN: u64 = 40_000;
/// Nor with more.
const PROBE_US_MAX: u64 = 2_000_000;
/// Agents are measured where so many tests wait for each of them.
const TESTS_PER_PROBED_AGENT: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: Outlook =
        Outlook { percent: Some(100), longest_us: 30_000_000, waiting: 1_000, agents: 50, start_cost_us: 50_000 };

    #[test]
    fn a_pace_needs_a_few_tests_and_leans_towards_the_usual() {
        let mut pace = Pace::default();
        for _ in 0..TESTS_MEASURED {
            assert_eq!(pace.of_agent(), None);
            pace.note(100_000, 200_000);
        }
        assert_eq!(pace.of_agent(), Some(180));
        pace.note(10, 1_000_000_000);
        assert!(pace.of_agent() < Some(190), "one short test that has changed says little: {pace:?}");
    }

    #[test]
    fn an_agent_stays_known_when_what_is_remembered_of_it_is_halved() {
        let mut pace = Pace::default();
        for test in 1..=3 * TESTS_REMEMBERED {
            pace.note(1_000, 3_000);
            assert!(pace.of_agent().is_some() || test < TESTS_MEASURED, "after {test}: {pace:?}");
        }
    }

    #[test]
    fn a_test_that_took_far_less_or_far_more_counts_as_if_it_had_not() {
        let percent_after = |took_us| {
            let mut pace = Pace::default();
            pace.note(1_000_000, took_us);
            pace.percent(0)
        };
        assert_eq!([percent_after(1), percent_after(u64::MAX)], [100 / FAR, 100 * FAR]);
    }

    #[test]
    fn an_agent_that_has_become_quick_again_is_soon_known_as_such() {
        let mut pace = Pace::default();
        (0..1_000).for_each(|_| pace.note(1_000, 3_000));
        assert!(pace.of_agent() > Some(290));
        (0..1_000).for_each(|_| pace.note(1_000, 1_000));
        assert!(pace.of_agent() < Some(SLOW_PERCENT), "{pace:?}");
    }

    #[test]
    fn a_slow_agent_gets_no_long_test() {
        assert_eq!(ration(KNOWN), None);
        let slow = ration(Outlook { percent: Some(200), ..KNOWN });
        assert_eq!(slow, Some(Ration { test_us_max: 7_500_000, batch_us_max: u64::MAX, is_probe: false }));
        assert_eq!(batch_size(1_000, Some(200)), 500);
        assert_eq!(batch_size(1_000, Some(120)), 1_000);
    }

    #[test]
    fn an_unknown_agent_is_measured_where_that_is_cheap_beside_the_longest_test() {
        let unknown = Outlook { percent: None, ..KNOWN };
        assert_eq!(ration(unknown), Some(Ration { test_us_max: 125_000, batch_us_max: 500_000, is_probe: true }));
        assert_eq!(ration(Outlook { start_cost_us: 1_500_000, ..unknown }), None);
        assert_eq!(ration(Outlook { longest_us: 1_000_000, ..unknown }), None);
        assert_eq!(ration(Outlook { waiting: 100, ..unknown }), None);
        assert_eq!(ration(Outlook { agents: 1, ..unknown }), None);
    }
}
