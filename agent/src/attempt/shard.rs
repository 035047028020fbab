//! A shard: batch after batch, until one says that it is the last.

use std::collections::{BTreeSet, VecDeque};
use std::ffi::OsString;
use std::time::Duration;

use muster_common::control::{Batch, TestResult, TestResults, TestStarted, Withdraw, Withdrawn};
use muster_common::id::{TestIndex, Token};
use muster_session::{BatchDone, ShardReady, Work};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::ending::Ending;
use super::orders::{Order, Stopper};
use crate::runner::{Adapter, BatchEvent, RunnerContext};

/// A shard that is set up.
pub(crate) struct Shard<'a> {
    pub(crate) token: Token,
    pub(crate) adapter: &'a mut Adapter,
    pub(crate) context: RunnerContext,
    pub(crate) work: &'a mpsc::Sender<Work>,
    pub(crate) orders: &'a mut mpsc::Receiver<Order>,
    pub(crate) stopper: &'a Stopper,
}

/// Tests of the batch that runs.
struct Running {
    batch: Token,
    begun: BTreeSet<TestIndex>,
    unfinished: BTreeSet<TestIndex>,
    given_up: BTreeSet<TestIndex>,
    stop: CancellationToken,
}

impl Shard<'_> {
    /// Runs what it is dealt.
    pub(crate) async fn run(mut self) -> Result<(), Ending> {
        self.say(Work::ShardReady(ShardReady { shard: self.token, start_cost_us: 0 })).await;
        let mut waiting: VecDeque<Batch> = VecDeque::new();
        let mut start_cost = Duration::ZERO;
        loop {
            let Some(batch) = waiting.pop_front() else {
                self.wait_for_order(&mut waiting).await?;
                continue;
            };
            let (token, is_last) = (batch.token, batch.is_last);
            if !batch.tests.is_empty() {
                start_cost = self.batch(batch, &mut waiting).await?.unwrap_or(start_cost);
                let start_cost_us = u64::try_from(start_cost.as_micros()).unwrap_or(u64::MAX);
                self.say(Work::BatchDone(BatchDone { shard: self.token, batch: token, start_cost_us })).await;
            }
            if is_last {
                return Ok(());
            }
        }
    }

    async fn wait_for_order(&mut self, waiting: &mut VecDeque<Batch>) -> Result<(), Ending> {
        let order = tokio::select! {
            () = self.stopper.token().cancelled() => None,
            order = self.orders.recv() => order,
        };
        match order {
            Some(Order::Batch(batch)) => waiting.push_back(batch),
            Some(Order::Withdraw(withdraw)) => self.withdraw_waiting(&withdraw, waiting).await,
            None => {
                let stop = self.stopper.reason().unwrap_or(super::orders::Stop::AgentLeaves);
                return Err(Ending::stopped(stop));
            }
        }
        Ok(())
    }

    /// Runs one batch; returns what it cost to start it.
    async fn batch(&mut self, batch: Batch, waiting: &mut VecDeque<Batch>) -> Result<Option<Duration>, Ending> {
        let mut running = Running {
            batch: batch.token,
            begun: BTreeSet::new(),
            unfinished: batch.tests.iter().map(|dealt| dealt.test).collect(),
            given_up: BTreeSet::new(),
            stop: self.stopper.token().child_token(),
        };
        let mut context = RunnerContext { stop: running.stop.clone(), ..self.context.clone() };
        context.environment.extend(try_number(&batch));
        let (sender, mut events) = mpsc::channel(EVENTS_WAITING_MAX);
        let (work, orders, stopper) = (self.work, &mut *self.orders, self.stopper);
        let run = self.adapter.run_batch(&context, &batch.tests, sender);
        tokio::pin!(run);
        let ended = loop {
            tokio::select! {
                biased;
                Some(event) = events.recv() => running.report(event, &mut events, work).await,
                Some(order) = orders.recv() => match order {
                    Order::Batch(next) => waiting.push_back(next),
                    Order::Withdraw(withdraw) if withdraw.batch == running.batch => {
                        running.drain(&mut events, work).await;
                        running.withdraw(&withdraw, work).await;
                    }
                    Order::Withdraw(withdraw) => withdraw_from(&withdraw, waiting, work).await,
                },
                ended = &mut run => break ended,
            }
        };
        running.drain(&mut events, work).await;
        if let Some(stop) = stopper.reason() {
            return Err(Ending::stopped(stop));
        }
        match ended {
            Ok(end) => Ok(end.start_cost),
            // It was ended here, because nothing in it was wanted any more.
            Err(_) if running.stop.is_cancelled() => Ok(None),
            Err(failure) => Err(failure.into()),
        }
    }

    async fn withdraw_waiting(&self, withdraw: &Withdraw, waiting: &mut VecDeque<Batch>) {
        withdraw_from(withdraw, waiting, self.work).await;
    }

    async fn say(&self, work: Work) {
        say(self.work, work).await;
    }
}

impl Running {
    /// Reports an event, and all that have come with it, in as few messages as can be.
    async fn report(&mut self, event: BatchEvent, events: &mut mpsc::Receiver<BatchEvent>, work: &mpsc::Sender<Work>) {
        let mut begun = Vec::new();
        let mut results: Vec<TestResult> = Vec::new();
        let mut next = Some(event);
        while let Some(event) = next {
            match event {
                BatchEvent::Started(test) => {
                    self.begun.insert(test);
                    begun.push(test);
                }
                BatchEvent::Result(result) => {
                    self.unfinished.remove(&result.test);
                    if !self.given_up.contains(&result.test) {
                        results.push(result);
                    }
                }
            }
            next = if results.len() < RESULTS_TOGETHER_MAX { events.try_recv().ok() } else { None };
        }
        begun.retain(|test| self.unfinished.contains(test));
        if !results.is_empty() {
            say(work, Work::TestResults(TestResults { batch: self.batch, results })).await;
        }
        if !begun.is_empty() {
            say(work, Work::TestStarted(TestStarted { batch: self.batch, tests: begun })).await;
        }
    }

    async fn drain(&mut self, events: &mut mpsc::Receiver<BatchEvent>, work: &mpsc::Sender<Work>) {
        while let Ok(event) = events.try_recv() {
            self.report(event, events, work).await;
        }
    }

    /// A runner that has its list cannot be told to leave out one test of it. So tests of a running batch run on, unless
    /// nothing else in it is wanted: then the runner is ended.
    async fn withdraw(&mut self, withdraw: &Withdraw, work: &mpsc::Sender<Work>) {
        let unwanted: Vec<TestIndex> =
            withdraw.tests.iter().copied().filter(|test| self.unfinished.contains(test)).collect();
        let is_all_unwanted = !unwanted.is_empty() && unwanted.len() == self.unfinished.len();
        let (given_up, started) = if is_all_unwanted { (unwanted, Vec::new()) } else { (Vec::new(), unwanted) };
        if is_all_unwanted {
            self.given_up.extend(&given_up);
            self.stop.cancel();
        }
        say(work, Work::Withdrawn(Withdrawn { batch: self.batch, given_up, started })).await;
    }
}

/// Which try this is, for the tests of a batch to read. A test that is run again is alone in its batch.
fn try_number(batch: &Batch) -> Option<(OsString, OsString)> {
    let first = batch.tests.first()?.attempt;
    let is_same_for_all = batch.tests.iter().all(|dealt| dealt.attempt == first);
    is_same_for_all.then(|| (TRY_VARIABLE.into(), first.to_string().into()))
}

/// Takes tests out of a batch that has not begun.
async fn withdraw_from(withdraw: &Withdraw, waiting: &mut VecDeque<Batch>, work: &mpsc::Sender<Work>) {
    let mut given_up = Vec::new();
    if let Some(batch) = waiting.iter_mut().find(|batch| batch.token == withdraw.batch) {
        batch.tests.retain(|dealt| {
            let is_unwanted = withdraw.tests.contains(&dealt.test);
            if is_unwanted {
                given_up.push(dealt.test);
            }
            !is_unwanted
        });
    }
    say(work, Work::Withdrawn(Withdrawn { batch: withdraw.batch, given_up, started: Vec::new() })).await;
}

async fn say(sender: &mpsc::Sender<Work>, work: Work) {
    // The agent is leaving; what is said now would be heard by nobody.
    let _ = sender.send(work).await;
}

const TRY_VARIABLE: &str = "MUSTER_TEST_ATTEMPT";
/// Events of a runner that wait to be reported.
const EVENTS_WAITING_MAX: usize = 256;
const RESULTS_TOGETHER_MAX: usize = 256;
