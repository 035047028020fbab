//! Tests are dealt to shards that ask for them.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use muster_common::control::{Batch as BatchMessage, CancelReason, DealtTest, ToAgent};
use muster_common::id::{AgentName, JobId, TestIndex, Token};
use muster_common::limits::SHARDS_PER_JOB_MAX;
use muster_common::spec::Work;

use crate::change::pick::situation;
use crate::deadlines::Deadline;
use crate::policy::dealing;
use crate::policy::fairness::Past;
use crate::policy::{fairness, hedging};
use crate::scheduler::Scheduler;
use crate::state::{Agent, Batch, Liveness, Suite};
use crate::{BatchRow, Key};

impl Scheduler {
    /// Deals what a test job has to the shards that ask, and opens more where that helps. Returns whether tests were
    /// kept from an idle shard, for the sake of another agent.
    pub(crate) fn offer(&mut self, job: JobId) -> bool {
        let Some(found) = self.jobs.get(&job) else { return false };
        let Some(suite) = found.sealed_suite() else { return false };
        if found.has_ended() || found.stop.is_some() {
            return false;
        }
        if suite.is_decided() {
            self.end_suite(job);
            return false;
        }
        self.deal_to_all(job);
        if self.suite(job).waiting() == 0 {
            self.recall_waiting(job);
        }
        self.watch_overdue(job);
        self.update_demand(job);
        self.watch_retries(job)
    }

    /// Deals until nothing is left, or no shard is left that may have it: first to those that hold nothing, then to
    /// those that are nearly through with what they hold. These get no tests of groups: a place is for what can run.
    fn deal_to_all(&mut self, job: JobId) {
        let mut last = None;
        while self.dealable(job) > 0 {
            let after = last.map_or(Bound::Unbounded, Bound::Excluded);
            let Some(shard) = self.suite(job).idle.range((after, Bound::Unbounded)).next().copied() else { break };
            self.deal_to(job, shard);
            last = Some(shard);
        }
        while self.suite(job).plain() > 0 {
            let Some(shard) = self.suite_mut(job).eager.pop_first() else { return };
            let suite = self.suite(job);
            let next = suite.plain_line().next().map_or(0, |test| suite.waiting_weight(test));
            if !suite.is_idle(shard)
                && dealing::may_prefetch(situation(suite, shard), next)
                && !self.is_probed(job, shard)
            {
                self.deal_to(job, shard);
            }
        }
    }

    /// Tests that a shard could get.
    pub(crate) fn dealable(&self, job: JobId) -> usize {
        let suite = self.suite(job);
        let copies = if self.may_copy() { suite.doubtful.len() + suite.overdue.len() } else { 0 };
        suite.servable() + copies
    }

    pub(crate) fn may_copy(&self) -> bool {
        hedging::may_copy(self.agents.doubtful, self.agents.table.len())
    }

    /// Gets in line for another shard if one would find something to do, out of it otherwise.
    fn update_demand(&mut self, job: JobId) {
        let suite = self.suite(job);
        let shards_max = self.shards_max(job);
        let dealable = self.dealable(job);
        if dealing::wants_shard(dealable, suite.coming.len(), suite.shards.len(), shards_max) {
            let past = if suite.front.is_empty() { Past::New } else { Past::Lost };
            self.enqueue(job, past);
            return;
        }
        self.queue.leave(job);
        if dealable == 0 && self.suite(job).shards.is_empty() {
            self.queue.blocked.insert(job);
        }
        let suite = self.suite(job);
        let is_full = suite.shards.len() >= shards_max;
        if is_full && !suite.alone.is_empty() && suite.bulk() == 0 {
            self.make_room_elsewhere(job);
        }
    }

    /// All shards are where the failed tests are to be spared: ends one that waits, if a slot elsewhere is free.
    fn make_room_elsewhere(&mut self, job: JobId) {
        let suite = self.suite(job);
        let idle = suite.idle.first().copied();
        let is_any_dismissed = suite.shards.values().any(|shard| shard.is_dismissed);
        let is_free_elsewhere = suite.alone.sets(&suite.places).any(|(spared, _)| self.is_slot_free(job, spared));
        if let (Some(shard), false, true) = (idle, is_any_dismissed, is_free_elsewhere) {
            self.dismiss_shard(job, shard);
        }
    }

    pub(crate) fn shards_max(&self, job: JobId) -> usize {
        let parallel = match &self.spec(job).work {
            Work::Tests(tests) => tests.parallel,
            Work::Steps(_) | Work::TestBuild(_) => None,
        };
        parallel.unwrap_or(SHARDS_PER_JOB_MAX).clamp(1, SHARDS_PER_JOB_MAX) as usize
    }

    /// Bounds the time for which failed tests wait for another agent. Returns whether some do while a shard idles.
    fn watch_retries(&mut self, job: JobId) -> bool {
        let suite = self.suite_mut(job);
        if suite.alone.open(&suite.places) == 0 {
            suite.is_retry_anywhere = false;
            self.deadlines.clear(&Deadline::Retry(job));
            return false;
        }
        if suite.idle.is_empty() {
            return false;
        }
        let at = self.now.monotonic + self.config.retry_elsewhere;
        self.deadlines.set_if_clear(Deadline::Retry(job), at);
        true
    }

    /// Deals to one shard that asks, if there is something for it.
    fn deal_to(&mut self, job: JobId, shard: Token) {
        let Some(agent) = self.suite(job).shards.get(&shard).map(|shard| shard.agent.clone()) else { return };
        let Some(found) = self.agents.table.get(&agent) else { return };
        if found.takes_nothing_new() {
            return self.dismiss_shard(job, shard);
        }
        if found.session.is_none() || found.liveness != Liveness::Alive {
            return;
        }
        if self.suite(job).is_idle(shard) && self.gives_way(job) {
            return self.dismiss_shard(job, shard);
        }
        let tests = if self.suite(job).is_idle(shard) {
            self.pick(job, shard, &agent)
        } else {
            self.pick_bulk(job, shard, &agent)
        };
        if !tests.is_empty() {
            self.deal(job, shard, &agent, tests);
        }
    }

    /// Whether a shard that asks ends instead, so that its slot goes to a job that has far fewer. Never while lost tests
    /// wait, for which the job would be the first to get the slot back.
    fn gives_way(&self, job: JobId) -> bool {
        if !self.suite(job).front.is_empty() {
            return false;
        }
        let class = self.queue.known_class(&self.spec(job).requirements);
        let Some((rank, first, project)) = class.and_then(|class| class.head()) else { return false };
        let own = &self.runs.open[&job.run].project;
        let on_their_way = u32::try_from(self.queue.releasing.len()).unwrap_or(u32::MAX);
        if first == job {
            false
        } else if project == own {
            let held = u32::try_from(self.job(job).live.len()).unwrap_or(u32::MAX);
            fairness::gives_way(held, rank.held(), on_their_way)
        } else {
            fairness::gives_way(self.queue.held_by(own), self.queue.held_by(project), on_their_way)
        }
    }

    pub(super) fn pick_alone(&mut self, job: JobId, agent: &AgentName) -> Option<TestIndex> {
        let suite = self.suite(job);
        let (spared, test) = suite
            .alone
            .sets(&suite.places)
            .find_map(|(spared, test)| self.may_retry_on(job, spared, agent).then(|| (spared.clone(), test)))?;
        let suite = self.suite_mut(job);
        suite.alone.remove(suite.test(test).groups, &spared, test);
        if spared.contains(agent) {
            suite.is_retry_anywhere = false;
        }
        Some(test)
    }

    /// Whether tests that failed on `spared` may be run on `agent`: it is another, or there is no other.
    fn may_retry_on(&self, job: JobId, spared: &BTreeSet<AgentName>, agent: &AgentName) -> bool {
        !spared.contains(agent) || self.suite(job).is_retry_anywhere || !self.is_other_at_hand(job, spared)
    }

    /// Whether an agent that is not spared works on this job, or could at once.
    fn is_other_at_hand(&self, job: JobId, spared: &BTreeSet<AgentName>) -> bool {
        let others = self.suite(job).shards_by_agent.keys().filter(|agent| !spared.contains(*agent));
        let works = |agent: &AgentName| self.agents.table.get(agent).is_some_and(Agent::takes_work);
        others.into_iter().any(works) || self.is_slot_free(job, spared)
    }

    /// Whether an agent that is not spared has a slot that a shard of this job could take: a free one, or that of a
    /// shard without a list, which is given up for any other work.
    fn is_slot_free(&self, job: JobId, spared: &BTreeSet<AgentName>) -> bool {
        let found = self.job(job);
        let Some(class) = self.queue.known_class(&self.spec(job).requirements) else { return false };
        let may_be = |agent: &AgentName| !spared.contains(agent) && !found.avoid.contains(agent);
        let is_of_class = |agent: &AgentName| {
            class.agents.contains(agent) && self.agents.table.get(agent).is_some_and(Agent::takes_work)
        };
        class.free.iter().any(|(_, agent)| may_be(agent))
            || self.queue.early_held.values().any(|agent| may_be(agent) && is_of_class(agent))
    }

    /// Whether a new shard on this agent would find something to do. True for every other kind of work.
    pub(crate) fn has_work_for(&self, job: JobId, agent: &AgentName) -> bool {
        let Some(suite) = self.job(job).sealed_suite() else { return true };
        let has_bulk = suite.bulk() > 0;
        let is_time = suite.waiting() == 0 || !suite.overdue.is_empty();
        let has_copies = is_time && self.may_copy() && self.has_copies_for(job, agent);
        let mut retries = suite.alone.sets(&suite.places);
        has_bulk || has_copies || retries.any(|(spared, _)| self.may_retry_on(job, spared, agent))
    }

    fn deal(&mut self, job: JobId, shard: Token, agent: &AgentName, tests: Vec<TestIndex>) {
        let token = self.next_token();
        let now = self.now.monotonic;
        let suite = self.suite_mut(job);
        let dealt: Vec<DealtTest> = tests
            .iter()
            .map(|test| DealtTest {
                test: *test,
                name: suite.name(*test).to_owned(),
                attempt: suite.test(*test).attempt(),
            })
            .collect();
        for test in &tests {
            suite.add_live(*test, token);
        }
        suite.add_open(shard, tests.iter().copied(), now);
        let row = BatchRow {
            token,
            job,
            shard,
            tests: dealt.iter().map(|dealt| (dealt.test, dealt.attempt)).collect(),
            is_over: false,
        };
        self.batches.insert(token, Batch::new(row, tests.into_iter().collect()));
        self.leases.get_mut(&shard).expect("a shard that asks has a lease").batches.insert(token);
        self.touch(Key::Batch(token));
        self.pending.jobs_changed.insert(job);
        self.refresh_idle(job, shard);
        self.send_to(agent, ToAgent::Batch(BatchMessage { token, shard, tests: dealt, is_last: false }));
    }

    /// Tells a shard that nothing more comes. One that is still to be set up is cancelled.
    pub(crate) fn dismiss_shard(&mut self, job: JobId, shard: Token) {
        let suite = self.suite_mut(job);
        let Some(agent) = suite.shards.get(&shard).map(|shard| shard.agent.clone()) else { return };
        suite.set_dismissed(shard);
        let is_cancelled = suite.shards.get(&shard).is_some_and(|shard| shard.is_cancelled);
        self.queue.releasing.insert(shard, agent.clone());
        self.refresh_idle(job, shard);
        self.send_dismissal(&agent, shard, is_cancelled);
    }

    /// Says to a shard that was dismissed how it is to end.
    pub(crate) fn send_dismissal(&mut self, agent: &AgentName, shard: Token, is_cancelled: bool) {
        if is_cancelled {
            self.send_to(agent, ToAgent::Cancel { token: shard, reason: CancelReason::Superseded });
        } else {
            self.send_last_batch(agent, shard);
        }
    }

    /// Sends an empty last batch.
    pub(crate) fn send_last_batch(&mut self, agent: &AgentName, shard: Token) {
        let token = self.next_token();
        self.send_to(agent, ToAgent::Batch(BatchMessage { token, shard, tests: Vec::new(), is_last: true }));
    }

    /// Whether others may have the slot of a shard may have changed: it waits for tests, or its job has no list yet.
    pub(crate) fn refresh_idle(&mut self, job: JobId, shard: Token) {
        let Some(found) = self.jobs.get(&job) else { return };
        let Some(suite) = found.suite.as_deref() else { return };
        let is_early = found.row.sealed.is_none() && suite.coming.contains(&shard);
        let is_idle = suite.is_idle(shard) || is_early;
        let Some(lease) = self.leases.get(&shard) else { return };
        let Some(agent) = self.agents.table.get_mut(&lease.row.agent) else { return };
        let has_changed = if is_idle { agent.idle.insert(shard) } else { agent.idle.remove(&shard) };
        if has_changed {
            self.queue.refresh_agent(agent);
        }
    }

    /// The tests of a test job.
    pub(crate) fn suite(&self, job: JobId) -> &Suite {
        self.job(job).suite.as_deref().expect("a test job has a suite")
    }

    /// The tests of a test job, to be changed.
    pub(crate) fn suite_mut(&mut self, job: JobId) -> &mut Suite {
        self.job_mut(job).suite.as_deref_mut().expect("a test job has a suite")
    }

    /// What a shard that has opened its session again does not have of its batches, by batch.
    pub(crate) fn batches_of(&self, shard: Token) -> BTreeMap<Token, &Batch> {
        let tokens = self.leases.get(&shard).map(|lease| lease.batches.iter()).into_iter().flatten();
        tokens.filter_map(|token| self.batches.get(token).map(|batch| (*token, batch))).collect()
    }

    /// Sends a live batch once more, without the tests that have ended.
    pub(crate) fn resend_batch(&mut self, agent: &AgentName, token: Token) {
        let Some(batch) = self.batches.get(&token) else { return };
        let suite = self.suite(batch.job());
        let tests = batch.row.tests.iter().filter(|(test, _)| batch.open.contains(test));
        let tests = tests.map(|(test, attempt)| DealtTest {
            test: *test,
            name: suite.name(*test).to_owned(),
            attempt: *attempt,
        });
        let message = BatchMessage { token, shard: batch.row.shard, tests: tests.collect(), is_last: false };
        self.send_to(agent, ToAgent::Batch(message));
    }
}
