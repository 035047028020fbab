//! What is learned from one run of a test.

use muster_common::outcome::TestVerdict;

use crate::RecentOutcome;
use crate::state::Expected;

pub(crate) use crate::RememberedOutcome as Outcome;

/// What one run has shown of a test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sight {
    /// How long it took where it came to an end.
    pub(crate) duration_us: Option<u64>,
    /// What it said, if that says something about the test.
    pub(crate) outcome: Option<Outcome>,
    /// Number of the agent: of the first on which it failed, or on which it passed.
    pub(crate) agent: u32,
    /// First bytes of the workspace's digest.
    pub(crate) content: u32,
}

/// What a verdict says about the test itself. A test that could not be run, or was left out, says nothing.
pub(crate) const fn outcome(verdict: TestVerdict) -> Option<Outcome> {
    match verdict {
        TestVerdict::Passed => Some(Outcome::Passed),
        TestVerdict::Failed => Some(Outcome::Failed),
        TestVerdict::Flaky => Some(Outcome::Flaky),
        TestVerdict::Skipped | TestVerdict::Errored => None,
    }
}

/// What is expected after a test took so long. The mean follows exponentially; what it hardly exceeds rises fast and falls slowly.
pub(crate) fn moved(known: Expected, duration_us: u64) -> Expected {
    let duration_us = duration_us.max(1);
    if !known.is_known() {
        return Expected { mean_us: duration_us, high_us: duration_us.saturating_add(duration_us / 2) };
    }
    let mean_us = toward(known.mean_us, duration_us, MEAN_SHARE);
    let share = if duration_us > known.high_us { HIGH_RISE_SHARE } else { HIGH_FALL_SHARE };
    let high_us = toward(known.high_us, duration_us, share).max(mean_us.saturating_add(mean_us / 5));
    Expected { mean_us: mean_us.max(1), high_us }
}

/// Whether an estimate has moved so far that it matters to anybody.
pub(crate) fn is_worth_a_write(known: Expected, moved: Expected) -> bool {
    let far = |from: u64, to: u64| from.abs_diff(to) > (from / 20).max(MOVE_US_MIN);
    far(known.mean_us, moved.mean_us) || far(known.high_us, moved.high_us.max(known.high_us))
}

/// The newest outcomes of a test, newest last. Those that were all passes are no news, and are not kept.
pub(crate) fn recent(known: &[RecentOutcome], newest: RecentOutcome) -> Vec<RecentOutcome> {
    let kept = known.len().saturating_sub(RECENT_MAX - 1);
    let recent: Vec<RecentOutcome> = known.iter().skip(kept).chain([&newest]).copied().collect();
    if recent.iter().all(|outcome| outcome.outcome == Outcome::Passed) { Vec::new() } else { recent }
}

fn toward(from: u64, to: u64, share: u64) -> u64 {
    if to >= from { from.saturating_add((to - from) / share) } else { from - (from - to) / share }
}

/// Outcomes that are kept of one test.
pub(crate) const RECENT_MAX: usize = 4;
/// The mean goes one part in so many of the way to a new duration.
const MEAN_SHARE: u64 = 3;
/// What a test hardly exceeds rises by one part in so many of what it was exceeded by.
const HIGH_RISE_SHARE: u64 = 2;
/// And falls by one part in so many of what it was undercut by.
const HIGH_FALL_SHARE: u64 = 20;
/// A smaller move of an estimate matters to nobody.
const MOVE_US_MIN: u64 = 2_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn estimates_follow_what_is_seen() {
        let mut known = moved(Expected::default(), 1_000_000);
        assert_eq!(known, Expected { mean_us: 1_000_000, high_us: 1_500_000 });
        assert!(!is_worth_a_write(known, moved(known, 1_100_000)), "a tenth more is noise");
        assert!(is_worth_a_write(known, moved(known, 2_000_000)));
        for _ in 0..20 {
            known = moved(known, 4_000_000);
        }
        assert!((3_900_000..=4_000_000).contains(&known.mean_us), "{known:?}");
        assert!(known.high_us >= known.mean_us, "{known:?}");
    }

    #[test]
    fn the_newest_outcomes_are_kept_while_one_of_them_is_news() {
        let outcome = |run, outcome| RecentOutcome { run, agent: 0, content: 0, outcome };
        let mut known = vec![outcome(0, Outcome::Failed)];
        for run in 1..4 {
            known = recent(&known, outcome(run, Outcome::Passed));
        }
        assert_eq!(known.iter().map(|outcome| outcome.run).collect::<Vec<_>>(), [0, 1, 2, 3]);
        assert!(recent(&known, outcome(4, Outcome::Passed)).is_empty());
    }
}
