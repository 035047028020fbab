//! An idealised agent with one slot: it does what a real one does with the same messages, and nothing goes wrong in it.

use std::collections::{BTreeSet, VecDeque};

use muster_common::control::{
    Batch, FromAgent, Heartbeat, LeaseWork, Output, TestResult, TestResults, TestStarted, ToAgent, WantBatch, Withdraw,
    Withdrawn,
};
use muster_common::id::{JobId, TestIndex, Token};
use muster_common::outcome::{AttemptOutcome, TryOutcome};

use crate::idealised::finished;

/// What an agent has in hand.
#[derive(Debug, Default)]
pub(super) struct Worker {
    lease: Option<Held>,
    batches: VecDeque<Work>,
    /// The batch in work, and its present test with its begin and end.
    running: Option<(TestIndex, u64, u64)>,
    /// Results that are not sent yet.
    results: Vec<TestResult>,
    flushed_us: u64,
    heartbeats: u64,
    start_cost_us: u64,
}

#[derive(Debug)]
struct Held {
    token: Token,
    job: JobId,
    is_shard: bool,
    wants: bool,
    is_last: bool,
}

#[derive(Debug)]
struct Work {
    token: Token,
    tests: VecDeque<TestIndex>,
    is_started: bool,
}

/// What an agent does after something has happened.
#[derive(Debug, Default)]
pub(super) struct Doings {
    /// Messages that it sends.
    pub(super) says: Vec<FromAgent>,
    /// It wants to be called at this moment: its start or its test is over.
    pub(super) wake_us: Option<u64>,
    /// A test that it was told to end, and how long that had run.
    pub(super) stopped_us: u64,
    /// It lists the tests of a job.
    pub(super) discovers: Option<(Token, JobId)>,
}

impl Worker {
    pub(super) fn is_busy(&self) -> bool {
        self.running.is_some() || self.batches.iter().any(|batch| batch.is_started)
    }

    /// How long its present test has run.
    pub(super) fn running_us(&self, now_us: u64) -> u64 {
        self.running.map_or(0, |(_, begun, end)| now_us.min(end).saturating_sub(begun))
    }

    /// When its present test ends.
    pub(super) fn ends_us(&self) -> Option<u64> {
        self.running.map(|(_, _, end)| end)
    }

    /// When its present test began, and what it takes.
    pub(super) fn runs_us(&self) -> Option<(u64, u64)> {
        self.running.map(|(_, begun, end)| (begun, end - begun))
    }

    pub(super) fn heartbeat(&mut self) -> FromAgent {
        self.heartbeats += 1;
        let alive = self.lease.iter().map(|held| held.token).collect();
        FromAgent::Heartbeat(Heartbeat { number: self.heartbeats, alive })
    }

    pub(super) fn receive(&mut self, message: &ToAgent, now_us: u64, race: &impl Times) -> Doings {
        let mut doings = Doings::default();
        match message {
            ToAgent::Lease(lease) => {
                let is_shard = matches!(lease.work, LeaseWork::Shard(_));
                let held = Held { token: lease.token, job: lease.job, is_shard, wants: false, is_last: false };
                doings.says.push(FromAgent::Started(lease.token));
                if !is_shard {
                    doings.discovers = Some((lease.token, lease.job));
                }
                self.lease = Some(held);
                self.ask(&mut doings);
            }
            ToAgent::Batch(batch) => self.take_batch(batch, now_us, race, &mut doings),
            ToAgent::Withdraw(withdraw) => self.give_up(withdraw, now_us, race, &mut doings),
            ToAgent::Cancel { token, .. } => {
                if self.lease.as_ref().is_some_and(|held| held.token == *token) {
                    doings.stopped_us = self.running_us(now_us);
                    self.running = None;
                    self.batches.clear();
                    self.results.clear();
                    self.finish(AttemptOutcome::Cancelled, &mut doings);
                }
            }
            ToAgent::Opened(_) | ToAgent::Drain | ToAgent::HeartbeatAnswer { .. } | ToAgent::Ack { .. } => {}
        }
        doings
    }

    fn take_batch(&mut self, batch: &Batch, now_us: u64, race: &impl Times, doings: &mut Doings) {
        let Some(held) = self.lease.as_mut().filter(|held| held.token == batch.shard) else { return };
        held.wants = false;
        held.is_last |= batch.is_last;
        if !batch.tests.is_empty() {
            let tests = batch.tests.iter().map(|dealt| dealt.test).collect();
            self.batches.push_back(Work { token: batch.token, tests, is_started: false });
        }
        if !self.is_busy() {
            self.next(now_us, race, doings);
        }
        self.ask(doings);
    }

    /// Its start or its present test is over.
    pub(super) fn wake(&mut self, now_us: u64, race: &impl Times) -> Doings {
        let mut doings = Doings::default();
        if let Some((test, begun, end)) = self.running.filter(|(_, _, end)| *end <= now_us) {
            self.running = None;
            self.results.push(result(test, end - begun));
            if let Some(batch) = self.batches.front_mut() {
                batch.tests.pop_front();
            }
        }
        if self.running.is_none() {
            self.next(now_us, race, &mut doings);
        }
        self.ask(&mut doings);
        doings
    }

    /// Begins the next test, or the next batch, or ends.
    fn next(&mut self, now_us: u64, race: &impl Times, doings: &mut Doings) {
        let Some(batch) = self.batches.front_mut() else {
            if self.lease.as_ref().is_some_and(|held| held.is_last) {
                self.finish(AttemptOutcome::Passed, doings);
            }
            return;
        };
        let (token, next) = (batch.token, batch.tests.front().copied());
        let Some(test) = next else {
            self.flush(token, now_us, doings);
            self.batches.pop_front();
            self.start_cost_us = race.start_cost_us();
            return self.next(now_us, race, doings);
        };
        if !batch.is_started {
            batch.is_started = true;
            doings.wake_us = Some(now_us + race.start_cost_us());
            return;
        }
        let job = self.lease.as_ref().map(|held| held.job);
        let takes = job.map_or(0, |job| race.takes_us(job, test));
        self.running = Some((test, now_us, now_us + takes));
        doings.wake_us = Some(now_us + takes);
        if now_us >= self.flushed_us + FLUSH_US {
            self.flush(token, now_us, doings);
            doings.says.push(FromAgent::TestStarted(TestStarted { batch: token, tests: vec![test] }));
        }
    }

    fn flush(&mut self, batch: Token, now_us: u64, doings: &mut Doings) {
        self.flushed_us = now_us;
        if !self.results.is_empty() {
            let results = std::mem::take(&mut self.results);
            doings.says.push(FromAgent::TestResults(TestResults { batch, results }));
        }
    }

    /// Asks for more as soon as one test at most is left.
    fn ask(&mut self, doings: &mut Doings) {
        let remaining: usize = self.batches.iter().map(|batch| batch.tests.len()).sum();
        let start_cost_us = self.start_cost_us;
        let Some(held) = self.lease.as_mut().filter(|held| held.is_shard && !held.wants && !held.is_last) else {
            return;
        };
        if remaining <= 1 {
            held.wants = true;
            doings.says.push(FromAgent::WantBatch(WantBatch { shard: held.token, start_cost_us }));
        }
    }

    /// A batch that waits can be taken from as one likes; one in work is ended if nothing in it is wanted any more.
    fn give_up(&mut self, withdraw: &Withdraw, now_us: u64, race: &impl Times, doings: &mut Doings) {
        let unwanted: BTreeSet<TestIndex> = withdraw.tests.iter().copied().collect();
        let (mut given_up, mut started) = (Vec::new(), Vec::new());
        let place = self.batches.iter().position(|batch| batch.token == withdraw.batch);
        if let Some(place) = place {
            let batch = &mut self.batches[place];
            let named: Vec<TestIndex> = batch.tests.iter().copied().filter(|test| unwanted.contains(test)).collect();
            if !batch.is_started {
                batch.tests.retain(|test| !unwanted.contains(test));
                given_up = named;
            } else if !named.is_empty() && named.len() == batch.tests.len() {
                given_up = named;
                doings.stopped_us = self.running_us(now_us);
                self.running = None;
                self.flush(withdraw.batch, now_us, doings);
                self.batches.remove(place);
                self.next(now_us, race, doings);
            } else {
                started = named;
            }
            self.batches.retain(|batch| batch.is_started || !batch.tests.is_empty());
        }
        doings.says.push(FromAgent::Withdrawn(Withdrawn { batch: withdraw.batch, given_up, started }));
        self.ask(doings);
    }

    fn finish(&mut self, outcome: AttemptOutcome, doings: &mut Doings) {
        if let Some(held) = self.lease.take() {
            doings.says.push(FromAgent::Finished(finished(held.token, outcome, None)));
        }
    }

    /// The list that it was asked for is complete.
    pub(super) fn discovered(&mut self) {
        self.lease = None;
    }

    /// All that it does happens so much later.
    pub(super) fn delay(&mut self, by_us: u64) {
        if let Some((_, begun, end)) = &mut self.running {
            *begun += by_us;
            *end += by_us;
        }
    }
}

/// What an agent learns of the world by doing it.
pub(super) trait Times {
    /// What starting a batch costs.
    fn start_cost_us(&self) -> u64;
    /// What a test takes here.
    fn takes_us(&self, job: JobId, test: TestIndex) -> u64;
}

fn result(test: TestIndex, duration_us: u64) -> TestResult {
    let outcome = TryOutcome::Passed;
    TestResult { test, outcome, duration_us, message: String::new(), output: Output::None }
}

/// Results of short tests are sent together, as an agent does that has many at once.
const FLUSH_US: u64 = 20_000;
