//! What a test job has shown is learned, a bit at a time, so that no step and no commit is long.

use std::time::Duration;

use muster_common::id::{JobId, TestIndex};
use muster_common::outcome::{Outcome, TryOutcome};
use muster_common::time::Wall;

use crate::Key;
use crate::deadlines::Deadline;
use crate::policy::remembering::{self, Sight};
use crate::policy::retry;
use crate::scheduler::Scheduler;
use crate::state::{Lesson, Suite, agent_number};

impl Scheduler {
    /// A test job has its verdict: it is to be learned from, unless it says nothing about its tests. What a suite that
    /// failed as a whole took is no measure either; in an outage tests fail for reasons that are not their own.
    pub(crate) fn begin_lesson(&mut self, job: JobId) {
        let found = self.job(job);
        let is_meant =
            found.row.end.as_ref().is_some_and(|end| matches!(end.outcome, Outcome::Passed | Outcome::Failed));
        let Some(suite) = found.sealed_suite().filter(|suite| is_meant && suite.is_decided()) else { return };
        if self.retry_situation(job).is_none_or(retry::is_suite_wide) {
            return;
        }
        let are_outcomes_meant = !suite.had_outage;
        let run = &self.runs.open[&job.run];
        let content = run.row.spec.workspace.map_or(0, |root| {
            root.hash.iter().take(size_of::<u32>()).fold(0, |number, byte| number << 8 | u32::from(*byte))
        });
        let lesson = Lesson {
            project: run.project.clone(),
            job_name: run.spec(job.job).name.clone(),
            content,
            are_outcomes_meant,
            next: TestIndex(0),
            suite: None,
        };
        self.memory.lessons.insert(job, lesson);
        self.deadlines.set_if_clear(Deadline::Memory, self.now.monotonic);
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
        let first = lesson.next.0 as usize;
        let end = suite.tests.len().min(first + TESTS_PER_LESSON_STEP);
        for index in first..end {
            let sight = sight(suite, index, &lesson);
            let place = self.memory.learn(number, &suite.names[index], job.run, &sight, seen(suite, index, at));
            self.pending.rows.extend(place.map(|place| Key::MemoryTest(number, place)));
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
    let outcome = test.verdict.filter(|_| lesson.are_outcomes_meant).and_then(remembering::outcome);
    Sight {
        duration_us: passed.or(failed).map(|test_try| test_try.duration_us),
        outcome,
        agent: failed.or(passed).map_or(0, |test_try| agent_number(&test_try.agent)),
        content: lesson.content,
    }
}

fn seen(suite: &Suite, index: usize, now: Wall) -> Wall {
    suite.tests[index].tries.last().map_or(now, |test_try| test_try.at)
}

/// Tests that are learned from, or forgotten, in one step.
const TESTS_PER_LESSON_STEP: usize = 1_000;
/// Time between two such steps: other work goes first.
const LESSON_PAUSE: Duration = Duration::from_millis(20);
