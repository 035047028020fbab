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
            root.hash.iter().take(size_of::<u32>()).fold(0, |number, byte| number << 8 | u32::from(*byte))
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
