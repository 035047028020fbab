//! The tests of one test job: which wait to be dealt, which run, what is held of them.

use std::collections::{BTreeMap, BTreeSet};

use muster_common::id::{AgentName, TestIndex, Token};
use muster_common::outcome::{TestVerdict, TryOutcome};
use muster_common::time::Monotonic;

use super::Known;
use super::alone::Alone;
use super::copies::TestCopy;
use super::expected::{Expected, Line, Load};
use super::places::{GroupSet, Places};
use super::units::Units;
use crate::policy::diagnosis::Tally;
use crate::policy::pacing::Pace;
use crate::{Standing, TestCounts, TryRow};

/// All tests of one job.
#[derive(Clone, Debug, Default)]
pub(crate) struct Suite {
    /// Names, as far as discovered.
    pub(crate) names: Vec<String>,
    /// From the seal on: SHA-256 over the names, each followed by a zero byte.
    pub(crate) names_sha256: Option<[u8; 32]>,
    /// Where parts of the names are stored: index of the first of each.
    pub(crate) name_rows: BTreeSet<TestIndex>,
    /// One for each name, from the seal on.
    pub(crate) tests: Vec<Test>,
    /// Tests that were never dealt.
    pub(crate) fresh: Line,
    /// Tests that came back without harm: they go first.
    pub(crate) front: Line,
    /// Tests of groups that may be dealt many at a time, by their groups.
    pub(crate) lines: BTreeMap<GroupSet, Line>,
    /// Tests that are to be dealt alone, by the agents to be spared.
    pub(crate) alone: Alone,
    /// Which tests stay together.
    pub(crate) units: Units,
    /// How many tests of each group may run, and which do.
    pub(crate) places: Places,
    /// Whether the runner may run the tests of one batch at one time. Such a one tells of them when all have ended.
    pub(crate) runs_at_once: bool,
    /// Tests that a doubtful agent holds and that may be copied.
    pub(crate) doubtful: BTreeSet<TestIndex>,
    /// Tests that take far longer than they ever did and may be copied.
    pub(crate) overdue: BTreeSet<TestIndex>,
    /// Batches that their agents were asked to give up.
    pub(crate) recalled: BTreeSet<Token>,
    /// Time that copies of overdue tests have cost that have ended, in microseconds. Known in memory only.
    pub(crate) hedged_us: u64,
    /// Overdue tests of which a copy runs. Known in memory only.
    pub(crate) copies: BTreeMap<TestIndex, TestCopy>,
    /// Expected time of all its tests.
    pub(crate) load: Load,
    /// Expected time of the tests that are dealt and have not ended; of copies twice.
    pub(crate) dealt_load: Load,
    /// Its open shards, by lease.
    pub(crate) shards: BTreeMap<Token, Shard>,
    /// Those of them that wait for tests.
    pub(crate) asking: BTreeSet<Token>,
    /// Those of them that are to be looked at: they have asked, or what they hold has become less.
    pub(crate) eager: BTreeSet<Token>,
    /// Those of them that wait for tests and hold none.
    pub(crate) idle: BTreeSet<Token>,
    /// Those of them that hold no test and have not asked yet.
    pub(crate) coming: BTreeSet<Token>,
    /// How many shards each agent has.
    pub(crate) shards_by_agent: BTreeMap<AgentName, u32>,
    /// Tests that are known to run.
    pub(crate) running: BTreeSet<TestIndex>,
    /// Tests with a live token.
    pub(crate) dealt: u32,
    /// Sums over verdicts.
    pub(crate) verdicts: TestCounts,
    /// Tests with a verdict that is not good, of which the first are named in the end.
    pub(crate) bad: BTreeSet<TestIndex>,
    /// Tests whose first try has ended, and those of them that failed.
    pub(crate) first_tries: u32,
    pub(crate) first_failures: u32,
    /// Sum of the durations of ended tries of tests that were not known, how many they are, and the longest of all tries.
    pub(crate) unknown_duration_us: u64,
    pub(crate) unknown_durations: u64,
    pub(crate) longest_us: u64,
    /// Mean of what is expected of the tests that are known, in microseconds; 0: none is.
    pub(crate) known_mean_us: u64,
    /// The most that is expected of one of them.
    pub(crate) known_longest_us: u64,
    /// Its tests in the order in which they are dealt; from `known_from` on the known ones, the longest first.
    pub(super) by_rank: Vec<TestIndex>,
    pub(super) known_from: u32,
    /// What its tests take in this run, beside what was expected of them. Known in memory only.
    pub(crate) pace: Pace,
    /// Newest measured cost of starting a batch.
    pub(crate) start_cost_us: u64,
    /// Shards in a row that ended without a result.
    pub(crate) barren_shards: u32,
    /// Whether many agents fell silent at once while it ran. Known in memory only.
    pub(crate) had_outage: bool,
    /// Tries that ended on each agent; surprises are counted below.
    pub(crate) tries_by_agent: BTreeMap<AgentName, u32>,
    /// Tests that failed on an agent and passed on another.
    pub(crate) surprises: BTreeMap<AgentName, Vec<TestIndex>>,
    /// Tests that failed in every try and were not known to be broken.
    pub(crate) newly_failed: u32,
    /// New tests that are run several times although they pass.
    pub(crate) stressed: BTreeSet<TestIndex>,
    /// Failed tests have waited long enough for another agent.
    pub(crate) is_retry_anywhere: bool,
    /// Agents on which an early shard came to nothing: they get no other before the seal. Known in memory only.
    pub(crate) early_failed: BTreeSet<AgentName>,
}

/// One test.
#[derive(Clone, Debug, Default)]
pub(crate) struct Test {
    /// Tries that have ended.
    pub(crate) tries: Vec<TryRow>,
    /// Agents lost while it ran.
    pub(crate) lost: u32,
    /// What is held of it.
    pub(crate) verdict: Option<TestVerdict>,
    /// Live tokens of its current try: batches that hold it. Two while it is hedged.
    pub(crate) live: Vec<Token>,
    /// Batches that are over and held its current try: a late result from them still counts.
    pub(crate) past: Vec<Token>,
    /// Most tests that may be dealt together with it; 0: any number.
    pub(crate) together_max: u32,
    /// Groups in which it needs a place to run; those of its whole unit.
    pub(crate) groups: GroupSet,
    /// Whether it is of a unit or of a group: it is never held twice.
    pub(crate) is_bound: bool,
    /// What earlier runs say of its duration.
    pub(crate) expected: Expected,
    /// Its place in the order of dealing.
    pub(crate) rank: u32,
    /// What earlier runs say of it.
    pub(crate) known: Known,
}

/// One open shard.
#[derive(Clone, Debug)]
pub(crate) struct Shard {
    pub(crate) agent: AgentName,
    /// Tests that it holds and whose try has not ended.
    pub(crate) open: u32,
    /// How long they are expected to take.
    pub(crate) load: Load,
    /// When it last came any further: it was dealt tests while it held none, or began or ended one.
    pub(crate) progressed: Monotonic,
    /// Whether it has been told that nothing more comes.
    pub(crate) is_dismissed: bool,
    /// Whether it was cancelled for that, because it was still to be set up.
    pub(crate) is_cancelled: bool,
    /// Whether a result came from it.
    pub(crate) has_result: bool,
    /// Whether tests were taken from it since it last asked: it may still run one of them.
    pub(crate) has_withdrawn: bool,
}

impl Suite {
    /// Whether every test has a verdict.
    pub(crate) fn is_decided(&self) -> bool {
        let sums = self.verdicts;
        let decided = sums.passed + sums.failed + sums.flaky + sums.skipped + sums.errored;
        decided as usize == self.tests.len()
    }

    pub(crate) fn name(&self, test: TestIndex) -> &str {
        self.names.get(test.0 as usize).map_or("", String::as_str)
    }

    pub(crate) fn test(&self, test: TestIndex) -> &Test {
        &self.tests[test.0 as usize]
    }

    pub(crate) fn test_mut(&mut self, test: TestIndex) -> &mut Test {
        &mut self.tests[test.0 as usize]
    }

    /// A batch holds the current try of a test from now on.
    pub(crate) fn add_live(&mut self, test: TestIndex, token: Token) {
        let found = self.test_mut(test);
        found.live.push(token);
        if found.live.len() == 1 {
            self.dealt += 1;
            self.bind(test, token);
        }
        self.doubtful.remove(&test);
        self.overdue.remove(&test);
    }

    /// A batch holds the current try of a test no more.
    pub(crate) fn remove_live(&mut self, test: TestIndex, token: Token) {
        let found = self.test_mut(test);
        let Some(place) = found.live.iter().position(|live| *live == token) else { return };
        found.live.remove(place);
        if found.live.is_empty() {
            self.dealt -= 1;
            self.unbind(test, token);
            self.running.remove(&test);
            self.doubtful.remove(&test);
            self.overdue.remove(&test);
        }
    }

    /// The batch that holds the current try of a test is over.
    pub(crate) fn live_to_past(&mut self, test: TestIndex, token: Token) {
        self.remove_live(test, token);
        self.test_mut(test).past.push(token);
    }

    /// Takes a try that has ended.
    pub(crate) fn add_try(&mut self, test: TestIndex, test_try: TryRow) {
        if test_try.attempt == 1 {
            self.first_tries += 1;
            if test_try.outcome == TryOutcome::Failed {
                self.first_failures += 1;
            }
        }
        if test_try.outcome != TryOutcome::Errored {
            self.longest_us = self.longest_us.max(test_try.duration_us);
            if !self.test(test).expected.is_known() {
                self.unknown_duration_us = self.unknown_duration_us.saturating_add(test_try.duration_us);
                self.unknown_durations += 1;
            }
        }
        if matches!(test_try.outcome, TryOutcome::Passed | TryOutcome::Failed) {
            match self.tries_by_agent.get_mut(&test_try.agent) {
                Some(tries) => *tries += 1,
                None => drop(self.tries_by_agent.insert(test_try.agent.clone(), 1)),
            }
        }
        self.test_mut(test).tries.push(test_try);
    }

    /// Sets what is held of a test.
    pub(crate) fn decide(&mut self, test: TestIndex, verdict: TestVerdict) {
        self.test_mut(test).verdict = Some(verdict);
        let sum = match verdict {
            TestVerdict::Passed => &mut self.verdicts.passed,
            TestVerdict::Failed => &mut self.verdicts.failed,
            TestVerdict::Flaky => &mut self.verdicts.flaky,
            TestVerdict::Skipped => &mut self.verdicts.skipped,
            TestVerdict::Errored => &mut self.verdicts.errored,
        };
        *sum += 1;
        if verdict == TestVerdict::Failed && self.test(test).known.is_quarantined {
            self.verdicts.quarantined += 1;
        } else if !verdict.is_good() {
            self.bad.insert(test);
        }
        self.note_signs(test, verdict);
    }

    /// What a verdict says beyond the test itself.
    fn note_signs(&mut self, test: TestIndex, verdict: TestVerdict) {
        let found = &self.tests[test.0 as usize];
        let known = found.known;
        if verdict == TestVerdict::Failed {
            self.newly_failed += u32::from(known.standing != Standing::Broken);
        }
        if verdict != TestVerdict::Flaky || known.standing == Standing::Flaky || known.is_quarantined {
            return;
        }
        let passed_on = found.tries.last().map(|test_try| test_try.agent.clone());
        let failed_on: BTreeSet<AgentName> = found
            .tries
            .iter()
            .filter(|test_try| test_try.outcome == TryOutcome::Failed && Some(&test_try.agent) != passed_on.as_ref())
            .map(|test_try| test_try.agent.clone())
            .collect();
        for agent in failed_on {
            self.surprises.entry(agent).or_default().push(test);
        }
    }

    /// Tries and surprises of each agent.
    pub(crate) fn tallies(&self) -> impl Iterator<Item = (&AgentName, Tally)> {
        self.tries_by_agent.iter().map(|(agent, tries)| {
            let surprises = self.surprises.get(agent).map_or(0, |tests| u32::try_from(tests.len()).unwrap_or(u32::MAX));
            (agent, Tally { tries: *tries, surprises })
        })
    }

    /// How long a test takes that no earlier run has seen, as far as that can be said: what such tests took so far, but
    /// not less than the others are expected to take, because the short ones are the first that end.
    pub(crate) fn unknown_us(&self) -> Option<u64> {
        let seen = self.unknown_duration_us.checked_div(self.unknown_durations);
        let known = (self.known_mean_us > 0).then_some(self.known_mean_us);
        seen.max(known).map(|mean| mean.max(1))
    }

    /// What one test counts in an amount of work: its time, or one where no test's time is known.
    pub(crate) fn weight(&self, test: TestIndex) -> u64 {
        let expected = self.test(test).expected;
        if expected.is_known() { expected.mean_us } else { self.unknown_us().unwrap_or(1) }
    }

    /// How much an amount of tests weighs.
    pub(crate) fn weigh(&self, load: Load) -> u64 {
        load.us(self.unknown_us().unwrap_or(1))
    }

    /// Sums for people.
    pub(crate) fn counts(&self, is_sealed: bool) -> TestCounts {
        let discovered = u32::try_from(self.names.len()).unwrap_or(u32::MAX);
        TestCounts { discovered, running: self.dealt, is_sealed, ..self.verdicts }
    }

    /// Opens a shard.
    pub(crate) fn add_shard(&mut self, token: Token, agent: AgentName, now: Monotonic) {
        *self.shards_by_agent.entry(agent.clone()).or_default() += 1;
        let shard = Shard {
            agent,
            open: 0,
            load: Load::default(),
            progressed: now,
            is_dismissed: false,
            is_cancelled: false,
            has_result: false,
            has_withdrawn: false,
        };
        self.shards.insert(token, shard);
        self.coming.insert(token);
    }

    /// A shard has asked for tests.
    pub(crate) fn set_asking(&mut self, token: Token) {
        self.asking.insert(token);
        self.eager.insert(token);
        if let Some(shard) = self.shards.get_mut(&token) {
            shard.has_withdrawn = false;
        }
        self.refresh_shard(token);
    }

    /// A shard has come further.
    pub(crate) fn note_progress(&mut self, token: Token, now: Monotonic) {
        if let Some(shard) = self.shards.get_mut(&token) {
            shard.progressed = now;
        }
    }

    /// A shard has got tests; it asks no more.
    pub(crate) fn add_open(&mut self, token: Token, tests: impl Iterator<Item = TestIndex>, now: Monotonic) {
        self.asking.remove(&token);
        self.eager.remove(&token);
        if let Some(shard) = self.shards.get_mut(&token) {
            if shard.open == 0 {
                shard.progressed = now;
            }
            for test in tests {
                let expected = self.tests[test.0 as usize].expected;
                shard.open += 1;
                shard.load.add(expected);
                self.dealt_load.add(expected);
            }
        }
        self.refresh_shard(token);
    }

    /// A test that a shard holds is its own no more.
    pub(crate) fn remove_open(&mut self, token: Token, test: TestIndex) {
        if let Some(shard) = self.shards.get_mut(&token) {
            let expected = self.tests[test.0 as usize].expected;
            shard.open -= 1;
            shard.load.remove(expected);
            self.dealt_load.remove(expected);
            if self.asking.contains(&token) {
                self.eager.insert(token);
            }
        }
        self.refresh_shard(token);
    }

    /// A shard gets nothing more. One that has never asked is not waited for.
    pub(crate) fn set_dismissed(&mut self, token: Token) {
        if let Some(shard) = self.shards.get_mut(&token) {
            shard.is_dismissed = true;
            shard.is_cancelled = self.coming.contains(&token) && !shard.has_result;
        }
        self.asking.remove(&token);
        self.eager.remove(&token);
        self.refresh_shard(token);
    }

    /// Whether a shard waits for tests and holds none.
    pub(crate) fn is_idle(&self, token: Token) -> bool {
        self.idle.contains(&token)
    }

    fn refresh_shard(&mut self, token: Token) {
        let holds_none = self.shards.get(&token).is_some_and(|shard| shard.open == 0 && !shard.is_dismissed);
        let is_asking = self.asking.contains(&token);
        for (set, is_in) in [(&mut self.idle, holds_none && is_asking), (&mut self.coming, holds_none && !is_asking)] {
            if is_in {
                set.insert(token);
            } else {
                set.remove(&token);
            }
        }
    }

    /// Ends a shard.
    pub(crate) fn remove_shard(&mut self, token: Token) -> Option<Shard> {
        self.asking.remove(&token);
        self.eager.remove(&token);
        self.coming.remove(&token);
        self.idle.remove(&token);
        let shard = self.shards.remove(&token)?;
        if let Some(count) = self.shards_by_agent.get_mut(&shard.agent) {
            *count -= 1;
            if *count == 0 {
                self.shards_by_agent.remove(&shard.agent);
            }
        }
        Some(shard)
    }
}

impl Test {
    /// Number of its current try.
    pub(crate) fn attempt(&self) -> u32 {
        u32::try_from(self.tries.len() + 1).unwrap_or(u32::MAX)
    }

    /// Agents on which a try of it did not pass.
    pub(crate) fn failed_on(&self) -> BTreeSet<AgentName> {
        let bad = self.tries.iter().filter(|test_try| test_try.outcome != TryOutcome::Passed);
        bad.map(|test_try| test_try.agent.clone()).collect()
    }

    /// Whether a second copy of its current try may be started because its agent is silent. Not of one that is to run
    /// alone.
    pub(crate) fn may_be_copied(&self) -> bool {
        self.may_be_relieved() && self.lost == 0
    }

    /// Whether a second copy may be started because it is overdue on an agent that gives signs of life. What was lost
    /// with an agent before does not seem to bring this one down.
    pub(crate) fn may_be_relieved(&self) -> bool {
        self.live.len() == 1 && !self.is_bound && self.tries.is_empty()
    }

    /// Whether a try of it has ended, or was lost while it ran: it is dealt alone.
    pub(crate) fn comes_back(&self) -> bool {
        !self.tries.is_empty() || self.lost > 0
    }

    /// Whether it has a row.
    pub(crate) fn is_stored(&self) -> bool {
        !self.tries.is_empty() || self.lost > 0 || self.verdict.is_some()
    }
}

#[cfg(test)]
mod tests {
    use muster_common::id::Epoch;
    use muster_common::time::Wall;

    use super::*;

    const TOKEN: Token = Token { epoch: Epoch(1), counter: 1 };

    fn agent(name: &str) -> AgentName {
        AgentName(name.to_owned())
    }

    /// What tries said, and on which agents.
    type Tries<'a> = &'a [(TryOutcome, &'a str)];

    /// A suite of tests with these tries and verdicts.
    fn suite(tests: &[(Tries<'_>, TestVerdict, Known)]) -> Suite {
        let mut suite = Suite { tests: vec![Test::default(); tests.len()], ..Suite::default() };
        for (index, (tries, verdict, known)) in (0..).map(TestIndex).zip(tests) {
            suite.test_mut(index).known = *known;
            for (attempt, (outcome, on)) in (1..).zip(*tries) {
                let (outcome, agent, at) = (*outcome, agent(on), Wall::default());
                let (token, message, output) = (TOKEN, String::new(), None);
                suite.add_try(index, TryRow { attempt, token, outcome, duration_us: 8, message, output, agent, at });
            }
            suite.decide(index, *verdict);
        }
        suite
    }

    #[test]
    fn an_agent_surprises_where_a_healthy_test_failed_that_passed_elsewhere() {
        use TryOutcome::{Errored, Failed, Passed};
        let (healthy, flaky) = (Known::default(), Known { standing: Standing::Flaky, ..Known::default() });
        let quarantined = Known { is_quarantined: true, ..Known::default() };
        let suite = suite(&[
            (&[(Failed, "bad"), (Passed, "good")], TestVerdict::Flaky, healthy),
            (&[(Failed, "bad"), (Failed, "bad"), (Passed, "good")], TestVerdict::Flaky, healthy),
            (&[(Failed, "good"), (Passed, "good")], TestVerdict::Flaky, healthy),
            (&[(Failed, "other"), (Passed, "good")], TestVerdict::Flaky, flaky),
            (&[(Failed, "other"), (Passed, "good")], TestVerdict::Flaky, quarantined),
            (&[(Errored, "other"), (Passed, "good")], TestVerdict::Passed, healthy),
            (&[(Failed, "bad")], TestVerdict::Failed, healthy),
        ]);
        let found: Vec<_> =
            suite.tallies().map(|(agent, tally)| (agent.0.as_str(), tally.tries, tally.surprises)).collect();
        assert_eq!(found, [("bad", 4, 2), ("good", 7, 0), ("other", 2, 0)]);
    }

    #[test]
    fn a_failure_is_new_where_the_test_was_not_broken_already() {
        let broken = Known { standing: Standing::Broken, ..Known::default() };
        let failed: Tries<'_> = &[(TryOutcome::Failed, "a")];
        let suite = suite(&[
            (failed, TestVerdict::Failed, Known::default()),
            (failed, TestVerdict::Failed, Known::default()),
            (failed, TestVerdict::Failed, broken),
            (&[(TryOutcome::Passed, "a")], TestVerdict::Passed, Known::default()),
        ]);
        assert_eq!(suite.newly_failed, 2);
    }

    #[test]
    fn first_tries_are_counted_and_those_of_them_that_failed() {
        use TryOutcome::{Errored, Failed, Passed};
        let known = Known::default();
        let suite = suite(&[
            (&[(Passed, "a")], TestVerdict::Passed, known),
            (&[(Passed, "a")], TestVerdict::Passed, known),
            (&[(Failed, "a"), (Failed, "b")], TestVerdict::Failed, known),
            (&[(Errored, "a"), (Failed, "b")], TestVerdict::Failed, known),
        ]);
        assert_eq!((suite.first_tries, suite.first_failures), (4, 1));
    }

    #[test]
    fn a_shard_comes_further_when_it_gets_its_first_test_and_whenever_one_ends() {
        let mut suite = Suite { tests: vec![Test::default(); 3], ..Suite::default() };
        let at = |micros| Monotonic { micros };
        let progressed = |suite: &Suite| suite.shards[&TOKEN].progressed.micros;
        suite.add_shard(TOKEN, agent("a"), at(1));
        suite.add_open(TOKEN, [TestIndex(0), TestIndex(1)].into_iter(), at(5));
        assert_eq!(progressed(&suite), 5);
        suite.note_progress(TOKEN, at(7));
        assert_eq!(progressed(&suite), 7);
        suite.add_open(TOKEN, [TestIndex(2)].into_iter(), at(9));
        assert_eq!(progressed(&suite), 7, "more tests are no progress of those that run");
    }

    #[test]
    fn what_errored_says_nothing_of_how_long_tests_take() {
        let known = Known::default();
        let errored = suite(&[(&[(TryOutcome::Errored, "a")], TestVerdict::Errored, known)]);
        assert_eq!((errored.longest_us, errored.unknown_us()), (0, None));
        let passed = suite(&[(&[(TryOutcome::Passed, "a")], TestVerdict::Passed, known)]);
        assert_eq!((passed.longest_us, passed.unknown_us()), (8, Some(8)));
    }

    #[test]
    fn counts_say_whether_the_list_is_whole() {
        let suite = suite(&[]);
        assert!(suite.counts(true).is_sealed && !suite.counts(false).is_sealed);
    }

    #[test]
    fn shards_are_counted_by_their_agents() {
        let mut suite = Suite::default();
        let token = |counter| Token { counter, ..TOKEN };
        for (counter, on) in [(1, "a"), (2, "a"), (3, "b")] {
            suite.add_shard(token(counter), agent(on), Monotonic::default());
        }
        let counts = |suite: &Suite| suite.shards_by_agent.values().copied().collect::<Vec<_>>();
        assert_eq!(counts(&suite), [2, 1]);
        assert!(suite.remove_shard(token(2)).is_some() && suite.remove_shard(token(2)).is_none());
        assert_eq!(counts(&suite), [1, 1]);
        suite.remove_shard(token(1));
        assert_eq!(suite.shards_by_agent.keys().collect::<Vec<_>>(), [&agent("b")]);
    }
}
