//! The order in which the tests of a suite are dealt.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use muster_common::id::TestIndex;
use muster_common::spec::{StressSpec, TestSpec};

use super::Known;
use super::expected::{Expected, Line};
use super::places::GroupSet;
use super::suite::{Suite, Test};
use super::units::Units;
use crate::policy::stress::{self, Beginnings};

impl Suite {
    /// Makes the tests of a discovery that is sealed, each with what is remembered of it, in the order in which they are
    /// to be dealt. A unit stands where its tests together would, in the order of the list. Any test that is new may be
    /// long, so these come first: one of each new function before a second with other parameters, then what can be
    /// guessed from other parameters of the same. After them the longest.
    pub(crate) fn make_tests(&mut self, spec: &TestSpec, remembered: impl Fn(&str) -> (Expected, Known)) {
        let test = |name: &String| {
            let (expected, known) = remembered(name);
            Test { expected, known, ..Test::default() }
        };
        self.tests = self.names.iter().map(test).collect();
        let mut order = self.places_alone();
        self.bind_tests(spec, &mut order);
        order.sort_unstable();
        self.known_from = u32::try_from(order.partition_point(|place| place.surety < SURE)).unwrap_or(u32::MAX);
        self.by_rank = order.iter().map(|place| place.test).collect();
        let (mut known, mut known_us) = (0, 0u64);
        for (rank, place) in (0..).zip(order) {
            let test = &mut self.tests[place.test.0 as usize];
            test.rank = rank;
            self.load.add(test.expected);
            self.known_longest_us = self.known_longest_us.max(test.expected.mean_us);
            if test.expected.is_known() {
                known += 1;
                known_us = known_us.saturating_add(test.expected.mean_us);
            }
        }
        self.known_mean_us = known_us.checked_div(known).unwrap_or(0);
    }

    /// Finds out which tests are new or have changed; `has_past`: whether the job was run before, so that one can tell.
    pub(crate) fn choose_stressed(&mut self, spec: &StressSpec, has_past: bool) {
        let changed = Beginnings::of(&spec.changed);
        let stressed = (0..)
            .map(TestIndex)
            .zip(self.names.iter().zip(&self.tests))
            .filter(|(_, (name, test))| has_past && !test.known.is_seen || changed.has(name));
        self.stressed = stressed.map(|(test, _)| test).take(stress::most(self.tests.len())).collect();
    }

    /// Where each test would stand by itself. What other parameters of a new one take is guessed for it.
    fn places_alone(&mut self) -> Vec<Place> {
        let families = families(&self.names, &self.tests);
        let mut seen: BTreeMap<&str, u32> = BTreeMap::new();
        let mut order = Vec::with_capacity(self.tests.len());
        for (index, test) in (0..).zip(&mut self.tests) {
            let family = family(&self.names[index as usize]);
            let (surety, mean_us, before) = if test.expected.is_known() {
                (SURE, test.expected.mean_us, 0)
            } else if let Some(mean_us) = families.get(family).and_then(|(sum, count)| sum.checked_div(*count)) {
                test.expected = Expected { mean_us: mean_us.max(1), high_us: 0 };
                (GUESSED, mean_us, 0)
            } else {
                let before = seen.entry(family).or_default();
                *before += 1;
                (UNKNOWN, 0, *before)
            };
            let test = TestIndex(index);
            order.push(Place { surety, longest: Reverse(mean_us), before, first: test, test });
        }
        order
    }

    /// Finds out which tests stay together and which exclude each other. A unit is in every group of one of its tests.
    fn bind_tests(&mut self, spec: &TestSpec, order: &mut [Place]) {
        self.runs_at_once = !spec.runner.runs_in_turn();
        self.places.set_limits(spec.groups.iter().map(|group| group.limit));
        if !spec.groups.is_empty() {
            for (name, test) in self.names.iter().zip(&mut self.tests) {
                test.groups = GroupSet::of((0..).zip(&spec.groups).filter(|(_, group)| group.has(name)).map(|it| it.0));
                test.is_bound = !test.groups.is_empty();
            }
        }
        if spec.scope.is_test() {
            return;
        }
        self.units = Units::of_keys(self.names.iter().map(|name| spec.runner.unit_of(spec.scope, name)));
        for unit in self.units.iter_mut() {
            let tests = || unit.tests.iter().map(|test| test.0 as usize);
            let groups = tests().fold(GroupSet::NONE, |groups, test| groups.with(self.tests[test].groups));
            unit.expected_us = tests().map(|test| self.tests[test].expected.mean_us).fold(0, u64::saturating_add);
            let surety = tests().map(|test| order[test].surety).min().unwrap_or(UNKNOWN);
            let before = tests().map(|test| order[test].before).min().unwrap_or_default();
            for test in tests() {
                self.tests[test].groups = groups;
                self.tests[test].is_bound = true;
                let place = &mut order[test];
                (place.surety, place.before, place.first) = (surety, before, unit.tests[0]);
                place.longest = Reverse(unit.expected_us);
            }
        }
    }

    /// What is expected of a test, or of the whole unit to which it belongs.
    fn whole_us(&self, test: TestIndex) -> u64 {
        self.units.unit_of(test).map_or(self.test(test).expected.mean_us, |unit| unit.expected_us)
    }

    /// The first place in the order of dealing from which on every test, or unit, is known to take so long at most.
    pub(crate) fn rank_within(&self, us_max: u64) -> u32 {
        let known = self.by_rank.get(self.known_from as usize..).unwrap_or_default();
        let longer = known.partition_point(|test| self.whole_us(*test) > us_max);
        self.known_from + u32::try_from(longer).unwrap_or(u32::MAX)
    }

    /// What the longest known test, or unit, takes that waits and is of no group.
    pub(crate) fn longest_waiting_us(&self) -> u64 {
        let first = |line: &Line| line.from(self.known_from).next().map_or(0, |test| self.whole_us(test));
        first(&self.front).max(first(&self.fresh))
    }
}

/// Where a test stands before others, by what decides first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    /// How much is known of it.
    surety: u8,
    longest: Reverse<u64>,
    /// How many of its family stand before it, where nothing is known.
    before: u32,
    /// The first test of its unit.
    first: TestIndex,
    test: TestIndex,
}

/// Nothing is known of a test.
const UNKNOWN: u8 = 0;
/// Something is known of others like it.
const GUESSED: u8 = 1;
/// Earlier runs have seen it.
const SURE: u8 = 2;

/// Sum and number of what is expected of the known tests of each family.
fn families<'n>(names: &'n [String], tests: &[Test]) -> BTreeMap<&'n str, (u64, u64)> {
    let mut families: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
    for (name, test) in names.iter().zip(tests).filter(|(_, test)| test.expected.is_known()) {
        let (sum, count) = families.entry(family(name)).or_default();
        *sum = sum.saturating_add(test.expected.mean_us);
        *count += 1;
    }
    families
}

/// What tests have in common that differ in their parameters alone: the name up to a bracket.
fn family(name: &str) -> &str {
    name.split('[').next().unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use muster_common::spec::{Runner, TestScope};

    use super::*;

    fn made(names: &[&str], known_s: &[(&str, u64)], scope: TestScope) -> Suite {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let count = u32::try_from(names.len()).expect("a few tests");
        let mut suite = Suite { names, ..Suite::default() };
        let spec = TestSpec { scope, ..TestSpec::new(Runner::Pytest { args: Vec::new() }) };
        suite.make_tests(&spec, |name| {
            let seconds = known_s.iter().find(|(known, _)| *known == name).map_or(0, |(_, seconds)| *seconds);
            let (mean_us, high_us) = (seconds * 1_000_000, seconds * 1_500_000);
            (Expected { mean_us, high_us }, Known::default())
        });
        for index in 0..count {
            suite.await_dealing(TestIndex(index));
        }
        suite
    }

    fn order(suite: &Suite) -> Vec<&str> {
        suite.by_rank.iter().map(|test| suite.name(*test)).collect()
    }

    #[test]
    fn new_functions_come_first_then_what_can_be_guessed_then_the_longest() {
        let names = ["t[a]", "t[b]", "t[c]", "v[1]", "v[2]", "u", "w"];
        let suite = made(&names, &[("t[a]", 6), ("t[c]", 2), ("w", 9)], TestScope::Test);
        assert_eq!(order(&suite), ["v[1]", "u", "v[2]", "t[b]", "w", "t[a]", "t[c]"]);
        assert_eq!(
            suite.test(TestIndex(1)).expected,
            Expected { mean_us: 4_000_000, high_us: 0 },
            "the mean of others"
        );
    }

    #[test]
    fn tests_up_to_a_length_are_those_from_a_rank_on() {
        let suite = made(&["a", "b", "c", "new"], &[("a", 1), ("b", 2), ("c", 3)], TestScope::Test);
        let ranks = [3, 2, 1, 0].map(|seconds| suite.rank_within(seconds * 1_000_000));
        assert_eq!(ranks, [1, 2, 3, 4], "the new test may take any time");
        assert_eq!(suite.longest_waiting_us(), 3_000_000);
    }

    #[test]
    fn what_waits_of_a_unit_waits_together() {
        let mut suite = made(&["f.py::a", "f.py::b", "f.py::c", "g.py::a"], &[], TestScope::File);
        let waits = |suite: &Suite| suite.in_line_with(TestIndex(0));
        assert_eq!(waits(&suite), [0, 1, 2].map(TestIndex));
        suite.take_waiting(TestIndex(1));
        assert_eq!(waits(&suite), [0, 2].map(TestIndex));
        assert!(suite.is_in_line(TestIndex(3)) && !suite.is_in_line(TestIndex(1)));
    }
}
