//! Results of tests. Which of them count is explained here and nowhere else.
//!
//! A result names the batch in which its test was dealt, and a batch holds one try of each of its tests. The result
//! counts if that try has not ended yet and
//! - the batch is live, or
//! - the batch is over (its lease has expired) and the result says more than that the test could not be run: the work
//!   was repeatable and was done, so it need not be done again. Not of a test of a unit or a group that another shard
//!   holds by now: that one cannot leave it out, and counts as long as it may run.
//!
//! Whatever does not count changes nothing, and is acknowledged like everything else so that the agent's spool empties:
//! a second copy of a message, a result of a test that was decided elsewhere, a batch that nobody knows any more.

use muster_common::control::{Output, TestResult, TestResults};
use muster_common::error_code::{Reason, ReasonCode};
use muster_common::id::{AgentName, JobId, TestIndex, Token};
use muster_common::outcome::{Outcome, TryOutcome};

use crate::TryRow;
use crate::scheduler::Scheduler;

impl Scheduler {
    pub(crate) fn on_test_results(&mut self, agent: &AgentName, results: TestResults) {
        let token = results.batch;
        let Some(batch) = self.batches.get(&token) else { return };
        let (job, shard) = (batch.row.job, batch.row.shard);
        if self.leases.get(&shard).is_none_or(|lease| lease.row.agent != *agent) {
            return;
        }
        if let Some(unknown) = results.results.iter().find(|result| !batch.attempts.contains_key(&result.test)) {
            let reason = self.unknown_test(job, unknown, agent);
            return self.end_job(job, Outcome::Errored, Some(reason));
        }
        self.note_fruit(job, shard);
        for result in results.results {
            self.take_result(agent, job, token, result);
        }
    }

    fn take_result(&mut self, agent: &AgentName, job: JobId, token: Token, result: TestResult) {
        let Some(batch) = self.batches.get(&token) else { return };
        if !batch.open.contains(&result.test) || (batch.row.is_over && result.outcome == TryOutcome::Errored) {
            return;
        }
        let found = self.suite(job).test(result.test);
        if batch.row.is_over && found.is_bound && !found.live.is_empty() {
            return;
        }
        let test_try = TryRow {
            attempt: batch.attempts[&result.test],
            token,
            outcome: result.outcome,
            duration_us: result.duration_us,
            message: result.message,
            output: match result.output {
                Output::Stored(digest) => Some(digest),
                Output::None | Output::Inline(_) => None,
            },
            agent: agent.clone(),
            at: self.now.wall,
        };
        if result.outcome == TryOutcome::Passed {
            self.note_pace(agent, job, result.test, result.duration_us);
        }
        self.end_try(job, result.test, test_try);
    }

    /// How long a test took is known of its suite, and beside that of its agent.
    fn note_pace(&mut self, agent: &AgentName, job: JobId, test: TestIndex, took_us: u64) {
        let suite = self.suite_mut(job);
        let expected = suite.test(test).expected;
        if expected.high_us == 0 {
            return;
        }
        suite.pace.note(expected.mean_us, took_us);
        let usual_us = expected.mean_us.saturating_mul(suite.pace.percent(TESTS_DOUBTED)) / 100;
        if let Some(agent) = self.agents.table.get_mut(agent) {
            agent.pace.note(usual_us.max(1), took_us);
        }
    }

    fn note_fruit(&mut self, job: JobId, shard: Token) {
        let now = self.now.monotonic;
        let suite = self.suite_mut(job);
        suite.note_progress(shard, now);
        suite.barren_shards = 0;
        if let Some(shard) = suite.shards.get_mut(&shard) {
            shard.has_result = true;
        }
    }

    fn unknown_test(&self, job: JobId, result: &TestResult, agent: &AgentName) -> Reason {
        let name = self.suite(job).names.get(result.test.0 as usize);
        let named = name.map_or_else(|| format!("number {}", result.test), |name| format!("`{name}`"));
        let message = format!("agent `{agent}` has sent a result for test {named}, which it was not given");
        Reason::new(ReasonCode::TestUnknown, message)
    }
}

/// A suite is thought to take what is expected of it as if so many of its tests had.
const TESTS_DOUBTED: u64 = 32;
