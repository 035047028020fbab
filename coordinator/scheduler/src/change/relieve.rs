//! Nothing is left to deal while shards idle: what waits behind other tests is asked back, and what takes far longer than
//! it ever did is copied.

use muster_common::id::{AgentName, JobId, TestIndex, Token};
use muster_common::time::Monotonic;
use std::time::Duration;

use crate::deadlines::Deadline;
use crate::policy::hedging::{self, Need};
use crate::scheduler::Scheduler;
use crate::state::{Liveness, Suite};

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
        let shards = suite.shards.iter().filter(|(_, shard)| self.is_alive(&shard.agent));
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

    /// Finds tests that are overdue, and asks to be woken when the next will be. While others wait, only those count
    /// whose copies would not end before these are dealt. A test that has failed is never among them, one that was lost
    /// only where it is overdue beyond doubt, and none on an agent that is silent: what it ran then may be what silenced
    /// it.
    pub(crate) fn watch_overdue(&mut self, job: JobId) {
        let suite = self.suite(job);
        let is_time = suite.overdue.is_empty() && self.may_copy();
        let horizon_us = horizon_us(suite);
        if !is_time || suite.known_longest_us < horizon_us || self.deadlines.is_set(&Deadline::Overdue(job)) {
            return;
        }
        let now = self.now.monotonic;
        self.suite_mut(job).settle_copies(now);
        let suite = self.suite(job);
        let suite_us = suite.weigh(suite.load);
        let spent_us = suite.hedging_cost_us();
        let chance_us = hedging::chance_budget_us(suite_us).saturating_sub(spent_us);
        let mut search = Search { horizon_us, chance_us, ..Search::default() };
        for (token, shard) in &suite.shards {
            if self.is_alive(&shard.agent) {
                self.search_shard(job, *token, &mut search);
            }
        }
        let longest_us = suite.known_longest_us.max(suite.longest_us);
        let all_us = hedging::budget_us(suite_us, longest_us).saturating_sub(spent_us);
        let mut copied = affordable(suite, search.maybe, chance_us);
        copied.extend(affordable(suite, search.overdue.into_iter().chain(search.stuck), all_us));
        if let Some(us) = search.next_us {
            let us = if horizon_us > 0 { us.clamp(WATCH_US_MIN, WATCH_US_MAX) } else { us };
            self.deadlines.set(Deadline::Overdue(job), now + Duration::from_micros(us));
        }
        if !copied.is_empty() {
            self.suite_mut(job).overdue.extend(copied);
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
        let percent = self.pace_of(&shard.agent).map_or(100, |percent| percent.max(100));
        let overdue_at = |(test, since): &(TestIndex, Monotonic), need: Need| {
            let expected = suite.test(*test).expected;
            let us = hedging::overdue_after_us(need, expected, suite.longest_us).saturating_mul(percent) / 100;
            *since + Duration::from_micros(us.saturating_add(suite.start_cost_us))
        };
        let now = self.now.monotonic;
        let is_sure = |found: &(TestIndex, Monotonic)| overdue_at(found, Need::Sure) <= now;
        let chance = if search.horizon_us > 0 { Need::Urgent } else { Need::Idle };
        for found in &running {
            let weight = suite.weight(found.0);
            let before_us = search.horizon_us.saturating_sub(weight);
            let takes_chance = hedging::may_take_chance(weight, search.chance_us) && suite.test(found.0).lost == 0;
            let need = if takes_chance { chance } else { Need::Sure };
            let at = overdue_at(found, need);
            if at > now || before_us > 0 {
                search.note(at.since(now).as_micros().max(u128::from(before_us)));
            } else if is_sure(found) {
                search.overdue.push(found.0);
            } else {
                search.maybe.push(found.0);
            }
        }
        if search.horizon_us > 0 {
            return;
        }
        if !running.is_empty() && running.iter().all(is_sure) {
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
    /// For how long there is other work; 0: there is none.
    horizon_us: u64,
    /// What may be spent on copies that are perhaps not needed, in microseconds.
    chance_us: u64,
    /// Tests that run, and for longer than they hardly ever did.
    maybe: Vec<TestIndex>,
    /// Tests that run and are overdue beyond doubt.
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

/// Those tests of which copies may be started for so much.
fn affordable(suite: &Suite, tests: impl IntoIterator<Item = TestIndex>, budget_us: u64) -> Vec<TestIndex> {
    let mut cost = 0_u64;
    let mut is_affordable = |test: &TestIndex| {
        cost = cost.saturating_add(suite.weight(*test));
        cost <= budget_us
    };
    let tests = tests.into_iter().filter(|test| suite.test(*test).may_be_relieved());
    tests.filter(|test| is_affordable(test)).collect()
}

/// For how long what waits keeps all shards busy; 0: nothing waits.
fn horizon_us(suite: &Suite) -> u64 {
    if suite.waiting() == 0 {
        return 0;
    }
    let waiting = suite.weigh(suite.fresh.load()).saturating_add(suite.weigh(suite.front.load()));
    waiting.checked_div(suite.shards.len() as u64).unwrap_or(0).max(1)
}

/// While tests wait to be dealt, it is looked for overdue ones no more often.
const WATCH_US_MIN: u64 = 50_000;
/// And no less often, where there may be some: what waits may be dealt sooner than it looks.
const WATCH_US_MAX: u64 = 500_000;
