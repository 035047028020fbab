//! Which tests a shard gets that asks.

use muster_common::id::{AgentName, JobId, TestIndex, Token};
use muster_common::limits::TESTS_PER_MESSAGE_MAX;
use muster_common::time::Monotonic;

use crate::policy::dealing::{self, BATCH_NAME_BYTES_MAX, Situation};
use crate::policy::pacing::{self, Outlook, Ration};
use crate::policy::retry;
use crate::scheduler::Scheduler;
use crate::state::{GroupSet, Line, Suite, TestCopy};

impl Scheduler {
    /// Takes the tests that a shard without any is to run next from those that wait.
    pub(super) fn pick(&mut self, job: JobId, shard: Token, agent: &AgentName) -> Vec<TestIndex> {
        let suite = self.suite(job);
        let has_bulk = suite.bulk() > 0;
        let is_alone_first = !has_bulk || suite.first_tries >= retry::SUITE_WIDE_TESTS_MIN;
        if is_alone_first && let Some(test) = self.pick_alone(job, agent) {
            return self.with_its_unit(job, test);
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
        let line = if suite.is_idle(shard) { suite.next_line() } else { None };
        if let Some((groups, line)) = line.filter(|_| ration.is_none() || suite.plain() == 0) {
            let picked = choose_of_groups(suite, groups, line);
            return self.take_picked(job, picked);
        }
        let size = pacing::batch_size(dealing::batch_size(situation(suite, shard)), self.pace_of(agent));
        let mut picked = ration.map_or_else(Vec::new, |ration| choose_short(suite, ration, size));
        if picked.is_empty() {
            picked = choose(suite, suite.plain_line(), Most { work: size, ..most(suite) });
        }
        self.take_picked(job, picked)
    }

    fn take_picked(&mut self, job: JobId, picked: Vec<TestIndex>) -> Vec<TestIndex> {
        let suite = self.suite_mut(job);
        for test in &picked {
            suite.take_waiting(*test);
        }
        picked
    }

    /// A test that is tried again, and what else of its unit is: those that failed where it did.
    fn with_its_unit(&mut self, job: JobId, test: TestIndex) -> Vec<TestIndex> {
        let suite = self.suite_mut(job);
        let Some(unit) = suite.units.unit_of(test).filter(|_| suite.test(test).lost == 0) else { return vec![test] };
        let (groups, spared) = (suite.test(test).groups, suite.test(test).failed_on());
        let mut picked = vec![test];
        let mut bytes = suite.name(test).len();
        for other in unit.tests.clone() {
            bytes += suite.name(other).len();
            let has_room = picked.len() < TESTS_PER_MESSAGE_MAX && bytes <= BATCH_NAME_BYTES_MAX;
            let is_like = suite.test(other).lost == 0 && suite.test(other).failed_on() == spared;
            if has_room && is_like && suite.alone.remove(groups, &spared, other) {
                picked.push(other);
            }
        }
        picked.sort_unstable();
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
            waiting: suite.plain(),
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
        let (lost, overdue): (Vec<_>, Vec<_>) = overdue.partition(|test| suite.test(*test).lost > 0);
        let picked = match lost.first() {
            Some(lost) => vec![*lost],
            None => choose_copies(suite, shard, &overdue),
        };
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
        tells_at_end: suite.runs_at_once,
    }
}

/// What a batch has at most.
#[derive(Clone, Copy, Debug)]
struct Most {
    /// About so much work: a unit is left for the next batch where more than half of it would be too much.
    work: u64,
    /// Tests of which nothing is known.
    new: usize,
    /// Tests.
    tests: usize,
}

/// The bounds that hold for every batch of a suite.
fn most(suite: &Suite) -> Most {
    let new = dealing::new_max(suite.known_mean_us, suite.start_cost_us);
    Most { work: u64::MAX, new, tests: TESTS_PER_MESSAGE_MAX }
}

/// The first tests that may be dealt together, units as a whole. Only one that no batch could carry is cut.
fn choose(suite: &Suite, candidates: impl Iterator<Item = TestIndex>, most: Most) -> Vec<TestIndex> {
    let mut batch = Chosen::default();
    let mut candidates = candidates.peekable();
    let mut tests = Vec::new();
    while let Some(first) = candidates.next() {
        let unit = suite.units.number_of(first);
        let is_same = |test: &TestIndex| unit.is_some() && suite.units.number_of(*test) == unit;
        tests.clear();
        tests.push(first);
        while let Some(test) = candidates.next_if(is_same) {
            tests.push(test);
        }
        if !batch.take(suite, &tests, most) {
            break;
        }
    }
    batch.tests
}

/// A batch that is being made.
#[derive(Default)]
struct Chosen {
    tests: Vec<TestIndex>,
    new: usize,
    bytes: usize,
    work: u64,
    /// Most tests, by those that it has already; 0: any number.
    together_max: usize,
}

impl Chosen {
    /// Takes the tests of a unit. Returns whether there is room for more.
    fn take(&mut self, suite: &Suite, unit: &[TestIndex], most: Most) -> bool {
        let work: u64 = unit.iter().map(|test| suite.weight(*test)).sum();
        let new = unit.iter().filter(|test| !suite.test(**test).expected.is_known()).count();
        let is_enough = self.new + new > most.new || self.work.saturating_add(work.div_ceil(2)) > most.work;
        let fitting = self.how_many_fit(suite, unit, most);
        if !self.tests.is_empty() && (is_enough || fitting < unit.len()) {
            return false;
        }
        for test in &unit[..fitting.max(1)] {
            self.bytes += suite.name(*test).len();
            self.together_max = least(self.together_max, suite.test(*test).together_max as usize);
            self.tests.push(*test);
        }
        self.new += new;
        self.work = self.work.saturating_add(work);
        fitting == unit.len()
    }

    fn how_many_fit(&self, suite: &Suite, unit: &[TestIndex], most: Most) -> usize {
        let (mut together_max, mut bytes) = (self.together_max, self.bytes);
        let fits = |(place, test): &(usize, &TestIndex)| {
            together_max = least(together_max, suite.test(**test).together_max as usize);
            bytes += suite.name(**test).len();
            let tests = self.tests.len() + place + 1;
            tests <= most.tests && (together_max == 0 || tests <= together_max) && bytes <= BATCH_NAME_BYTES_MAX
        };
        unit.iter().enumerate().take_while(fits).count()
    }
}

/// The smaller of two numbers, of which 0 stands for any.
fn least(one: usize, other: usize) -> usize {
    match (one, other) {
        (0, any) | (any, 0) => any,
        (one, other) => one.min(other),
    }
}

/// Tests of a line whose groups have a place left: a batch takes one place, so their work is shared by as many shards as
/// there are places.
fn choose_of_groups(suite: &Suite, groups: GroupSet, line: &Line) -> Vec<TestIndex> {
    let waiting = suite.weigh(line.load());
    let shards = suite.places.limit_of(groups).min(suite.shards.len()) as u64;
    let situation = Situation {
        is_timed: suite.unknown_us().is_some(),
        waiting,
        unfinished: waiting,
        held: 0,
        shards,
        start_cost_us: suite.start_cost_us,
        tells_at_end: suite.runs_at_once,
    };
    let tests = if suite.runs_at_once { 1 } else { TESTS_PER_MESSAGE_MAX };
    choose(suite, line.iter(), Most { work: dealing::batch_size(situation), tests, ..most(suite) })
}

fn choose_copies(suite: &Suite, shard: Token, candidates: &[TestIndex]) -> Vec<TestIndex> {
    let waiting = candidates.iter().map(|test| suite.weight(*test)).sum();
    let work = dealing::batch_size(Situation { waiting, ..situation(suite, shard) });
    choose(suite, candidates.iter().copied(), Most { work, ..most(suite) })
}

/// Tests that are short enough. If none is and the agent is known to be slow, the shortest: a slot does not idle.
fn choose_short(suite: &Suite, ration: Ration, size: u64) -> Vec<TestIndex> {
    let rank = suite.rank_within(ration.test_us_max);
    let short = Most { work: size.min(ration.batch_us_max), ..most(suite) };
    let picked = choose(suite, suite.front.from(rank).chain(suite.fresh.from(rank)), short);
    if picked.is_empty() && !ration.is_probe {
        let last = suite.fresh.last().or_else(|| suite.front.last());
        let unit = last.map_or_else(Vec::new, |last| suite.in_line_with(last));
        return choose(suite, unit.into_iter(), short);
    }
    picked
}

#[cfg(test)]
mod tests {
    use muster_common::id::{Epoch, JobIndex, RunId};
    use muster_common::outcome::TryOutcome;
    use muster_common::spec::{Runner, TestGroup, TestScope, TestSpec};
    use muster_common::time::Wall;

    use super::*;
    use crate::state::{Expected, Job, Known};
    use crate::{Config, TryRow};

    /// Files with so many tests each, in a suite of which each test takes a second.
    fn suite(files: &[usize], groups: Vec<TestGroup>) -> Suite {
        let spec = TestSpec { scope: TestScope::File, groups, ..TestSpec::new(Runner::Pytest { args: Vec::new() }) };
        let names = files
            .iter()
            .enumerate()
            .flat_map(|(file, tests)| (0..*tests).map(move |test| format!("{file}.py::test_{test}")));
        let mut suite = Suite::default();
        suite.names = names.collect();
        let second = Expected { mean_us: 1_000_000, high_us: 2_000_000 };
        suite.make_tests(&spec, |_| (second, Known::default()));
        for index in 0..suite.tests.len() {
            suite.await_dealing(TestIndex(u32::try_from(index).expect("a few tests")));
        }
        suite
    }

    fn chosen(suite: &Suite, seconds: u64) -> usize {
        choose(suite, suite.plain_line(), Most { work: seconds * 1_000_000, ..most(suite) }).len()
    }

    #[test]
    fn a_unit_goes_whole_and_the_longest_first() {
        let suite = suite(&[2, 5, 3], Vec::new());
        assert_eq!(chosen(&suite, 1), 5, "larger than a batch, it is one of its own");
        assert_eq!(chosen(&suite, 8), 8);
        assert_eq!(chosen(&suite, 6), 5, "more than half of the next would be too much");
    }

    #[test]
    fn a_unit_that_no_batch_can_carry_is_cut_and_its_rest_waits_for_the_first_part() {
        let mut suite = suite(&[TESTS_PER_MESSAGE_MAX + 10, 1], Vec::new());
        let first = choose(&suite, suite.plain_line(), most(&suite));
        assert_eq!(first.len(), TESTS_PER_MESSAGE_MAX);
        let token = Token { epoch: muster_common::id::Epoch(1), counter: 1 };
        for test in &first {
            suite.take_waiting(*test);
            suite.add_live(*test, token);
        }
        assert_eq!(chosen(&suite, 100), 1, "only the other file can be dealt");
        for test in &first {
            suite.remove_live(*test, token);
        }
        assert_eq!(chosen(&suite, 10), 10, "the rest of the file comes first");
    }

    #[test]
    fn the_names_of_a_batch_fit_into_a_message() {
        let mut suite = suite(&[4], Vec::new());
        for name in &mut suite.names {
            *name = "x".repeat(BATCH_NAME_BYTES_MAX / 3);
        }
        assert_eq!(chosen(&suite, 100), 3);
        suite.names[2].push_str("too long");
        assert_eq!(chosen(&suite, 100), 2);
    }

    #[test]
    fn the_names_of_several_units_fit_into_a_message_together() {
        let mut suite = suite(&[2, 2], Vec::new());
        for name in &mut suite.names {
            *name = "x".repeat(BATCH_NAME_BYTES_MAX / 3);
        }
        assert_eq!(chosen(&suite, 100), 2);
    }

    /// How many of these tests of one file go together that could not be run on the agent that had all of them. The
    /// second had brought that agent down, too.
    fn tried_again(tests: usize, name_bytes: usize) -> usize {
        let job = JobId { run: RunId(1), job: JobIndex(0) };
        let token = Token { epoch: Epoch(1), counter: 1 };
        let mut suite = suite(&[tests], Vec::new());
        for index in (0..tests).map(|index| TestIndex(u32::try_from(index).expect("a few tests"))) {
            suite.names[index.0 as usize] = "x".repeat(name_bytes);
            suite.forget_waiting(index);
            let (agent, message, at) = (AgentName("a1".to_owned()), String::new(), Wall::default());
            let (outcome, output) = (TryOutcome::Errored, None);
            suite.add_try(index, TryRow { attempt: 1, token, outcome, duration_us: 0, message, output, agent, at });
            suite.test_mut(index).lost = u32::from(index == TestIndex(1));
            suite.await_dealing(index);
        }
        let mut found = Job::fresh(job, true);
        found.suite = Some(Box::new(suite));
        let mut scheduler = Scheduler::new(Config::default(), Epoch(1));
        scheduler.jobs.insert(job, found);
        scheduler.suite_mut(job).alone.remove(GroupSet::NONE, &[AgentName("a1".to_owned())].into(), TestIndex(0));
        scheduler.with_its_unit(job, TestIndex(0)).len()
    }

    #[test]
    fn what_is_tried_again_of_a_unit_fits_into_a_message() {
        assert_eq!(tried_again(5, 1), 4, "what may have brought its agent down goes alone");
        assert_eq!(tried_again(TESTS_PER_MESSAGE_MAX + 1, 1), TESTS_PER_MESSAGE_MAX);
        assert_eq!(tried_again(TESTS_PER_MESSAGE_MAX + 9, 1), TESTS_PER_MESSAGE_MAX);
        assert!(tried_again(9, BATCH_NAME_BYTES_MAX / 3) <= 3);
    }

    #[test]
    fn the_smaller_of_two_bounds_counts_and_nought_is_none() {
        assert_eq!([least(0, 0), least(0, 5), least(5, 0), least(5, 3), least(3, 5), least(4, 4)], [0, 5, 5, 3, 3, 4]);
    }

    #[test]
    fn what_killed_an_agent_is_cornered_within_its_unit() {
        let mut suite = suite(&[6], Vec::new());
        suite.test_mut(TestIndex(2)).together_max = 2;
        assert_eq!(chosen(&suite, 100), 2, "the third may not go with more than one other");
    }

    #[test]
    fn a_unit_is_in_every_group_of_its_tests() {
        let group = TestGroup { name: "db".to_owned(), patterns: vec!["0.py::test_1".to_owned()], limit: 1 };
        let suite = suite(&[3, 2], vec![group]);
        assert_eq!(suite.plain(), 2);
        let (groups, line) = suite.next_line().expect("three in turn take longer than two");
        assert_eq!(choose_of_groups(&suite, groups, line).len(), 3);
    }

    #[test]
    fn tests_of_a_group_go_one_by_one_where_a_runner_would_begin_them_at_once() {
        let group = TestGroup { name: "db".to_owned(), patterns: vec!["*".to_owned()], limit: 2 };
        let mut suite = suite(&[1, 1, 1], vec![group]);
        let dealt = |suite: &Suite| {
            let (groups, line) = suite.next_line().expect("all are of the group");
            choose_of_groups(suite, groups, line).len()
        };
        suite.runs_at_once = false;
        assert!(dealt(&suite) > 1);
        suite.runs_at_once = true;
        assert_eq!(dealt(&suite), 1);
    }
}
