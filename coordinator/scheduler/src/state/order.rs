//! The order in which the tests of a suite are dealt.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use muster_common::id::TestIndex;

use super::Known;
use super::expected::{Expected, Line};
use super::suite::{Suite, Test};

impl Suite {
    /// Makes the tests of a discovery that is sealed, each with what is remembered of it, in the order in which they
    /// are to be dealt. Any test that is new may be long, so these come first: one of each new function before a second
    /// with other parameters, then what can be guessed from other parameters of the same. After them the longest.
    pub(crate) fn make_tests(&mut self, remembered: impl Fn(&str) -> (Expected, Known)) {
        let test = |name: &String| {
            let (expected, known) = remembered(name);
            Test { expected, known, ..Test::default() }
        };
        self.tests = self.names.iter().map(test).collect();
        let families = families(&self.names, &self.tests);
        let mut seen: BTreeMap<&str, u32> = BTreeMap::new();
        let mut order: Vec<(u8, Reverse<u64>, u32, u32)> = Vec::with_capacity(self.tests.len());
        for (index, test) in (0..).zip(&mut self.tests) {
            let family = family(&self.names[index as usize]);
            if test.expected.is_known() {
                order.push((2, Reverse(test.expected.mean_us), 0, index));
            } else if let Some(mean_us) = families.get(family).and_then(|(sum, count)| sum.checked_div(*count)) {
                test.expected = Expected { mean_us: mean_us.max(1), high_us: 0 };
                order.push((1, Reverse(mean_us), 0, index));
            } else {
                let before = seen.entry(family).or_default();
                order.push((0, Reverse(0), *before, index));
                *before += 1;
            }
        }
        order.sort_unstable();
        self.known_from = u32::try_from(order.partition_point(|place| place.0 < 2)).unwrap_or(u32::MAX);
        self.by_rank = order.iter().map(|(_, _, _, index)| TestIndex(*index)).collect();
        let (mut known, mut known_us) = (0, 0u64);
        for (rank, (_, _, _, index)) in (0..).zip(order) {
            let test = &mut self.tests[index as usize];
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

    /// The first place in the order of dealing from which on every test is known to take so long at most.
    pub(crate) fn rank_within(&self, us_max: u64) -> u32 {
        let known = self.by_rank.get(self.known_from as usize..).unwrap_or_default();
        let longer = known.partition_point(|test| self.test(*test).expected.mean_us > us_max);
        self.known_from + u32::try_from(longer).unwrap_or(u32::MAX)
    }

    /// What the longest known test takes that waits.
    pub(crate) fn longest_waiting_us(&self) -> u64 {
        let first = |line: &Line| line.from(self.known_from).next().map_or(0, |test| self.test(test).expected.mean_us);
        first(&self.front).max(first(&self.fresh))
    }
}

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
