//! Where the tests of a suite wait to be dealt.
//!
//! Those of no group stand in two lines, those that came back before those that were never dealt. Of the tests of groups
//! each set of groups has a line of its own, so that one whose places are taken keeps nobody. A test of a unit that a
//! shard holds stands in none of them until it does not.

use std::collections::BTreeMap;

use muster_common::id::{TestIndex, Token};

use super::expected::Line;
use super::places::GroupSet;
use super::suite::Suite;

impl Suite {
    /// Puts a test where it waits to be dealt, by its past.
    pub(crate) fn await_dealing(&mut self, test: TestIndex) {
        if self.units.hold_back(test) {
            return;
        }
        let found = self.test(test);
        let (rank, expected, groups) = ((found.rank, test), found.expected, found.groups);
        if found.comes_back() {
            let spared = found.failed_on();
            self.alone.insert(groups, spared, test);
        } else if groups.is_empty() {
            self.fresh.insert(rank, expected);
        } else {
            self.lines.entry(groups).or_default().insert(rank, expected);
        }
    }

    /// Puts a test that came back without harm at the head of those that wait.
    pub(crate) fn await_first(&mut self, test: TestIndex) {
        let found = self.test(test);
        let (rank, expected) = ((found.rank, test), found.expected);
        if found.comes_back() || !found.groups.is_empty() {
            self.await_dealing(test);
        } else if !self.units.hold_back(test) {
            self.front.insert(rank, expected);
        }
    }

    /// Takes a test out of everything that waits to be dealt.
    pub(crate) fn forget_waiting(&mut self, test: TestIndex) {
        self.units.let_go(test);
        self.take_waiting(test);
        if !self.alone.is_empty() {
            let (groups, spared) = (self.test(test).groups, self.test(test).failed_on());
            self.alone.remove(groups, &spared, test);
        }
    }

    /// Takes a test out of those that may be dealt many at a time.
    pub(crate) fn take_waiting(&mut self, test: TestIndex) {
        let found = self.test(test);
        let (rank, expected, groups) = ((found.rank, test), found.expected, found.groups);
        if groups.is_empty() {
            self.fresh.remove(rank, expected);
            self.front.remove(rank, expected);
        } else if let Some(line) = self.lines.get_mut(&groups) {
            line.remove(rank, expected);
            if line.is_empty() {
                self.lines.remove(&groups);
            }
        }
    }

    /// A test is held by a batch from now on: it takes its place, and others of its unit wait.
    pub(super) fn bind(&mut self, test: TestIndex, token: Token) {
        self.places.take(self.tests[test.0 as usize].groups, token);
        self.units.let_go(test);
        let Some(unit) = self.units.add_live(test) else { return };
        for other in unit.tests.clone() {
            if self.is_waiting(other) {
                self.forget_waiting(other);
                self.units.hold_back(other);
            }
        }
    }

    /// A batch holds a test no more: its place is free, and with the last of its unit others of it may be dealt.
    pub(super) fn unbind(&mut self, test: TestIndex, token: Token) {
        self.places.give_back(self.tests[test.0 as usize].groups, token);
        for other in self.units.remove_live(test) {
            self.await_first(other);
        }
    }

    /// Tests that are to be dealt alone, be it that others of their unit are held.
    pub(crate) fn all_alone(&self) -> Vec<TestIndex> {
        let held_back =
            self.units.iter().flat_map(|unit| unit.held_back()).filter(|test| self.test(*test).comes_back());
        self.alone.iter().chain(held_back).collect()
    }

    /// Tests that could be dealt now: none whose groups have no place left.
    pub(crate) fn waiting(&self) -> usize {
        self.bulk() + self.alone.open(&self.places)
    }

    /// Of them, those that may be dealt many at a time.
    pub(crate) fn bulk(&self) -> usize {
        let open = self.lines.iter().filter(|(groups, _)| self.places.is_open(**groups));
        self.plain() + open.map(|(_, line)| line.len()).sum::<usize>()
    }

    /// Of those, the tests of no group.
    pub(crate) fn plain(&self) -> usize {
        self.fresh.len() + self.front.len()
    }

    /// Shards that could be given something that waits: for tests of groups one for each place that is left.
    pub(crate) fn servable(&self) -> usize {
        let mut waiting: BTreeMap<GroupSet, usize> = self.alone.counts().collect();
        for (groups, line) in &self.lines {
            *waiting.entry(*groups).or_default() += line.len();
        }
        self.plain() + waiting.into_iter().map(|(groups, count)| count.min(self.places.free(groups))).sum::<usize>()
    }

    /// Tests of no group, in the order in which they are to be dealt.
    pub(crate) fn plain_line(&self) -> impl Iterator<Item = TestIndex> {
        self.front.iter().chain(self.fresh.iter())
    }

    /// The groups whose line is to be dealt from next; none: tests of no group are. What takes longest in turn goes
    /// first: a line's work, shared by as many as may run at one time, is held beside the longest of the others.
    pub(crate) fn next_line(&self) -> Option<(GroupSet, &Line)> {
        let open = self.lines.iter().filter(|(groups, _)| self.places.is_open(**groups));
        let in_turn = |(groups, line): &(&GroupSet, &Line)| {
            self.weigh(line.load()) / u64::try_from(self.places.limit_of(**groups)).unwrap_or(u64::MAX).max(1)
        };
        let (groups, line) = open.max_by_key(in_turn)?;
        let longest_us = self.plain_line().next().map(|test| self.waiting_weight(test));
        let goes_first = longest_us.is_none_or(|longest_us| in_turn(&(groups, line)) >= longest_us);
        goes_first.then_some((*groups, line))
    }

    /// What the tests weigh that would be dealt with one that waits in a line.
    pub(crate) fn waiting_weight(&self, test: TestIndex) -> u64 {
        match self.units.unit_of(test) {
            None => self.weight(test),
            Some(unit) => unit.tests.iter().filter(|test| self.is_in_line(**test)).map(|test| self.weight(*test)).sum(),
        }
    }

    /// A test that waits in a line, with those of its unit that do.
    pub(crate) fn in_line_with(&self, test: TestIndex) -> Vec<TestIndex> {
        match self.units.unit_of(test) {
            None => vec![test],
            Some(unit) => unit.tests.iter().copied().filter(|test| self.is_in_line(*test)).collect(),
        }
    }

    /// Whether a test waits to be dealt, be it that others of its unit are held.
    pub(crate) fn is_waiting(&self, test: TestIndex) -> bool {
        let found = self.test(test);
        found.verdict.is_none() && found.live.is_empty()
    }

    /// Whether a test waits in a line, to be dealt with many.
    pub(crate) fn is_in_line(&self, test: TestIndex) -> bool {
        let found = self.test(test);
        let rank = (found.rank, test);
        let is_in_own = self.lines.get(&found.groups).is_some_and(|line| line.contains(rank));
        is_in_own || self.fresh.contains(rank) || self.front.contains(rank)
    }

    /// Tests of groups that wait for a place, one of each line, and the last of all if it is to run alone.
    pub(crate) fn blocked(&self) -> Vec<TestIndex> {
        let lines = self.lines.iter().filter(|(groups, _)| !self.places.is_open(**groups));
        let first = lines.filter_map(|(_, line)| line.iter().next());
        let alone = self.alone.iter().filter(|test| !self.places.is_open(self.test(*test).groups));
        first.chain(alone.take(1)).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use muster_common::id::{AgentName, Epoch};

    use super::*;
    use crate::state::units::Units;
    use crate::state::{Expected, Test};

    const WIDE: usize = 0;
    const NARROW: usize = 1;

    /// A suite with these tests, each of a group or none and with its seconds; group 0 has four places, group 1 has one.
    fn suite(tests: &[(Option<usize>, u64)]) -> Suite {
        let mut suite = Suite::default();
        suite.places.set_limits([4, 1].into_iter());
        for (test, (group, seconds)) in (0..).map(TestIndex).zip(tests) {
            let expected = Expected { mean_us: seconds * 1_000_000, high_us: seconds * 1_500_000 };
            suite.tests.push(Test { groups: set(*group), expected, rank: test.0, ..Test::default() });
            suite.await_dealing(test);
        }
        suite
    }

    fn set(group: Option<usize>) -> GroupSet {
        GroupSet::of(group.into_iter())
    }

    fn next(suite: &Suite) -> Option<GroupSet> {
        suite.next_line().map(|(groups, _)| groups)
    }

    #[test]
    fn what_takes_longest_in_turn_is_dealt_first() {
        let wide = [(Some(WIDE), 4), (Some(WIDE), 4)];
        assert_eq!(next(&suite(&[wide[0], wide[1], (None, 3)])), None, "eight seconds in four places take two");
        assert_eq!(next(&suite(&[wide[0], wide[1], (None, 2)])), Some(set(Some(WIDE))));
        assert_eq!(next(&suite(&[wide[0], wide[1], (Some(NARROW), 3)])), Some(set(Some(NARROW))));
        assert_eq!(next(&suite(&[wide[0], wide[1], (Some(NARROW), 1)])), Some(set(Some(WIDE))));
    }

    #[test]
    fn what_is_to_run_alone_is_known_although_its_unit_is_held() {
        let mut suite = suite(&[(None, 1), (None, 1), (None, 1)]);
        suite.units = Units::of_keys([Some("a.py"); 3].into_iter());
        suite.bind(TestIndex(0), Token { epoch: Epoch(1), counter: 1 });
        suite.tests[1].lost = 1;
        suite.await_dealing(TestIndex(1));
        assert_eq!(suite.all_alone(), [TestIndex(1)]);
    }

    #[test]
    fn a_test_that_is_to_run_alone_is_blocked_as_long_as_its_place_is_taken() {
        let token = Token { epoch: Epoch(1), counter: 1 };
        let mut suite = suite(&[(Some(NARROW), 3)]);
        suite.take_waiting(TestIndex(0));
        suite.alone.insert(set(Some(NARROW)), BTreeSet::from([AgentName("a".to_owned())]), TestIndex(0));
        assert_eq!(suite.blocked(), []);
        suite.places.take(set(Some(NARROW)), token);
        assert_eq!(suite.blocked(), [TestIndex(0)]);
        suite.places.give_back(set(Some(NARROW)), token);
        assert_eq!(suite.blocked(), []);
    }
}
