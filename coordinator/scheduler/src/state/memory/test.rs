//! What is remembered of one test, and what a run adds to that.

use muster_common::id::RunId;

use super::{run_number, seconds, seconds_to_wall};
use crate::policy::flakiness::{self, Record};
use crate::policy::remembering::{self, Sight};
use crate::policy::shift::{self, Usual};
use crate::state::Expected;
use crate::{MemoryTestRow, Quarantine, RecentOutcome, RememberedOutcome};

/// One test. There may be millions, so it is kept small.
#[derive(Clone, Debug)]
pub(super) struct RememberedTest {
    pub(super) name: Box<str>,
    pub(super) mean_us: u64,
    pub(super) high_us: u64,
    pub(super) passed: u32,
    pub(super) failed: u32,
    pub(super) flaky: u32,
    pub(super) first_seen_s: u32,
    /// As its row says.
    pub(super) last_seen_s: u32,
    pub(super) last_run: u32,
    /// As the last run showed; what its row says lags by a few runs in which nothing was new.
    pub(super) seen_s: u32,
    /// Runs in which it passed that its row does not count yet.
    pub(super) passes_unwritten: u32,
    /// What speaks for a raised rate of first failures.
    pub(super) shift: u32,
    pub(super) alarm_run: u32,
    /// The last run in which it passed, and on what; known in memory only.
    pub(super) passed_run: u32,
    pub(super) passed_content: u32,
    pub(super) recent: Box<[RecentOutcome]>,
    pub(super) quarantine: Option<Box<Quarantine>>,
}

impl RememberedTest {
    /// It was seen for the first time.
    pub(super) fn new(name: &str, seen_s: u32) -> Self {
        Self {
            name: name.into(),
            mean_us: 0,
            high_us: 0,
            passed: 0,
            failed: 0,
            flaky: 0,
            first_seen_s: seen_s,
            last_seen_s: 0,
            last_run: 0,
            seen_s,
            passes_unwritten: 0,
            shift: 0,
            alarm_run: 0,
            passed_run: 0,
            passed_content: 0,
            recent: Box::default(),
            quarantine: None,
        }
    }

    /// As its row says.
    pub(super) fn from_row(row: MemoryTestRow) -> Self {
        let runs = row.passed.saturating_add(row.failed).saturating_add(row.flaky);
        Self {
            name: row.name.into_boxed_str(),
            mean_us: row.mean_us,
            high_us: row.high_us,
            passed: row.passed,
            failed: row.failed,
            flaky: row.flaky,
            first_seen_s: seconds(row.first_seen),
            last_seen_s: seconds(row.last_seen),
            last_run: run_number(row.last_run),
            seen_s: seconds(row.last_seen),
            passes_unwritten: 0,
            shift: row.shift,
            alarm_run: row.alarm_run,
            passed_run: 0,
            passed_content: 0,
            recent: with_sightings(row.recent, runs),
            quarantine: row.quarantine,
        }
    }

    /// What is to be stored of it.
    pub(super) fn row(&self, suite: u32, place: u32) -> MemoryTestRow {
        MemoryTestRow {
            suite,
            place,
            name: self.name.to_string(),
            mean_us: self.mean_us,
            high_us: self.high_us,
            passed: self.passed,
            failed: self.failed,
            flaky: self.flaky,
            first_seen: seconds_to_wall(self.first_seen_s),
            last_seen: seconds_to_wall(self.last_seen_s),
            last_run: RunId(u64::from(self.last_run)),
            recent: self.recent.to_vec(),
            shift: self.shift,
            alarm_run: self.alarm_run,
            quarantine: self.quarantine.clone(),
        }
    }

    /// Takes what a run has shown. Returns whether what its row says has changed. Where a pass showed nothing new it does not, so that a run of
    /// tests that behave as ever writes next to nothing.
    pub(super) fn take(&mut self, run: RunId, sight: &Sight, seen_s: u32) -> bool {
        let known = Expected { mean_us: self.mean_us, high_us: self.high_us };
        let moved = sight.duration_us.map_or(known, |duration_us| remembering::moved(known, duration_us));
        let is_pass = sight.outcome == Some(RememberedOutcome::Passed);
        let is_news = !is_pass || self.shift > 0 || remembering::is_contradiction(&self.recent, sight.content);
        if is_pass {
            (self.passed_run, self.passed_content) = (run_number(run), sight.content);
        }
        let is_quiet = sight.outcome.is_none() || !is_news;
        if is_quiet && self.last_run != 0 && !remembering::is_worth_a_write(known, moved) {
            self.passes_unwritten += u32::from(is_pass);
            if self.passes_unwritten < PASSES_UNWRITTEN_MAX {
                return false;
            }
            self.passes_unwritten -= u32::from(is_pass);
        }
        (self.mean_us, self.high_us) = (moved.mean_us, moved.high_us);
        self.passed = self.passed.saturating_add(std::mem::take(&mut self.passes_unwritten));
        if let Some(outcome) = sight.outcome {
            self.watch_for_shift(run, outcome);
            self.count(run, sight, outcome);
        }
        self.last_run = run_number(run);
        self.last_seen_s = seen_s;
        true
    }

    fn count(&mut self, run: RunId, sight: &Sight, outcome: RememberedOutcome) {
        let newest = RecentOutcome {
            run: run_number(run),
            agent: sight.agent,
            content: sight.content,
            outcome,
            sighting: self.runs().saturating_add(1),
            tries: sight.tries,
        };
        let is_contradiction = remembering::is_contradiction(&self.recent, sight.content);
        match outcome {
            RememberedOutcome::Passed => {
                self.passed = self.passed.saturating_add(1);
                if is_contradiction {
                    self.remember(newest);
                }
            }
            RememberedOutcome::Failed => {
                self.failed = self.failed.saturating_add(1);
                if sight.content != 0 && self.passed_content == sight.content {
                    let (run, sighting) = (self.passed_run, newest.sighting - 1);
                    self.remember(RecentOutcome { run, sighting, outcome: RememberedOutcome::Passed, ..newest });
                }
                self.remember(newest);
            }
            RememberedOutcome::FailedInCompany => {
                self.failed = self.failed.saturating_add(1);
                self.remember(newest);
            }
            RememberedOutcome::Flaky => {
                self.flaky = self.flaky.saturating_add(1);
                self.remember(newest);
            }
        }
    }

    fn remember(&mut self, newest: RecentOutcome) {
        self.recent = remembering::recent(&self.recent, newest).into_boxed_slice();
    }

    /// A test that fails in the end is seen anyway; what retries hide is watched.
    fn watch_for_shift(&mut self, run: RunId, outcome: RememberedOutcome) {
        let is_flake = match outcome {
            RememberedOutcome::Flaky => true,
            RememberedOutcome::Passed => false,
            RememberedOutcome::Failed | RememberedOutcome::FailedInCompany => return,
        };
        if !is_flake && self.shift == 0 {
            return;
        }
        match shift::after(self.shift, self.usual(), is_flake) {
            Some(sum) => self.shift = sum,
            None => (self.shift, self.alarm_run) = (0, run_number(run)),
        }
    }

    /// How often it was flaky before its last runs.
    pub(super) fn usual(&self) -> Usual {
        let end = self.runs().saturating_sub(RUNS_OF_SHIFT);
        let begin = flakiness::window_begin(Record { runs: end, ..self.record() });
        let is_before = |outcome: &&RecentOutcome| {
            outcome.outcome == RememberedOutcome::Flaky && outcome.sighting > begin && outcome.sighting <= end
        };
        let flakes = u32::try_from(self.recent.iter().filter(is_before).count()).unwrap_or(u32::MAX);
        Usual { flakes, runs: end.saturating_sub(begin) }
    }

    /// Runs that were counted.
    pub(super) fn runs(&self) -> u32 {
        let written = self.passed.saturating_add(self.failed).saturating_add(self.flaky);
        written.saturating_add(self.passes_unwritten)
    }

    /// What rules about flakes ask for.
    pub(super) fn record(&self) -> Record<'_> {
        let passed = self.runs().saturating_sub(self.failed);
        Record { runs: self.runs(), passed, recent: &self.recent }
    }
}

/// Outcomes of a row that does not say yet which of the test's runs they were: taken for the last ones.
fn with_sightings(mut recent: Vec<RecentOutcome>, runs: u32) -> Box<[RecentOutcome]> {
    let count = u32::try_from(recent.len()).unwrap_or(u32::MAX);
    for (place, outcome) in (1..).zip(&mut recent) {
        if outcome.sighting == 0 {
            outcome.sighting = (runs.saturating_sub(count) + place).max(1);
        }
    }
    recent.into_boxed_slice()
}

/// A test's row counts its passes after so many at the latest.
const PASSES_UNWRITTEN_MAX: u32 = 16;
/// The usual rate of a test is that before its last so many runs.
pub(super) const RUNS_OF_SHIFT: u32 = 20;

#[cfg(test)]
mod tests {
    use super::*;

    fn sight(outcome: RememberedOutcome, content: u32) -> Sight {
        Sight { duration_us: Some(9), outcome: Some(outcome), agent: 1, content, tries: 1 }
    }

    #[test]
    fn a_failure_on_content_that_passed_before_is_remembered_with_that_pass() {
        let mut test = RememberedTest::new("t", 9);
        for run in 1..=3 {
            test.take(RunId(run), &sight(RememberedOutcome::Passed, 7), 9);
        }
        test.take(RunId(4), &sight(RememberedOutcome::Failed, 7), 9);
        let recent: Vec<_> = test.recent.iter().map(|known| (known.outcome, known.sighting, known.run)).collect();
        assert_eq!(recent, [(RememberedOutcome::Passed, 3, 3), (RememberedOutcome::Failed, 4, 4)]);
    }

    #[test]
    fn what_is_usual_is_taken_from_a_window_that_ends_before_the_last_runs() {
        let end = flakiness::WINDOW + 10;
        let of_flaky = |flaky: &[u32]| {
            let mut test = RememberedTest::new("t", 9);
            for run in 1..=end + RUNS_OF_SHIFT {
                let outcome = if flaky.contains(&run) { RememberedOutcome::Flaky } else { RememberedOutcome::Passed };
                test.take(RunId(u64::from(run)), &sight(outcome, run), 9);
            }
            test
        };
        let usual = |test: &RememberedTest| (test.usual().flakes, test.usual().runs);
        assert_eq!(usual(&of_flaky(&[10, 11, 500])), (2, flakiness::WINDOW), "the first lies before the window");
        let mut test = of_flaky(&[500, end, end + 1]);
        assert_eq!(usual(&test), (2, flakiness::WINDOW), "the last lies behind it");
        test.recent[0].outcome = RememberedOutcome::Failed;
        assert_eq!(usual(&test), (1, flakiness::WINDOW), "a failure is no flake");
    }

    #[test]
    fn outcomes_without_a_number_were_the_last_ones() {
        let outcome = |sighting| RecentOutcome {
            run: 1,
            agent: 1,
            content: 1,
            outcome: RememberedOutcome::Flaky,
            sighting,
            tries: 1,
        };
        let numbers = |of: &[u32], runs| {
            let recent = with_sightings(of.iter().map(|sighting| outcome(*sighting)).collect(), runs);
            recent.iter().map(|outcome| outcome.sighting).collect::<Vec<_>>()
        };
        assert_eq!(numbers(&[0, 0, 0], 10), [8, 9, 10]);
        assert_eq!(numbers(&[3, 0, 9], 10), [3, 9, 9], "what has a number keeps it");
        assert_eq!(numbers(&[0, 0], 0), [1, 2]);
    }
}
