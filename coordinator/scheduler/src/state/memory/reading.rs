//! What people may read of the memory.

use super::test::RUNS_OF_SHIFT;
use super::{Health, Memory, RememberedSuite, seconds_to_wall};
use crate::policy::flakiness;
use crate::policy::shift::{self, Usual};
use crate::{KnownTest, MemoryTestRow, RecentOutcome, RememberedOutcome};

impl Memory {
    /// Tests of a project from a place on, at most `limit`, and where the next ones begin.
    pub(crate) fn tests_from(
        &self,
        project: &str,
        from: (u32, u32),
        limit: usize,
    ) -> (Vec<KnownTest>, Option<(u32, u32)>) {
        let mut tests = Vec::new();
        let mut suites: Vec<u32> =
            self.projects.get(project).into_iter().flat_map(|suites| suites.values().copied()).collect();
        suites.sort_unstable();
        for suite in suites.into_iter().filter(|suite| *suite >= from.0) {
            let Some(found) = self.suites.get(&suite) else { continue };
            let begin = if suite == from.0 { from.1 } else { 0 };
            for place in begin..u32::try_from(found.tests.len()).unwrap_or(u32::MAX) {
                if tests.len() >= limit {
                    return (tests, Some((suite, place)));
                }
                tests.extend(found.known(place, &self.health));
            }
        }
        (tests, None)
    }

    /// Tests of a project with this name, one for each test job that has it.
    pub(crate) fn tests_named(&self, project: &str, name: &str) -> Vec<KnownTest> {
        let suites = self.projects.get(project).into_iter().flat_map(|suites| suites.values());
        let found = suites.filter_map(|suite| {
            let found = self.suites.get(suite)?;
            found.known(found.place(name)?, &self.health)
        });
        found.collect()
    }
}

impl RememberedSuite {
    pub(super) fn place(&self, name: &str) -> Option<u32> {
        let place = *self.places.get(&super::hash(name))?;
        let test = self.tests.get(place as usize)?.as_ref()?;
        (*test.name == *name).then_some(place)
    }

    /// What is to be said of a test whose rate will have shifted if it was flaky once more.
    pub(crate) fn shift_after_flake(&self, name: &str) -> Option<String> {
        let test = self.test(name)?;
        let usual = test.usual();
        if shift::after(test.shift, usual, true).is_some() {
            return None;
        }
        let end = usual.runs.max(test.runs().saturating_sub(RUNS_OF_SHIFT));
        let is_late = |outcome: &&RecentOutcome| outcome.outcome == RememberedOutcome::Flaky && outcome.sighting > end;
        let late = test.recent.iter().filter(is_late).count() + 1;
        let Usual { flakes, runs } = usual;
        Some(format!(
            "{name}: flaky in {late} of the last {} runs, and in {flakes} of {runs} before",
            RUNS_OF_SHIFT + 1
        ))
    }

    /// A test as it stands, with what its row does not count yet.
    fn known(&self, place: u32, health: &Health) -> Option<KnownTest> {
        let row = self.row_of(place)?;
        let test = self.tests.get(place as usize)?.as_ref()?;
        let passed = row.passed.saturating_add(test.passes_unwritten);
        let last_seen = seconds_to_wall(test.seen_s.max(test.last_seen_s));
        let is_discredited = |outcome: &RecentOutcome| health.is_discredited(outcome);
        Some(KnownTest {
            job: self.row.job.clone(),
            test: MemoryTestRow { passed, last_seen, ..row },
            rate: flakiness::rate(test.record(), is_discredited),
            standing: flakiness::standing(test.record(), is_discredited),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use muster_common::id::RunId;
    use muster_common::time::Wall;

    use super::*;
    use crate::policy::remembering::{Outcome, Sight};

    #[test]
    fn a_shift_is_told_with_how_often_the_test_was_flaky_lately_and_before() {
        let told_after = |runs: u64, flaky: &[u64]| {
            let mut memory = Memory::default();
            let suite = memory.suite(&Arc::from("p"), "unit", Wall::default());
            for run in 1..=runs {
                let outcome = if flaky.contains(&run) { Outcome::Flaky } else { Outcome::Passed };
                let content = u32::try_from(run).unwrap_or_default();
                let sight = Sight { duration_us: Some(9), outcome: Some(outcome), agent: 1, content, tries: 1 };
                memory.learn(suite, "t", RunId(run), &sight, Wall { unix_ms: run * 1_000 });
            }
            memory.find("p", "unit").and_then(|suite| suite.shift_after_flake("t"))
        };
        assert_eq!(told_after(60, &[10]), None, "one more flake is none");
        let told = told_after(61, &[10, 61]);
        assert_eq!(told.as_deref(), Some("t: flaky in 2 of the last 21 runs, and in 1 of 41 before"));
        let told = told_after(61, &[10, 11, 12, 41, 60, 61]);
        assert_eq!(told.as_deref(), Some("t: flaky in 3 of the last 21 runs, and in 4 of 41 before"));
    }

    #[test]
    fn pages_follow_each_other_over_all_suites_of_a_project() {
        let mut memory = Memory::default();
        let sight = Sight { duration_us: Some(9), outcome: Some(Outcome::Passed), agent: 1, content: 2, tries: 1 };
        for (project, job) in [("p", "unit"), ("q", "unit"), ("p", "slow")] {
            let suite = memory.suite(&Arc::from(project), job, Wall { unix_ms: 5_000 });
            for test in 0..5 {
                for run in 1..=3 {
                    memory.learn(
                        suite,
                        &format!("{project} {test}"),
                        RunId(run),
                        &sight,
                        Wall { unix_ms: run * 1_000 },
                    );
                }
            }
        }
        let mut seen = Vec::new();
        let mut from = Some((0, 0));
        while let Some(start) = from {
            let (tests, next) = memory.tests_from("p", start, 3);
            assert!(tests.len() <= 3);
            seen.extend(tests);
            from = next;
        }
        let expected: Vec<(String, String)> = ["unit", "slow"]
            .iter()
            .flat_map(|job| (0..5).map(|test| ((*job).to_owned(), format!("p {test}"))))
            .collect();
        let names: Vec<(String, String)> =
            seen.iter().map(|known| (known.job.clone(), known.test.name.clone())).collect();
        assert_eq!(names, expected);
        assert!(seen.iter().all(|known| known.test.passed == 3 && known.test.last_seen.unix_ms == 3_000));
        assert_eq!(memory.tests_named("p", "p 3").len(), 2);
        assert!(memory.tests_named("p", "q 3").is_empty());
    }
}
