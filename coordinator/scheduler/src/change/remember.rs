//! What a test job has shown is learned, a bit at a time, so that no step and no commit is long.

use std::collections::BTreeMap;
use std::time::Duration;

use muster_common::id::{AgentName, JobId, TestIndex};
use muster_common::outcome::{Outcome, TestVerdict, TryOutcome};
use muster_common::time::Wall;

use crate::deadlines::Deadline;
use crate::policy::diagnosis::{self, Tally};
use crate::policy::remembering::{self, Sight};
use crate::policy::retry;
use crate::scheduler::Scheduler;
use crate::state::{Lesson, Suite, agent_number, name_number};
use crate::{Key, RememberedOutcome, RunKind};

impl Scheduler {
    /// A test job has its verdict: it is to be learned from, unless it says nothing about its tests. What a suite that
    /// failed as a whole took is no measure either; in an outage tests fail for reasons that are not their own.
    pub(crate) fn begin_lesson(&mut self, job: JobId) {
        let found = self.job(job);
        let is_meant =
            found.row.end.as_ref().is_some_and(|end| matches!(end.outcome, Outcome::Passed | Outcome::Failed));
        let Some(suite) = found.sealed_suite().filter(|suite| is_meant && suite.is_decided()) else { return };
        let Some(situation) = self.retry_situation(job) else { return };
        let is_suite_wide = retry::is_suite_wide(situation);
        let kind = if is_suite_wide { RunKind::ManyFailed } else { self.kind_of(suite) };
        let run = &self.runs.open[&job.run];
        let content = run.row.spec.workspace.map_or(0, |root| {
            let [first, second, third, fourth, ..] = root.hash;
            u32::from_be_bytes([first, second, third, fourth])
        });
        let (project, job_name) = (run.project.clone(), run.spec(job.job).name.clone());
        let number = self.memory.suite(&project, &job_name, self.now.wall);
        let kind = if let Some(kind) = self.memory.judged(number, job.run) {
            kind
        } else {
            self.memory.judge_run(number, job.run, kind);
            self.pending.rows.insert(Key::MemorySuite(number));
            if kind != RunKind::Outage && !is_suite_wide {
                self.learn_of_agents(job);
            }
            kind
        };
        if is_suite_wide {
            return;
        }
        let lesson = Lesson { project, job_name, content, kind, next: TestIndex(0), suite: None };
        self.memory.lessons.insert(job, lesson);
        self.deadlines.set_if_clear(Deadline::Memory, self.now.monotonic);
    }

    /// What the failures of a test job say. Agents that are fenced off say nothing.
    fn kind_of(&self, suite: &Suite) -> RunKind {
        if suite.had_outage {
            return RunKind::Outage;
        }
        let trusted = suite.tallies().filter(|(agent, _)| self.memory.health.fence(agent).is_none());
        let tallies: BTreeMap<u32, Tally> = trusted.map(|(agent, tally)| (agent_number(agent), tally)).collect();
        diagnosis::of_run(u32::try_from(suite.tests.len()).unwrap_or(u32::MAX), suite.newly_failed, &tallies)
    }

    /// Learns from a test job how its agents treat tests, and fences off those that are sick.
    fn learn_of_agents(&mut self, job: JobId) {
        let suite = self.suite(job);
        let seen: Vec<(AgentName, Tally, Vec<u32>)> = suite
            .tallies()
            .map(|(agent, tally)| {
                let tests = suite.surprises.get(agent).map_or(&[][..], Vec::as_slice);
                let numbers = tests.iter().map(|test| name_number(suite.name(*test))).collect();
                (agent.clone(), tally, numbers)
            })
            .collect();
        let at = self.now.wall;
        for (agent, tally, tests) in &seen {
            let number = self.memory.health.observe(agent, *tally, tests, at);
            self.pending.rows.extend(number.map(Key::AgentHealth));
        }
        let forgotten = self.memory.health.forget_excess();
        self.pending.rows.extend(forgotten);
        let surprising = seen.iter().filter(|(_, tally, _)| tally.surprises > 0).map(|(agent, ..)| agent);
        for agent in self.memory.health.sick(surprising) {
            self.fence_agent(&agent);
        }
    }

    /// Tests of a job whose first tries fail more often than they did, this run included.
    pub(crate) fn shifts(&self, job: JobId) -> Vec<String> {
        let (run, suite) = (&self.runs.open[&job.run], self.suite(job));
        if suite.verdicts.flaky == 0 || self.kind_of(suite) != RunKind::Telling {
            return Vec::new();
        }
        let Some(known) = self.memory.find(&run.project, &run.spec(job.job).name) else { return Vec::new() };
        let flaky = suite.names.iter().zip(&suite.tests).filter(|(_, test)| test.verdict == Some(TestVerdict::Flaky));
        flaky.filter_map(|(name, _)| known.shift_after_flake(name)).take(ALARMS_MAX).collect()
    }

    /// Learns from the next tests, and forgets what is too much.
    pub(crate) fn learn_on(&mut self) {
        if let Some((job, lesson)) = self.memory.lessons.pop_first() {
            self.learn_from(job, lesson);
        }
        let buried = self.memory.bury(TESTS_PER_LESSON_STEP);
        self.pending.rows.extend(buried);
        if self.memory.has_work() {
            self.deadlines.set(Deadline::Memory, self.now.monotonic + LESSON_PAUSE);
        }
    }

    fn learn_from(&mut self, job: JobId, mut lesson: Lesson) {
        let kept = lesson.suite.take();
        let known = self.jobs.get(&job).and_then(|found| found.suite.as_deref());
        let Some(suite) = kept.as_deref().or(known) else { return };
        let at = self.now.wall;
        let number = self.memory.suite(&lesson.project, &lesson.job_name, at);
        if lesson.next.0 == 0 {
            self.memory.see_suite(number, at);
            self.pending.rows.insert(Key::MemorySuite(number));
        }
        let is_automatic = self.config.quarantines(&lesson.project);
        let first = lesson.next.0 as usize;
        let end = suite.tests.len().min(first + TESTS_PER_LESSON_STEP);
        for index in first..end {
            let (name, sight) = (&suite.names[index], sight(suite, index, &lesson));
            let place = self.memory.learn(number, name, job.run, &sight, seen(suite, index, at));
            self.pending.rows.extend(place.map(|place| Key::MemoryTest(number, place)));
            let is_news = sight.outcome.is_some_and(|outcome| outcome != RememberedOutcome::Passed);
            if is_news || self.memory.is_quarantined(number, name) {
                self.pending.rows.extend(self.memory.review(number, name, is_automatic, at));
            }
        }
        let forgotten = self.memory.forget_excess(&lesson.project, TESTS_PER_LESSON_STEP);
        self.pending.rows.extend(forgotten);
        if end < suite.tests.len() {
            lesson.next = TestIndex(u32::try_from(end).unwrap_or(u32::MAX));
            lesson.suite = kept;
            self.memory.lessons.insert(job, lesson);
        }
    }
}

fn sight(suite: &Suite, index: usize, lesson: &Lesson) -> Sight {
    let test = &suite.tests[index];
    let passed = test.tries.iter().rev().find(|test_try| test_try.outcome == TryOutcome::Passed);
    let failed = test.tries.iter().find(|test_try| test_try.outcome == TryOutcome::Failed);
    let outcome = match (lesson.kind, test.verdict) {
        (RunKind::Outage, _) | (_, None) => None,
        (RunKind::ManyFailed, Some(TestVerdict::Failed)) => Some(RememberedOutcome::FailedInCompany),
        (RunKind::Telling | RunKind::ManyFailed, Some(verdict)) => remembering::outcome(verdict),
    };
    Sight {
        duration_us: passed.or(failed).map(|test_try| test_try.duration_us),
        outcome,
        agent: failed.or(passed).map_or(0, |test_try| agent_number(&test_try.agent)),
        content: lesson.content,
        tries: u8::try_from(test.tries.len()).unwrap_or(u8::MAX),
    }
}

fn seen(suite: &Suite, index: usize, now: Wall) -> Wall {
    suite.tests[index].tries.last().map_or(now, |test_try| test_try.at)
}

/// Tests that are learned from, or forgotten, in one step.
const TESTS_PER_LESSON_STEP: usize = 1_000;
/// Alarms of one job.
const ALARMS_MAX: usize = 20;
/// Time between two such steps: other work goes first.
const LESSON_PAUSE: Duration = Duration::from_millis(20);

#[cfg(test)]
mod tests {
    use muster_common::id::{Epoch, JobIndex, RunId, Token};

    use super::*;
    use crate::state::Test;
    use crate::{Config, TryRow};

    fn test_try(attempt: u32, outcome: TryOutcome, on: &str) -> TryRow {
        let (token, message, output) = (Token { epoch: Epoch(1), counter: 1 }, String::new(), None);
        let (agent, at) = (AgentName(on.to_owned()), Wall { unix_ms: 7_000 });
        TryRow { attempt, token, outcome, duration_us: 8, message, output, agent, at }
    }

    /// A suite of so many tests like this one.
    fn suite(tests: usize, test: &Test) -> Suite {
        let mut suite = Suite::default();
        suite.names = (0..tests).map(|number| format!("t{number}")).collect();
        suite.tests = vec![test.clone(); tests];
        suite
    }

    /// A test job of this run has ended.
    fn teach(scheduler: &mut Scheduler, run: u64, suite: Suite) {
        let lesson = Lesson {
            project: "project".into(),
            job_name: "unit".to_owned(),
            content: 0,
            kind: RunKind::Telling,
            next: TestIndex(0),
            suite: Some(Box::new(suite)),
        };
        scheduler.memory.lessons.insert(JobId { run: RunId(run), job: JobIndex(0) }, lesson);
    }

    #[test]
    fn a_long_lesson_is_learned_in_steps_with_a_pause_between() {
        let mut scheduler = Scheduler::new(Config::default(), Epoch(1));
        let tests = TESTS_PER_LESSON_STEP + 5;
        teach(&mut scheduler, 1, suite(tests, &Test::default()));
        scheduler.learn_on();
        assert_eq!(scheduler.memory.keys().count(), 1 + TESTS_PER_LESSON_STEP, "the suite, and its first tests");
        let next = scheduler.deadlines.moment(&Deadline::Memory);
        assert_eq!(next, Some(scheduler.now.monotonic + LESSON_PAUSE));
        scheduler.learn_on();
        assert_eq!(scheduler.memory.keys().count(), 1 + tests);
        assert!(!scheduler.memory.has_work());
    }

    #[test]
    fn a_flaky_test_is_put_into_quarantine_by_the_run_that_shows_it() {
        let config = Config { auto_quarantine: ["*".to_owned()].into(), ..Config::default() };
        let mut scheduler = Scheduler::new(config, Epoch(1));
        let is_quarantined = |run: u64, scheduler: &mut Scheduler| {
            let on = if run.is_multiple_of(2) { "a1" } else { "a2" };
            let tries = vec![test_try(1, TryOutcome::Failed, on), test_try(2, TryOutcome::Passed, "a3")];
            teach(scheduler, run, suite(1, &Test { tries, verdict: Some(TestVerdict::Flaky), ..Test::default() }));
            scheduler.learn_on();
            scheduler.memory.is_quarantined(0, "t0")
        };
        let found: Vec<bool> = (1..=3).map(|run| is_quarantined(run, &mut scheduler)).collect();
        assert_eq!(found, [false, false, true]);
    }

    #[test]
    fn a_test_was_seen_when_its_last_try_ended() {
        let now = Wall { unix_ms: 9_000 };
        let ran = Test { tries: vec![test_try(1, TryOutcome::Passed, "a1")], ..Test::default() };
        assert_eq!(seen(&suite(1, &ran), 0, now), Wall { unix_ms: 7_000 });
        assert_eq!(seen(&suite(1, &Test::default()), 0, now), now, "nobody ran it");
    }
}
