//! What is learned from one run of a test.

use muster_common::outcome::TestVerdict;

use super::flakiness::WINDOW;
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
    /// How many tries it had.
    pub(crate) tries: u8,
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

/// The outcomes of a test that are news, newest last, with one more. Of a row of failures the first and the last are kept:
/// a broken test would push everything else out.
pub(crate) fn recent(known: &[RecentOutcome], newest: RecentOutcome) -> Vec<RecentOutcome> {
    let mut recent = known.to_vec();
    let is_no = |outcome: &RecentOutcome| matches!(outcome.outcome, Outcome::Failed | Outcome::FailedInCompany);
    if let [.., before, last] = recent.as_slice()
        && is_no(before)
        && is_no(last)
        && is_no(&newest)
    {
        recent.pop();
    }
    recent.push(newest);
    recent.retain(|outcome| outcome.sighting.saturating_add(WINDOW) > newest.sighting);
    recent.drain(..recent.len().saturating_sub(RECENT_MAX));
    recent
}

/// Whether a pass on this content tells that an earlier failure was none of the code's.
pub(crate) fn is_contradiction(known: &[RecentOutcome], content: u32) -> bool {
    let on_it = |outcome: Outcome| known.iter().any(|known| known.content == content && known.outcome == outcome);
    content != 0 && on_it(Outcome::Failed) && !on_it(Outcome::Passed)
}

fn toward(from: u64, to: u64, share: u64) -> u64 {
    if to >= from { from.saturating_add((to - from) / share) } else { from - (from - to) / share }
}

/// Outcomes that are kept of one test.
pub(crate) const RECENT_MAX: usize = 24;
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
    fn what_is_hardly_exceeded_rises_fast_falls_slowly_and_stays_above_the_mean() {
        let known = Expected { mean_us: 1_000_000, high_us: 2_000_000 };
        let rise = moved(known, 3_000_000).high_us - known.high_us;
        let fall = known.high_us - moved(known, 1_000_000).high_us;
        assert!(rise > fall && fall > 0, "{rise} {fall}");
        assert_eq!(moved(known, 2_000_000).high_us, 2_000_000, "just as long as expected at most");
        let tight = Expected { mean_us: 1_000_000, high_us: 1_000_000 };
        assert_eq!(moved(tight, 1_000_000), Expected { mean_us: 1_000_000, high_us: 1_200_000 });
    }

    #[test]
    fn a_twentieth_is_worth_a_write_and_so_is_either_number() {
        let known = Expected { mean_us: 10_000_000, high_us: 20_000_000 };
        let mean = |mean_us| is_worth_a_write(known, Expected { mean_us, ..known });
        let high = |high_us| is_worth_a_write(known, Expected { high_us, ..known });
        assert!(!mean(10_500_000) && mean(10_500_001) && mean(9_499_999));
        assert!(!high(21_000_000) && high(21_000_001) && !high(1), "that it fell is no news");
    }

    #[test]
    fn of_a_row_of_failures_the_first_and_the_last_are_kept_and_no_more_than_fit() {
        let outcome = |run, outcome| RecentOutcome { run, agent: 0, content: 7, outcome, sighting: run, tries: 1 };
        let runs = |known: &[RecentOutcome]| known.iter().map(|outcome| outcome.run).collect::<Vec<_>>();
        let mut known = recent(&[], outcome(1, Outcome::Flaky));
        for run in 2..9 {
            known = recent(&known, outcome(run, Outcome::Failed));
        }
        assert_eq!(runs(&known), [1, 2, 8]);
        assert!(is_contradiction(&known, 7) && !is_contradiction(&known, 8));
        known = recent(&known, outcome(9, Outcome::Passed));
        assert!(!is_contradiction(&known, 7), "that is known");
        assert_eq!(runs(&recent(&known, outcome(1_008, Outcome::Flaky))), [9, 1_008], "what is long ago goes");
        for run in 10..60 {
            known = recent(&known, outcome(run, Outcome::Flaky));
        }
        assert_eq!(runs(&known), (60 - RECENT_MAX as u32..60).collect::<Vec<_>>());
    }
}
