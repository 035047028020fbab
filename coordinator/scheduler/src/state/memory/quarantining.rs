//! Tests whose failures do not count for a while: which, since when, and when that ends.

use muster_common::time::Wall;

use super::{Memory, RememberedSuite, RememberedTest};
use crate::policy::flakiness;
use crate::{Key, Quarantine, RecentOutcome, Standing};

/// What is known of a test when its run begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Known {
    /// Whether it was seen before.
    pub(crate) is_seen: bool,
    /// What is to be thought of it.
    pub(crate) standing: Standing,
    /// Whether its failures count.
    pub(crate) is_quarantined: bool,
}

impl Memory {
    /// What is known of a test of a suite.
    pub(crate) fn known(&self, suite: &RememberedSuite, name: &str, now: Wall) -> Known {
        let Some(test) = suite.test(name) else { return Known::default() };
        Known {
            is_seen: true,
            standing: if test.recent.is_empty() { Standing::Healthy } else { self.standing(test) },
            is_quarantined: test.quarantine.as_ref().is_some_and(|quarantine| quarantine.until > now),
        }
    }

    /// Puts a test into quarantine, or changes why and for how long; returns the keys of its rows, one for each test job
    /// that has such a test.
    pub(crate) fn quarantine(
        &mut self,
        project: &str,
        job: Option<&str>,
        name: &str,
        quarantine: &Quarantine,
    ) -> Vec<Key> {
        self.change(project, job, name, |test| {
            let from_sighting = test.runs();
            test.quarantine = Some(Box::new(Quarantine { from_sighting, ..quarantine.clone() }));
            true
        })
    }

    /// Takes a test out of quarantine; returns the keys of the rows that have changed.
    pub(crate) fn release(&mut self, project: &str, job: Option<&str>, name: &str) -> Vec<Key> {
        self.change(project, job, name, |test| test.quarantine.take().is_some())
    }

    fn change(
        &mut self,
        project: &str,
        job: Option<&str>,
        name: &str,
        change: impl Fn(&mut RememberedTest) -> bool,
    ) -> Vec<Key> {
        let suites = self.projects.get(project).into_iter().flatten();
        let wanted: Vec<u32> =
            suites.filter(|(found, _)| job.is_none_or(|job| job == found.as_str())).map(|(_, suite)| *suite).collect();
        let mut keys = Vec::new();
        for suite in wanted {
            let Some(found) = self.suites.get_mut(&suite) else { continue };
            let Some(place) = found.place(name) else { continue };
            if found.tests[place as usize].as_mut().is_some_and(&change) {
                keys.push(Key::MemoryTest(suite, place));
            }
        }
        keys
    }

    /// Whether a test of a suite is to be looked at after its run.
    pub(crate) fn is_quarantined(&self, suite: u32, name: &str) -> bool {
        self.suites.get(&suite).and_then(|suite| suite.test(name)).is_some_and(|test| test.quarantine.is_some())
    }

    /// Puts a test into quarantine that is flaky, or takes it out because it has proved healthy, is broken, or its time
    /// is over. Returns the key of its row if that has changed.
    pub(crate) fn review(&mut self, suite: u32, name: &str, is_automatic: bool, now: Wall) -> Option<Key> {
        let place = self.suites.get(&suite)?.place(name)?;
        let test = self.suites.get(&suite)?.test(name)?;
        let quarantine = match test.quarantine.as_deref() {
            Some(quarantine) if self.is_over(test, quarantine, now) => None,
            None if is_automatic && self.standing(test) == Standing::Flaky => Some(self.automatic(test, now)),
            Some(_) | None => return None,
        };
        let test = self.suites.get_mut(&suite)?.tests.get_mut(place as usize)?.as_mut()?;
        test.quarantine = quarantine.map(Box::new);
        Some(Key::MemoryTest(suite, place))
    }

    fn is_over(&self, test: &RememberedTest, quarantine: &Quarantine, now: Wall) -> bool {
        let quiet = flakiness::quiet_runs(test.record(), |outcome| self.health.is_discredited(outcome));
        let since = test.runs().saturating_sub(quarantine.from_sighting);
        let rate = flakiness::rate(test.record(), |outcome| self.health.is_discredited(outcome));
        quarantine.until <= now
            || self.standing(test) == Standing::Broken
            || (quarantine.is_automatic && self.standing(test) == Standing::Healthy)
            || quiet.min(since) >= flakiness::quiet_runs_wanted(rate)
    }

    fn automatic(&self, test: &RememberedTest, now: Wall) -> Quarantine {
        let rate = flakiness::rate(test.record(), |outcome| self.health.is_discredited(outcome));
        Quarantine {
            owner: String::new(),
            reason: format!("flaky in {} of its last {} runs", rate.flakes, rate.runs),
            since: now,
            until: Wall { unix_ms: now.unix_ms.saturating_add(AUTOMATIC_MS) },
            is_automatic: true,
            from_sighting: test.runs(),
        }
    }

    fn standing(&self, test: &RememberedTest) -> Standing {
        flakiness::standing(test.record(), |outcome: &RecentOutcome| self.health.is_discredited(outcome))
    }
}

/// An automatic quarantine ends after 30 days; if the test is still flaky then, its next flake begins another.
const AUTOMATIC_MS: u64 = 2_592_000_000;

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use muster_common::id::{AgentName, RunId};

    use super::*;
    use crate::RememberedOutcome as Outcome;
    use crate::policy::diagnosis::Tally;
    use crate::policy::remembering::Sight;
    use crate::state::agent_number;

    struct Story {
        memory: Memory,
        suite: u32,
        run: u64,
    }

    impl Story {
        fn new() -> Self {
            let mut memory = Memory::default();
            let suite = memory.suite(&Arc::from("p"), "unit", Wall::default());
            Self { memory, suite, run: 0 }
        }

        fn run(&mut self, outcome: Outcome, agent: u32) -> Option<bool> {
            self.run += 1;
            let sight =
                Sight { duration_us: Some(1_000), outcome: Some(outcome), agent, content: self.run as u32, tries: 3 };
            self.memory.learn(self.suite, "t", RunId(self.run), &sight, self.now());
            let changed = self.memory.review(self.suite, "t", true, self.now());
            changed.map(|_| self.memory.is_quarantined(self.suite, "t"))
        }

        fn now(&self) -> Wall {
            Wall { unix_ms: self.run * 1_000 }
        }

        fn flaky() -> Self {
            let mut story = Self::new();
            for run in 1..=20 {
                let outcome = if run % 5 == 0 { Outcome::Flaky } else { Outcome::Passed };
                let changed = story.run(outcome, run % 3);
                assert_eq!(changed, (run == 15).then_some(true), "run {run}");
            }
            story
        }
    }

    fn by_hand(until_ms: u64) -> Quarantine {
        Quarantine {
            owner: "@team".to_owned(),
            reason: "waits for a ticket".to_owned(),
            since: Wall::default(),
            until: Wall { unix_ms: until_ms },
            is_automatic: false,
            from_sighting: 0,
        }
    }

    #[test]
    fn a_flaky_test_is_quarantined_until_it_has_proved_healthy() {
        let mut story = Story::flaky();
        let released = (0..200).position(|_| story.run(Outcome::Passed, 1) == Some(false));
        assert_eq!(released, Some(59), "sixty quiet runs, for its rate was 4 in 20 and falls meanwhile");
        for agent in [1, 2] {
            assert_eq!(story.run(Outcome::Flaky, agent), (agent == 1).then_some(true), "its past counts at once");
        }
    }

    #[test]
    fn a_quarantined_test_that_breaks_for_good_counts_again() {
        let mut story = Story::flaky();
        for _ in 0..2 {
            assert_eq!(story.run(Outcome::Failed, 1), None, "that happens to such a test");
        }
        assert_eq!(story.run(Outcome::Failed, 1), Some(false));
        assert_eq!(story.run(Outcome::Failed, 1), None, "and it stays outside");
    }

    #[test]
    fn a_test_that_only_sick_agents_failed_is_released_when_they_are_found() {
        let mut story = Story::flaky();
        let agents: Vec<AgentName> = ["a", "b", "c"].map(|name| AgentName(name.to_owned())).into();
        let test = story.memory.suites.get_mut(&story.suite).and_then(|suite| suite.tests[0].as_mut());
        for (outcome, agent) in test.expect("it is there").recent.iter_mut().zip(agents.iter().cycle()) {
            outcome.agent = agent_number(agent);
        }
        assert_eq!(story.run(Outcome::Passed, 1), None);
        for agent in &agents {
            story.memory.health.observe(agent, Tally::default(), &[], Wall::default());
            story.memory.health.fence_off(agent, Wall::default());
        }
        assert_eq!(story.run(Outcome::Passed, 1), Some(false));
    }

    #[test]
    fn what_passed_before_a_quarantine_by_hand_proves_nothing() {
        let mut story = Story::new();
        for _ in 0..100 {
            assert_eq!(story.run(Outcome::Passed, 1), None);
        }
        story.memory.quarantine("p", Some("unit"), "t", &by_hand(1_000_000));
        assert_eq!(story.run(Outcome::Passed, 1), None);
        assert!((0..100).any(|_| story.run(Outcome::Passed, 1) == Some(false)), "what passes afterwards does");
    }

    #[test]
    fn a_quarantine_by_hand_ends_at_its_time() {
        let mut story = Story::new();
        story.run(Outcome::Passed, 1);
        let quarantine = by_hand(3_000);
        assert_eq!(story.memory.quarantine("p", Some("unit"), "t", &quarantine), [Key::MemoryTest(0, 0)]);
        assert!(story.memory.quarantine("p", Some("other"), "t", &quarantine).is_empty());
        assert!(story.memory.quarantine("p", None, "u", &quarantine).is_empty());
        assert_eq!(story.run(Outcome::Passed, 1), None);
        let suite = story.memory.find("p", "unit").expect("it is there");
        assert!(story.memory.known(suite, "t", story.now()).is_quarantined);
        assert!(!story.memory.known(suite, "t", Wall { unix_ms: 3_000 }).is_quarantined, "its time is over");
        assert_eq!(story.run(Outcome::Passed, 1), Some(false));
        assert!(story.memory.release("p", None, "t").is_empty());
    }

    #[test]
    fn a_rate_that_rises_though_retries_pass_is_an_alarm() {
        let mut story = Story::new();
        for run in 1..=200 {
            story.run(if run % 20 == 0 { Outcome::Flaky } else { Outcome::Passed }, run % 7);
        }
        let row = |story: &Story| story.memory.test_row(story.suite, 0).expect("it is there");
        assert_eq!(row(&story).alarm_run, 0);
        for run in 0..20 {
            story.run(if run % 3 == 0 { Outcome::Flaky } else { Outcome::Passed }, run % 7);
        }
        assert!((201..=220).contains(&row(&story).alarm_run), "{:?}", row(&story));
    }
}
