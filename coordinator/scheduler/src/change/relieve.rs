//! Nothing is left to deal while shards idle: what waits behind other tests is asked back, and what takes far longer than
//! it ever did is copied.

use muster_common::id::{AgentName, JobId, TestIndex, Token};
use std::time::Duration;

use crate::deadlines::Deadline;
use crate::policy::hedging;
use crate::scheduler::Scheduler;
use crate::state::Liveness;

impl Scheduler {
    /// Asks for batches that wait behind others on their shards, for as many shards as idle. What an agent gives up
    /// goes to the head of what waits.
    pub(crate) fn recall_waiting(&mut self, job: JobId) {
        let suite = self.suite(job);
        if suite.idle.len() <= suite.recalled.len() {
            return;
        }
        let wanted = suite.idle.len() - suite.recalled.len();
        let least = hedging::recall_worth_us(suite.start_cost_us);
        let mut found: Vec<(u64, Token)> = self.waiting_batches(job).filter(|(delay, _)| *delay >= least).collect();
        found.sort_unstable_by(|left, right| right.cmp(left));
        for (_, batch) in found.into_iter().take(wanted) {
            self.recall(job, batch);
        }
    }

    /// Batches of a job that are not begun, each with the expected time of what their shard does first.
    fn waiting_batches(&self, job: JobId) -> impl Iterator<Item = (u64, Token)> {
        let suite = self.suite(job);
        let shards = suite.shards.iter().filter(|(_, shard)| shard.open > 0 && self.is_alive(&shard.agent));
        shards.filter_map(move |(token, _)| {
            let mut batches = self.leases.get(token)?.batches.iter();
            let first = self.batches.get(batches.next()?)?;
            let next = batches.next()?;
            let is_waiting = self.batches.get(next).is_some_and(|batch| batch.started.is_empty() && !batch.is_recalled);
            let delay = first.open.iter().map(|test| suite.weight(*test)).sum();
            is_waiting.then_some((delay, *next))
        })
    }

    fn recall(&mut self, job: JobId, token: Token) {
        let Some(batch) = self.batches.get_mut(&token) else { return };
        let Some(lease) = self.leases.get(&batch.row.shard) else { return };
        batch.is_recalled = true;
        let tests: Vec<TestIndex> = batch.open.iter().copied().collect();
        let agent = lease.row.agent.clone();
        self.suite_mut(job).recalled.insert(token);
        self.pending.withdrawals.entry(token).or_insert_with(|| (agent, Vec::new())).1.extend(tests);
    }

    /// Finds tests that are overdue, and asks to be woken when the next will be. A test that is to run alone is never
    /// among them, nor one on an agent that is silent: what it ran then may be what silenced it.
    pub(crate) fn watch_overdue(&mut self, job: JobId) {
        let suite = self.suite(job);
        let is_idle_time = suite.dealt > 0 && suite.overdue.is_empty() && self.may_copy();
        if !is_idle_time || self.deadlines.is_set(&Deadline::Overdue(job)) {
            return;
        }
        let mut search = Search::default();
        for (token, shard) in suite.shards.iter().filter(|(_, shard)| shard.open > 0) {
            if self.is_alive(&shard.agent) {
                self.search_shard(job, *token, &mut search);
            }
        }
        let longest_us = suite.known_longest_us.max(suite.longest_us);
        let budget = hedging::budget_us(suite.weigh(suite.load), longest_us);
        let mut cost = suite.hedged_us;
        let mut copied = Vec::new();
        for test in search.overdue.into_iter().chain(search.stuck) {
            cost = cost.saturating_add(suite.weight(test));
            if cost <= budget && suite.test(test).may_be_copied() {
                copied.push(test);
            }
        }
        let has_new = !copied.is_empty();
        self.suite_mut(job).overdue.extend(copied);
        if let Some(us) = search.next_us {
            self.deadlines.set(Deadline::Overdue(job), self.now.monotonic + Duration::from_micros(us));
        }
        if has_new {
            self.pending.offers.insert(job);
        }
    }

    fn search_shard(&self, job: JobId, token: Token, search: &mut Search) {
        let suite = self.suite(job);
        let Some(shard) = suite.shards.get(&token) else { return };
        let batches = self.batches_of(token);
        let mut running: Vec<_> =
            batches.values().flat_map(|batch| &batch.started).map(|(test, at)| (*test, *at)).collect();
        if running.is_empty() {
            // Its runner does not say what it begins, or has not begun.
            let first = batches.values().find_map(|batch| batch.in_order().next());
            running.extend(first.map(|test| (test, shard.progressed)));
        }
        let limit = |test: TestIndex| {
            let high = suite.test(test).expected.high_us;
            Duration::from_micros(hedging::overdue_after_us(high, suite.longest_us).saturating_add(suite.start_cost_us))
        };
        let is_overdue =
            |(test, since): &(TestIndex, muster_common::time::Monotonic)| *since + limit(*test) <= self.now.monotonic;
        for (test, since) in &running {
            if is_overdue(&(*test, *since)) {
                search.overdue.push(*test);
            } else {
                search.note(((*since + limit(*test)).since(self.now.monotonic)).as_micros());
            }
        }
        if !running.is_empty() && running.iter().all(is_overdue) {
            let waiting = batches.values().flat_map(|batch| batch.in_order());
            search.stuck.extend(waiting.filter(|test| running.iter().all(|(found, _)| found != test)));
        }
    }

    fn is_alive(&self, agent: &AgentName) -> bool {
        self.agents.table.get(agent).is_some_and(|agent| agent.liveness == Liveness::Alive)
    }

    /// Whether an agent holds a test.
    pub(crate) fn is_held_by(&self, job: JobId, test: TestIndex, agent: &AgentName) -> bool {
        let holders = self.suite(job).test(test).live.iter().filter_map(|token| self.batches.get(token));
        let mut holders = holders.filter_map(|batch| self.leases.get(&batch.row.shard));
        holders.any(|lease| lease.row.agent == *agent)
    }

    /// Whether there is a test that an agent could run a second time.
    pub(crate) fn has_copies_for(&self, job: JobId, agent: &AgentName) -> bool {
        let suite = self.suite(job);
        !suite.doubtful.is_empty() || suite.overdue.iter().any(|test| !self.is_held_by(job, *test, agent))
    }
}

/// What a look at all shards has found.
#[derive(Default)]
struct Search {
    /// Tests that run and are overdue.
    overdue: Vec<TestIndex>,
    /// Tests that wait behind them.
    stuck: Vec<TestIndex>,
    /// When the next will be overdue, in microseconds from now.
    next_us: Option<u64>,
}

impl Search {
    fn note(&mut self, us: u128) {
        let us = u64::try_from(us).unwrap_or(u64::MAX);
        self.next_us = Some(self.next_us.map_or(us, |next| next.min(us)));
    }
}
