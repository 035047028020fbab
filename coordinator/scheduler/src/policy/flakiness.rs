//! What the outcomes of a test say of it: that it is flaky, that it is broken, or neither, and how sure that is.
//!
//! A run in which a test failed and then passed, or failed on content on which it passed in another run, is a *flake*.
//! Outcomes on agents that were found sick and failures in company of many others are no sign of anything: they are
//! counted neither as flakes nor as runs. The rate is taken over a window of the last [`WINDOW`] runs, shorter where so
//! much happened that the memory of it does not reach back so far.

use crate::{FlakeRate, RecentOutcome, RememberedOutcome as Outcome, Standing};

use super::remembering::RECENT_MAX;

/// What is remembered of a test's outcomes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Record<'a> {
    /// Runs whose outcome was counted.
    pub(crate) runs: u32,
    /// Runs in which it did not fail in the end.
    pub(crate) passed: u32,
    /// The last outcomes that are news, oldest first.
    pub(crate) recent: &'a [RecentOutcome],
}

/// How often it was flaky of late. `is_discredited` says of an outcome whether its agent was sick.
pub(crate) fn rate(record: Record<'_>, is_discredited: impl Fn(&RecentOutcome) -> bool) -> FlakeRate {
    let begin = window_begin(record);
    let (mut flakes, mut left_out) = (0, 0);
    for outcome in record.recent.iter().filter(|outcome| outcome.sighting > begin) {
        if outcome.outcome == Outcome::FailedInCompany
            || (outcome.outcome != Outcome::Passed && is_discredited(outcome))
        {
            left_out += 1;
        } else if is_flake(outcome, record.recent) {
            flakes += 1;
        }
    }
    let runs = record.runs.saturating_sub(begin).saturating_sub(left_out);
    interval(flakes, runs.max(flakes))
}

/// What is to be thought of the test.
pub(crate) fn standing(record: Record<'_>, is_discredited: impl Fn(&RecentOutcome) -> bool) -> Standing {
    let rate = rate(record, &is_discredited);
    if is_broken(record, rate) {
        return Standing::Broken;
    }
    let begin = window_begin(record);
    let mut agents: Vec<u32> = record
        .recent
        .iter()
        .filter(|outcome| outcome.sighting > begin && !is_discredited(outcome) && is_flake(outcome, record.recent))
        .map(|outcome| outcome.agent)
        .collect();
    agents.sort_unstable();
    agents.dedup();
    let is_sure = rate.flakes >= FLAKES_MIN && (agents.len() >= AGENTS_MIN || rate.flakes >= FLAKES_ON_ONE_AGENT_MIN);
    if is_sure { Standing::Flaky } else { Standing::Healthy }
}

/// Runs in a row at the end in which nothing went wrong.
pub(crate) fn quiet_runs(record: Record<'_>, is_discredited: impl Fn(&RecentOutcome) -> bool) -> u32 {
    let is_trouble = |outcome: &&RecentOutcome| outcome.outcome != Outcome::Passed && !is_discredited(outcome);
    let last = record.recent.iter().rev().find(is_trouble).map_or(0, |outcome| outcome.sighting);
    record.runs.saturating_sub(last)
}

/// So many quiet runs in a row prove that a test of this rate is healed: a flaky one would hardly have had them.
pub(crate) fn quiet_runs_wanted(rate: FlakeRate) -> u32 {
    if rate.flakes == 0 {
        return QUIET_RUNS_MIN;
    }
    (3 * rate.runs).div_ceil(rate.flakes).clamp(QUIET_RUNS_MIN, QUIET_RUNS_MAX)
}

/// Wilson's interval of 95 % around a share.
pub(crate) fn interval(flakes: u32, runs: u32) -> FlakeRate {
    if runs == 0 {
        return FlakeRate { flakes, runs, low: 0.0, high: 1.0 };
    }
    let (share, count) = (f64::from(flakes) / f64::from(runs), f64::from(runs));
    let square = Z * Z / count;
    let middle = (share + square / 2.0) / (1.0 + square);
    let half = Z / (1.0 + square) * (share * (1.0 - share) / count + square / (4.0 * count)).sqrt();
    let low = if flakes == 0 { 0.0 } else { (middle - half).max(0.0) };
    FlakeRate { flakes, runs, low, high: (middle + half).min(1.0) }
}

/// The runs up to this one lie before the window.
pub(crate) fn window_begin(record: Record<'_>) -> u32 {
    let begin = record.runs.saturating_sub(WINDOW);
    match record.recent.first() {
        Some(oldest) if record.recent.len() >= RECENT_MAX => begin.max(oldest.sighting.saturating_sub(1)),
        Some(_) | None => begin,
    }
}

fn is_flake(outcome: &RecentOutcome, all: &[RecentOutcome]) -> bool {
    let passed_too = |other: &RecentOutcome| other.outcome == Outcome::Passed && other.content == outcome.content;
    match outcome.outcome {
        Outcome::Flaky => true,
        Outcome::Failed => outcome.content != 0 && all.iter().any(passed_too),
        Outcome::Passed | Outcome::FailedInCompany => false,
    }
}

/// Whether it failed lately, and so often in a row that a flaky test of its rate would hardly have done so.
fn is_broken(record: Record<'_>, rate: FlakeRate) -> bool {
    let is_no = |outcome: &&RecentOutcome| matches!(outcome.outcome, Outcome::Failed | Outcome::FailedInCompany);
    if record.recent.last().is_none_or(|last| last.sighting != record.runs) {
        return false;
    }
    let mut failures = record.recent.iter().rev().take_while(is_no).filter(|outcome| !is_flake(outcome, record.recent));
    let Some(last) = failures.next() else { return false };
    let first = failures.last().unwrap_or(last);
    let streak = record.runs.saturating_sub(first.sighting) + 1;
    if record.passed == 0 {
        return streak >= FAILURES_OF_NEW_MIN;
    }
    let tries = streak.saturating_mul(u32::from(last.tries.max(1)));
    rate.high.powi(i32::try_from(tries).unwrap_or(i32::MAX)) < CHANCE_MAX
}

/// Runs over which a rate is taken.
pub(crate) const WINDOW: u32 = 1_000;
/// Fewer flakes may be chance.
const FLAKES_MIN: u32 = 3;
/// On fewer agents it may be the agent.
const AGENTS_MIN: usize = 2;
/// Unless there are so many: then there may be but one agent.
const FLAKES_ON_ONE_AGENT_MIN: u32 = 8;
/// A test that never passed is broken after so many failures.
const FAILURES_OF_NEW_MIN: u32 = 2;
/// A row of failures that is less likely than this is no accident.
const CHANCE_MAX: f64 = 0.001;
/// No proof of health is shorter.
const QUIET_RUNS_MIN: u32 = 50;
/// And none need be longer.
const QUIET_RUNS_MAX: u32 = 500;
/// Standard deviations on both sides of the mean that hold 95 % of a normal distribution.
const Z: f64 = 1.96;

#[cfg(test)]
mod tests {
    use super::*;

    fn of(sighting: u32, agent: u32, content: u32, outcome: Outcome) -> RecentOutcome {
        RecentOutcome { run: sighting, agent, content, outcome, sighting, tries: 3 }
    }

    fn record(runs: u32, recent: &[RecentOutcome]) -> Record<'_> {
        Record { runs, passed: runs.saturating_sub(recent.len() as u32), recent }
    }

    const NOBODY: fn(&RecentOutcome) -> bool = |_| false;

    #[test]
    fn three_flakes_on_two_agents_make_a_flaky_test() {
        let mut recent =
            vec![of(10, 1, 10, Outcome::Flaky), of(30, 1, 30, Outcome::Flaky), of(50, 1, 50, Outcome::Flaky)];
        assert_eq!(standing(record(60, &recent), NOBODY), Standing::Healthy, "it may be agent 1");
        recent.push(of(59, 2, 59, Outcome::Flaky));
        assert_eq!(standing(record(60, &recent), NOBODY), Standing::Flaky);
        let found = rate(record(60, &recent), NOBODY);
        assert_eq!((found.flakes, found.runs), (4, 60));
        assert!(found.low > 0.02 && found.high < 0.17, "{found:?}");
        assert_eq!(standing(record(60, &recent), |outcome| outcome.agent == 1), Standing::Healthy);
        assert_eq!(
            rate(record(60, &recent), |outcome| outcome.agent == 1).runs,
            57,
            "what a sick agent said is left out"
        );
        assert_eq!(standing(record(1_060, &recent), NOBODY), Standing::Healthy, "it was long ago");
    }

    #[test]
    fn what_lies_before_the_window_is_neither_a_flake_nor_a_sign_and_passes_are_none_either() {
        let old = of(10, 2, 10, Outcome::Flaky);
        let mut recent = vec![old];
        recent.extend((11..14).map(|run| of(run, 1, run, Outcome::Flaky)));
        assert_eq!(rate(record(1_009, &recent), NOBODY).flakes, 4);
        assert_eq!(rate(record(1_010, &recent), NOBODY).flakes, 3, "the first lies before the last thousand runs");
        assert_eq!(standing(record(1_009, &recent), NOBODY), Standing::Flaky);
        assert_eq!(standing(record(1_010, &recent), NOBODY), Standing::Healthy, "it may be agent 1");
        recent[0] = of(600, 2, 600, Outcome::Passed);
        assert_eq!(standing(record(1_009, &recent), NOBODY), Standing::Healthy, "a pass says nothing of agent 2");
    }

    #[test]
    fn the_window_is_shorter_where_the_memory_does_not_reach_back() {
        let recent: Vec<RecentOutcome> = (401..).take(RECENT_MAX).map(|run| of(run, 1, run, Outcome::Flaky)).collect();
        assert_eq!(window_begin(record(500, &recent)), 400);
        assert_eq!(window_begin(record(500, &recent[1..])), 0, "all that happened is remembered");
        assert_eq!(window_begin(record(1_600, &recent)), 600);
    }

    #[test]
    fn a_failure_is_a_flake_where_the_same_content_passed() {
        let failed = of(5, 1, 7, Outcome::Failed);
        assert_eq!(rate(record(9, &[failed, of(6, 2, 8, Outcome::Passed)]), NOBODY).flakes, 0);
        assert_eq!(rate(record(9, &[failed, of(6, 2, 7, Outcome::Passed)]), NOBODY).flakes, 1);
        let in_company = RecentOutcome { outcome: Outcome::FailedInCompany, ..failed };
        let found = rate(record(9, &[in_company, of(6, 2, 7, Outcome::Passed)]), NOBODY);
        assert_eq!((found.flakes, found.runs), (0, 8));
    }

    #[test]
    fn a_test_that_fails_in_every_try_is_broken_however_flaky_it_was() {
        let healthy = [of(200, 1, 200, Outcome::Failed)];
        assert_eq!(standing(record(200, &healthy), NOBODY), Standing::Broken);
        assert_eq!(standing(record(201, &healthy), NOBODY), Standing::Healthy, "it has passed since");
        let flaky: Vec<RecentOutcome> = (1..=6).map(|place| of(place * 10, place, place, Outcome::Flaky)).collect();
        let with = |count: u32| -> Vec<RecentOutcome> {
            let failed = (61..61 + count).map(|place| of(place, place, place, Outcome::Failed));
            flaky.iter().copied().chain(failed).collect()
        };
        assert_eq!(standing(record(61, &with(1)), NOBODY), Standing::Flaky, "that happens to such a test");
        assert_eq!(standing(record(62, &with(2)), NOBODY), Standing::Broken);
    }

    #[test]
    fn a_test_that_never_passed_is_broken_and_not_flaky() {
        let recent = [of(1, 1, 1, Outcome::Failed), of(2, 2, 2, Outcome::Failed)];
        assert_eq!(standing(Record { runs: 1, passed: 0, recent: &recent[..1] }, NOBODY), Standing::Healthy);
        assert_eq!(standing(Record { runs: 2, passed: 0, recent: &recent }, NOBODY), Standing::Broken);
    }

    #[test]
    fn the_rarer_a_flake_the_longer_its_proof_of_health() {
        assert_eq!(quiet_runs_wanted(interval(300, 1_000)), 50);
        assert_eq!(quiet_runs_wanted(interval(10, 1_000)), 300);
        assert_eq!(quiet_runs_wanted(interval(3, 1_000)), 500);
        assert_eq!(quiet_runs_wanted(interval(0, 1_000)), 50);
        let recent = [of(10, 1, 10, Outcome::Flaky), of(30, 2, 30, Outcome::Flaky)];
        assert_eq!(quiet_runs(record(60, &recent), NOBODY), 30);
        assert_eq!(quiet_runs(record(60, &recent), |outcome| outcome.agent == 2), 50);
    }

    #[test]
    fn the_interval_narrows_with_the_number_of_runs() {
        let (few, many) = (interval(1, 10), interval(100, 1_000));
        assert!(few.low > 0.017 && few.low < 0.019 && few.high > 0.40 && few.high < 0.41, "{few:?}");
        assert!(many.low > 0.08 && many.high < 0.121, "{many:?}");
        assert_eq!(interval(0, 0), FlakeRate { flakes: 0, runs: 0, low: 0.0, high: 1.0 });
    }
}
