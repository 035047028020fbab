//! Which tests a shard gets that asks.

use muster_common::id::{AgentName, JobId, TestIndex, Token};
use muster_common::limits::TESTS_PER_MESSAGE_MAX;
use muster_common::time::Monotonic;

use crate::policy::dealing::{self, BATCH_NAME_BYTES_MAX, Situation};
use crate::policy::pacing::{self, Outlook, Ration};
use crate::policy::retry;
use crate::scheduler::Scheduler;
use crate::state::{Suite, TestCopy};

impl Scheduler {
    /// Takes the tests that a shard without any is to run next from those that wait.
    pub(super) fn pick(&mut self, job: JobId, shard: Token, agent: &AgentName) -> Vec<TestIndex> {
        let suite = self.suite(job);
        let has_bulk = suite.bulk() > 0;
        let is_alone_first = !has_bulk || suite.first_tries >= retry::SUITE_WIDE_TESTS_MIN;
        if is_alone_first && let Some(test) = self.pick_alone(job, agent) {
            return vec![test];
        }
        if has_bulk {
            return self.pick_bulk(job, shard, agent);
        }
        if self.suite(job).waiting() == 0 && self.may_copy() { self.pick_copies(job, shard, agent) } else { Vec::new() }
    }

    /// Takes tests of those that may be dealt many at a time, if none is so overdue that its copy has to begin now.
    pub(super) fn pick_bulk(&mut self, job: JobId, shard: Token, agent: &AgentName) -> Vec<TestIndex> {
        if !self.suite(job).overdue.is_empty() && self.may_copy() && self.ration(job, agent).is_none() {
            let copies = self.pick_overdue(job, shard, agent);
            if !copies.is_empty() {
                return copies;
            }
        }
        let ration = self.ration(job, agent);
        let suite = self.suite(job);
        let size = pacing::batch_size(dealing::batch_size(situation(suite, shard)), self.pace_of(agent));
        let new_max = dealing::new_max(suite.known_mean_us, suite.start_cost_us);
        let mut picked = ration.map_or_else(Vec::new, |ration| choose_short(suite, ration, size));
        if picked.is_empty() {
            picked = choose(suite, suite.front.iter().chain(suite.fresh.iter()), size, new_max);
        }
        let suite = self.suite_mut(job);
        for test in &picked {
            suite.take_waiting(*test);
        }
        picked
    }

    /// Whether a shard runs the tests by which its agent is measured: what it gets next depends on that.
    pub(super) fn is_probed(&self, job: JobId, shard: Token) -> bool {
        let agent = self.suite(job).shards.get(&shard).map(|shard| &shard.agent);
        agent.and_then(|agent| self.ration(job, agent)).is_some_and(|ration| ration.is_probe)
    }

    /// What an agent gets at most; none: whatever is next.
    fn ration(&self, job: JobId, agent: &AgentName) -> Option<Ration> {
        let suite = self.suite(job);
        pacing::ration(Outlook {
            percent: self.pace_of(agent),
            longest_us: suite.longest_waiting_us(),
            waiting: suite.bulk(),
            agents: self.queue.known_class(&self.spec(job).requirements).map_or(0, |class| class.agents.len()),
            start_cost_us: suite.start_cost_us,
        })
    }

    /// What an agent takes, in hundredths of what is usual; none: not known.
    pub(super) fn pace_of(&self, agent: &AgentName) -> Option<u64> {
        self.agents.table.get(agent).and_then(|agent| agent.pace.of_agent())
    }

    /// Tests of silent agents first, then those that are overdue.
    fn pick_copies(&mut self, job: JobId, shard: Token, agent: &AgentName) -> Vec<TestIndex> {
        let suite = self.suite(job);
        if suite.doubtful.is_empty() {
            return self.pick_overdue(job, shard, agent);
        }
        choose_copies(suite, shard, &suite.doubtful.iter().copied().collect::<Vec<_>>())
    }

    fn pick_overdue(&mut self, job: JobId, shard: Token, agent: &AgentName) -> Vec<TestIndex> {
        let now = self.now.monotonic;
        let suite = self.suite(job);
        let overdue = suite.overdue.iter().copied().filter(|test| !self.is_held_by(job, *test, agent));
        let picked = choose_copies(suite, shard, &overdue.collect::<Vec<_>>());
        let copies: Vec<(TestIndex, TestCopy)> = picked
            .iter()
            .map(|test| {
                let first_since = self.begun(job, *test).unwrap_or(now);
                (*test, TestCopy { first_since, since: now, agent: agent.clone() })
            })
            .collect();
        self.suite_mut(job).copies.extend(copies);
        picked
    }

    /// When a test that is dealt began, as far as its agent has said so.
    fn begun(&self, job: JobId, test: TestIndex) -> Option<Monotonic> {
        let mut holders = self.suite(job).test(test).live.iter().filter_map(|token| self.batches.get(token));
        holders.find_map(|batch| batch.started.get(&test).copied())
    }
}

/// How things stand when a shard asks.
pub(super) fn situation(suite: &Suite, shard: Token) -> Situation {
    let waiting = suite.weigh(suite.fresh.load()) + suite.weigh(suite.front.load());
    Situation {
        is_timed: suite.unknown_us().is_some(),
        waiting,
        unfinished: waiting + suite.weigh(suite.dealt_load),
        held: suite.shards.get(&shard).map_or(0, |shard| suite.weigh(shard.load)),
        shards: suite.shards.len() as u64,
        start_cost_us: suite.start_cost_us,
    }
}

/// The first tests that may be dealt together, with about so much work: a test is left for the next batch where more
/// than half of it would be too much. Of those that nothing is known of, at most `new_max`.
fn choose(suite: &Suite, candidates: impl Iterator<Item = TestIndex>, size: u64, new_max: usize) -> Vec<TestIndex> {
    let mut new = 0;
    let (mut picked, mut bytes, mut work, mut most) = (Vec::new(), 0, 0u64, TESTS_PER_MESSAGE_MAX);
    for test in candidates {
        let together_max = suite.test(test).together_max as usize;
        let most_with = if together_max == 0 { most } else { most.min(together_max) };
        let weight = suite.weight(test);
        bytes += suite.name(test).len();
        new += usize::from(!suite.test(test).expected.is_known());
        let is_full = picked.len() >= most_with
            || new > new_max
            || bytes > BATCH_NAME_BYTES_MAX
            || work.saturating_add(weight.div_ceil(2)) > size;
        if is_full && !picked.is_empty() {
            break;
        }
        most = most_with;
        work = work.saturating_add(weight);
        picked.push(test);
    }
    picked
}

fn choose_copies(suite: &Suite, shard: Token, candidates: &[TestIndex]) -> Vec<TestIndex> {
    let waiting = candidates.iter().map(|test| suite.weight(*test)).sum();
    let size = dealing::batch_size(Situation { waiting, ..situation(suite, shard) });
    choose(suite, candidates.iter().copied(), size, usize::MAX)
}

/// Tests that are short enough. If none is and the agent is known to be slow, the shortest: a slot does not idle.
fn choose_short(suite: &Suite, ration: Ration, size: u64) -> Vec<TestIndex> {
    let rank = suite.rank_within(ration.test_us_max);
    let size = size.min(ration.batch_us_max);
    let picked = choose(suite, suite.front.from(rank).chain(suite.fresh.from(rank)), size, usize::MAX);
    if picked.is_empty() && !ration.is_probe {
        return suite.fresh.last().or_else(|| suite.front.last()).into_iter().collect();
    }
    picked
}
