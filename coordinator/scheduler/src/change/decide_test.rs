//! A try of a test has ended: the test is tried again, or has its verdict.

use std::collections::BTreeMap;
use std::time::Duration;

use muster_common::id::{AgentName, JobId, TestIndex, Token};
use muster_common::limits::LOST_ATTEMPTS_MAX;
use muster_common::outcome::{TestVerdict, TryOutcome};
use muster_common::spec::Work;

use crate::policy::{retry, stress, verdict};
use crate::scheduler::Scheduler;
use crate::{Event, Key, TryRow};

impl Scheduler {
    /// Takes the end of a test's current try. Copies of it elsewhere are withdrawn.
    pub(crate) fn end_try(&mut self, job: JobId, test: TestIndex, test_try: TryRow) {
        let verdict = self.verdict_after(job, test, &test_try);
        self.record_try(job, test, test_try, verdict);
        if self.retry_situation(job).is_some_and(retry::is_suite_wide) {
            self.stop_retries(job);
        }
    }

    /// Ends a test that is not to be run again, whatever its retries: it is errored.
    pub(crate) fn condemn_test(&mut self, job: JobId, test: TestIndex, test_try: TryRow) {
        self.record_try(job, test, test_try, Some(TestVerdict::Errored));
    }

    fn record_try(&mut self, job: JobId, test: TestIndex, test_try: TryRow, verdict: Option<TestVerdict>) {
        self.withdraw_copies(job, test, test_try.token);
        let is_retry_of_failure = verdict.is_none() && test_try.outcome == TryOutcome::Failed;
        let suite = self.suite_mut(job);
        suite.forget_waiting(test);
        suite.add_try(test, test_try.clone());
        match verdict {
            Some(verdict) => suite.decide(test, verdict),
            None => suite.await_dealing(test),
        }
        let name = suite.name(test).to_owned();
        if is_retry_of_failure {
            self.runs.open.get_mut(&job.run).expect("a job's run is open").retries += 1;
        }
        self.touch(Key::Test(job, test));
        self.pending.offers.insert(job);
        self.pending.jobs_changed.insert(job);
        let is_quarantined = self.suite(job).test(test).known.is_quarantined;
        let event = Event::TestFinished { job, test, name, test_try: Box::new(test_try), verdict, is_quarantined };
        self.publish(job.run, event);
    }

    fn verdict_after(&self, job: JobId, test: TestIndex, test_try: &TryRow) -> Option<TestVerdict> {
        let mut tries = self.suite(job).test(test).tries.clone();
        tries.push(test_try.clone());
        let passed = tries.iter().filter(|test_try| test_try.outcome == TryOutcome::Passed).count();
        let count = |tries: usize| u32::try_from(tries).unwrap_or(u32::MAX);
        let situation = self.retry_situation(job)?;
        let tries_again = retry::tries_again(situation, count(tries.len() - passed), test_try.outcome)
            || passed == tries.len()
                && !retry::is_suite_wide(situation)
                && self.repeats(job, test, count(passed), test_try);
        (!tries_again).then(|| verdict::of_test(&tries))
    }

    /// Whether a test that has only passed is run once more, because it is new.
    fn repeats(&self, job: JobId, test: TestIndex, passed: u32, last: &TryRow) -> bool {
        let Some(stress) = &self.runs.open[&job.run].row.spec.stress else { return false };
        let took = Duration::from_micros(last.duration_us);
        self.suite(job).stressed.contains(&test) && stress::repeats(stress.times, passed, took)
    }

    pub(crate) fn retry_situation(&self, job: JobId) -> Option<retry::Suite> {
        let run = self.runs.open.get(&job.run)?;
        let suite = self.job(job).sealed_suite()?;
        let retries = match &run.spec(job.job).work {
            Work::Tests(tests) => tests.retries,
            Work::Steps(_) | Work::TestBuild(_) => 0,
        };
        Some(retry::Suite {
            retries,
            first_tries: suite.first_tries,
            first_failures: suite.first_failures,
            run_retries: run.retries,
            run_tests: run.tests,
        })
    }

    /// The whole suite is broken: failed tests that wait for a retry have their verdict. Their retries are not made, and
    /// so are not charged to the run.
    fn stop_retries(&mut self, job: JobId) {
        let suite = self.suite(job);
        let has_failed = |test: &TestIndex| {
            suite.test(*test).tries.last().is_some_and(|test_try| test_try.outcome == TryOutcome::Failed)
        };
        let failed: Vec<TestIndex> = suite.all_alone().into_iter().filter(has_failed).collect();
        for test in failed {
            let suite = self.suite_mut(job);
            suite.forget_waiting(test);
            let verdict = verdict::of_test(&suite.test(test).tries);
            suite.decide(test, verdict);
            let past = std::mem::take(&mut suite.test_mut(test).past);
            for token in past {
                self.drop_from_batch(token, test);
            }
            self.runs.open.get_mut(&job.run).expect("a job's run is open").retries -= 1;
            self.touch(Key::Test(job, test));
            self.publish_decided(job, test, verdict);
        }
    }

    /// Says of a test's last try, which was published before, that it has decided the test.
    fn publish_decided(&mut self, job: JobId, test: TestIndex, verdict: TestVerdict) {
        let suite = self.suite(job);
        let Some(test_try) = suite.test(test).tries.last().cloned() else { return };
        let name = suite.name(test).to_owned();
        let (is_quarantined, verdict) = (suite.test(test).known.is_quarantined, Some(verdict));
        let event = Event::TestFinished { job, test, name, test_try: Box::new(test_try), verdict, is_quarantined };
        self.publish(job.run, event);
    }

    /// Takes a test out of every batch that holds its current try; the agents of all but `told` are to give it up.
    fn withdraw_copies(&mut self, job: JobId, test: TestIndex, told: Token) {
        let found = self.suite_mut(job).test_mut(test);
        let (copies, past) = (found.live.clone(), std::mem::take(&mut found.past));
        for token in copies {
            if token != told {
                self.withdraw(token, test);
            }
            self.drop_from_batch(token, test);
        }
        for token in past {
            self.drop_from_batch(token, test);
        }
    }

    /// Has an agent told that a test of a batch is not wanted from it any more.
    fn withdraw(&mut self, token: Token, test: TestIndex) {
        let Some(batch) = self.batches.get(&token) else { return };
        let Some(lease) = self.leases.get(&batch.row.shard) else { return };
        let (job, shard) = (batch.row.job, batch.row.shard);
        let withdrawal = self.pending.withdrawals.entry(token);
        withdrawal.or_insert_with(|| (lease.row.agent.clone(), Vec::new())).1.push(test);
        if let Some(shard) = self.suite_mut(job).shards.get_mut(&shard) {
            shard.has_withdrawn = true;
        }
    }

    /// A batch has nothing more to say about a test.
    pub(crate) fn drop_from_batch(&mut self, token: Token, test: TestIndex) {
        let Some(batch) = self.batches.get_mut(&token) else { return };
        if !batch.open.remove(&test) {
            return;
        }
        batch.started.remove(&test);
        let (job, shard, is_over, is_empty) =
            (batch.row.job, batch.row.shard, batch.row.is_over, batch.open.is_empty());
        if !is_over {
            let suite = self.suite_mut(job);
            suite.remove_live(test, token);
            suite.remove_open(shard, test);
            self.refresh_idle(job, shard);
        }
        if is_empty {
            self.remove_batch(token);
        }
    }

    /// Forgets a batch; nothing more can come of it.
    pub(crate) fn remove_batch(&mut self, token: Token) {
        let Some(batch) = self.batches.remove(&token) else { return };
        for test in &batch.open {
            self.suite_mut(batch.row.job).test_mut(*test).past.retain(|past| *past != token);
        }
        if batch.is_recalled {
            self.suite_mut(batch.row.job).recalled.remove(&token);
        }
        if let Some(lease) = self.leases.get_mut(&batch.row.shard) {
            lease.batches.remove(&token);
        }
        self.touch(Key::Batch(token));
    }

    /// Ends a batch and gives its tests back. `harm` says what they may have to do with that end.
    pub(crate) fn give_back(&mut self, token: Token, harm: Harm) {
        let Some(batch) = self.batches.get_mut(&token) else { return };
        let job = batch.row.job;
        let shard = batch.row.shard;
        batch.row.is_over = true;
        let open: Vec<TestIndex> = batch.open.iter().copied().collect();
        let suspects = suspects(batch, harm);
        self.touch(Key::Batch(token));
        for test in open {
            let suite = self.suite_mut(job);
            suite.live_to_past(test, token);
            suite.remove_open(shard, test);
            self.give_back_test(job, test, token, suspects.get(&test).copied());
        }
        self.pending.offers.insert(job);
    }

    fn give_back_test(&mut self, job: JobId, test: TestIndex, batch: Token, suspicion: Option<Suspicion>) {
        let suite = self.suite_mut(job);
        let is_held_elsewhere = !suite.test(test).live.is_empty();
        match suspicion {
            Some(Suspicion::Started) => {
                suite.test_mut(test).lost += 1;
                let lost = suite.test(test).lost;
                self.touch(Key::Test(job, test));
                if lost >= LOST_ATTEMPTS_MAX {
                    return self.condemn_killer(job, test, batch, lost);
                }
            }
            Some(Suspicion::AmongMany(together_max)) => suite.test_mut(test).together_max = together_max,
            None => {}
        }
        let suite = self.suite_mut(job);
        if is_held_elsewhere {
            return;
        }
        suite.await_first(test);
    }

    fn condemn_killer(&mut self, job: JobId, test: TestIndex, batch: Token, lost: u32) {
        let message = format!("its agent or runner was lost {lost} times while it ran; it is not run again");
        let test_try = self.errored_try(job, test, batch, message);
        self.condemn_test(job, test, test_try);
    }

    /// The end of a test's current try that brought no result.
    pub(crate) fn errored_try(&self, job: JobId, test: TestIndex, batch: Token, message: String) -> TryRow {
        let lease = self.batches.get(&batch).and_then(|batch| self.leases.get(&batch.row.shard));
        TryRow {
            attempt: self.suite(job).test(test).attempt(),
            token: batch,
            outcome: TryOutcome::Errored,
            duration_us: 0,
            message,
            output: None,
            agent: lease.map_or_else(|| AgentName(String::new()), |lease| lease.row.agent.clone()),
            at: self.now.wall,
        }
    }

    /// A batch's agent has given up a test that is still wanted: it goes back.
    pub(crate) fn take_back(&mut self, token: Token, test: TestIndex) {
        let Some(batch) = self.batches.get_mut(&token) else { return };
        let job = batch.row.job;
        batch.row.tests.retain(|(found, _)| *found != test);
        batch.attempts.remove(&test);
        self.touch(Key::Batch(token));
        self.drop_from_batch(token, test);
        self.give_back_test(job, test, token, None);
        self.pending.offers.insert(job);
    }
}

/// What the end of a batch's holder may have to do with its tests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Harm {
    /// Nothing: it never began, or was told to stop.
    None,
    /// One of them may have brought it down.
    Possible,
}

/// What is thought of a test whose holder was lost.
#[derive(Clone, Copy, Debug)]
enum Suspicion {
    /// It ran.
    Started,
    /// It is one of many of which nothing is known: so many of them may be dealt together.
    AmongMany(u32),
}

fn suspects(batch: &crate::state::Batch, harm: Harm) -> BTreeMap<TestIndex, Suspicion> {
    if harm == Harm::None {
        return BTreeMap::new();
    }
    let dealt = batch.attempts.len();
    if !batch.started.is_empty() {
        return batch.started.keys().map(|test| (*test, Suspicion::Started)).collect();
    }
    if dealt == 1 {
        return batch.open.iter().map(|test| (*test, Suspicion::Started)).collect();
    }
    if batch.open.len() < dealt {
        return BTreeMap::new();
    }
    let together_max = u32::try_from(crate::policy::dealing::size_after_loss(dealt)).unwrap_or(u32::MAX);
    batch.open.iter().map(|test| (*test, Suspicion::AmongMany(together_max))).collect()
}

#[cfg(test)]
mod tests {
    use muster_common::id::{Epoch, JobIndex, RunId};

    use super::*;
    use crate::BatchRow;
    use crate::state::Batch;

    /// A lost batch of four tests of which the first have ended.
    fn batch(ended: u32) -> Batch {
        let token = Token { epoch: Epoch(1), counter: 1 };
        let job = JobId { run: RunId(1), job: JobIndex(0) };
        let tests = (0..4).map(|test| (TestIndex(test), 1)).collect();
        let row = BatchRow { token, job, shard: token, tests, is_over: false };
        Batch::new(row, (ended..4).map(TestIndex).collect())
    }

    #[test]
    fn a_batch_that_was_lost_between_two_tests_says_nothing_of_either() {
        assert!(suspects(&batch(1), Harm::Possible).is_empty());
        assert_eq!(suspects(&batch(0), Harm::Possible).len(), 4, "nobody knows whether the first had begun");
        assert!(suspects(&batch(0), Harm::None).is_empty());
    }
}
