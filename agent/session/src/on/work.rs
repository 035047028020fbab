//! What attempts say of themselves.

use muster_common::control::{Finished, FromAgent, TestResults, Withdrawn};
use muster_common::id::Token;

use crate::attempts::{Attempt, Phase};
use crate::{BatchDone, Effect, Session, ShardReady, Work, parts};

impl Session {
    /// An attempt that was told to stop says nothing more but its end: what its dying processes report is worth nothing.
    pub(crate) fn on_work(&mut self, work: Work, effects: &mut Vec<Effect>) {
        match work {
            Work::Started(token) => {
                if let Some(attempt) = self.running_mut(token) {
                    attempt.is_started = true;
                    self.say(FromAgent::Started(token), effects);
                }
            }
            Work::Discovered(part) => {
                if self.running_mut(part.token).is_some() {
                    for message in parts::discovered(part) {
                        self.say(message, effects);
                    }
                }
            }
            Work::ShardReady(ready) => self.on_shard_ready(ready),
            Work::TestStarted(started) => self.mention(FromAgent::TestStarted(started), effects),
            Work::TestResults(results) => self.on_results(results, effects),
            Work::BatchDone(done) => self.on_batch_done(done),
            Work::Withdrawn(withdrawn) => self.on_withdrawn(withdrawn, effects),
            Work::Finished(finished) => self.on_finished(*finished, effects),
        }
    }

    fn on_shard_ready(&mut self, ready: ShardReady) {
        let prefetch_tests = self.config.prefetch_tests;
        if let Some(attempt) = self.running_mut(ready.shard) {
            attempt.shard.start_cost_us = ready.start_cost_us;
            attempt.shard.ask_if_low(prefetch_tests);
        }
    }

    fn on_results(&mut self, results: TestResults, effects: &mut Vec<Effect>) {
        let prefetch_tests = self.config.prefetch_tests;
        let Some((_, attempt)) = self.attempts.holder_mut(results.batch) else { return };
        if attempt.phase != Phase::Running {
            return;
        }
        if let Some(open) = attempt.shard.batches.get_mut(&results.batch) {
            for result in &results.results {
                open.running.remove(&result.test);
            }
        }
        attempt.shard.ask_if_low(prefetch_tests);
        for message in parts::results(results) {
            self.say(message, effects);
        }
    }

    fn on_batch_done(&mut self, done: BatchDone) {
        let prefetch_tests = self.config.prefetch_tests;
        let Some(attempt) = self.running_mut(done.shard) else { return };
        if let Some(open) = attempt.shard.batches.get_mut(&done.batch) {
            open.running.clear();
        }
        attempt.shard.start_cost_us = done.start_cost_us;
        attempt.shard.ask_if_low(prefetch_tests);
    }

    fn on_withdrawn(&mut self, withdrawn: Withdrawn, effects: &mut Vec<Effect>) {
        let prefetch_tests = self.config.prefetch_tests;
        if let Some((_, attempt)) = self.attempts.holder_mut(withdrawn.batch) {
            if let Some(open) = attempt.shard.batches.get_mut(&withdrawn.batch) {
                for test in &withdrawn.given_up {
                    open.running.remove(test);
                }
            }
            if attempt.phase == Phase::Running {
                attempt.shard.ask_if_low(prefetch_tests);
            }
        }
        self.say(FromAgent::Withdrawn(withdrawn), effects);
    }

    fn on_finished(&mut self, finished: Finished, effects: &mut Vec<Effect>) {
        let Some(attempt) = self.attempts.get_mut(finished.token) else { return };
        match attempt.phase {
            Phase::Running | Phase::Stopping => {
                attempt.phase = Phase::Ended;
                attempt.shard.want = crate::attempts::Want::None;
                self.say(FromAgent::Finished(finished), effects);
            }
            Phase::Forgotten => self.attempts.remove(finished.token),
            Phase::Waiting | Phase::Ended => {}
        }
    }

    fn running_mut(&mut self, token: Token) -> Option<&mut Attempt> {
        self.attempts.get_mut(token).filter(|attempt| attempt.phase == Phase::Running)
    }
}
