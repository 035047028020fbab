//! Tests of a suite that stay together. Where every test is dealt by itself there are no units.

use std::collections::{BTreeMap, BTreeSet};

use muster_common::id::TestIndex;

/// The units of a suite, and which test is of which. A test that is alone in its unit is of none.
#[derive(Clone, Debug, Default)]
pub(crate) struct Units {
    of: Vec<Option<u32>>,
    table: Vec<Unit>,
}

/// Tests that stay together: dealt as a whole, and held by one shard at one time.
#[derive(Clone, Debug, Default)]
pub(crate) struct Unit {
    /// Its tests, in the order of the list.
    pub(crate) tests: Vec<TestIndex>,
    /// What is expected of all of them, in microseconds.
    pub(crate) expected_us: u64,
    /// Its tests that a shard holds.
    live: u32,
    /// Its tests that wait until none is held.
    held_back: BTreeSet<TestIndex>,
}

impl Units {
    /// The units of tests with these keys; none: a unit of its own.
    pub(crate) fn of_keys<'n>(keys: impl Iterator<Item = Option<&'n str>>) -> Self {
        let mut found: BTreeMap<&str, Vec<TestIndex>> = BTreeMap::new();
        let mut count = 0;
        for (test, key) in (0..).map(TestIndex).zip(keys) {
            count += 1;
            if let Some(key) = key {
                found.entry(key).or_default().push(test);
            }
        }
        let mut units = Self::default();
        for tests in found.into_values().filter(|tests| tests.len() > 1) {
            units.of.resize(count, None);
            let unit = u32::try_from(units.table.len()).unwrap_or(u32::MAX);
            for test in &tests {
                units.of[test.0 as usize] = Some(unit);
            }
            units.table.push(Unit { tests, ..Unit::default() });
        }
        units
    }

    /// The unit of a test.
    pub(crate) fn unit_of(&self, test: TestIndex) -> Option<&Unit> {
        self.number_of(test).map(|unit| &self.table[unit as usize])
    }

    /// The number of a test's unit.
    pub(crate) fn number_of(&self, test: TestIndex) -> Option<u32> {
        self.of.get(test.0 as usize).copied().flatten()
    }

    /// Every unit.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Unit> {
        self.table.iter()
    }

    /// Every unit, to be made.
    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Unit> {
        self.table.iter_mut()
    }

    /// A test is held by a shard from now on. Returns its unit if it is the first of it.
    pub(crate) fn add_live(&mut self, test: TestIndex) -> Option<&Unit> {
        let unit = self.number_of(test)?;
        let unit = &mut self.table[unit as usize];
        unit.live += 1;
        (unit.live == 1).then_some(unit)
    }

    /// A test is held by no shard any more. Returns those of its unit that have waited for that.
    pub(crate) fn remove_live(&mut self, test: TestIndex) -> BTreeSet<TestIndex> {
        let Some(unit) = self.number_of(test) else { return BTreeSet::new() };
        let unit = &mut self.table[unit as usize];
        unit.live -= 1;
        if unit.live == 0 { std::mem::take(&mut unit.held_back) } else { BTreeSet::new() }
    }

    /// Keeps a test that waits until no shard holds one of its unit. Returns whether it has to wait for that.
    pub(crate) fn hold_back(&mut self, test: TestIndex) -> bool {
        let Some(unit) = self.number_of(test) else { return false };
        let unit = &mut self.table[unit as usize];
        if unit.live > 0 {
            unit.held_back.insert(test);
        }
        unit.live > 0
    }

    /// A test does not wait any more.
    pub(crate) fn let_go(&mut self, test: TestIndex) {
        if let Some(unit) = self.number_of(test) {
            self.table[unit as usize].held_back.remove(&test);
        }
    }

    /// Whether a test waits for its unit.
    pub(crate) fn is_held_back(&self, test: TestIndex) -> bool {
        self.unit_of(test).is_some_and(|unit| unit.held_back.contains(&test))
    }
}

impl Unit {
    /// Its tests that a shard holds.
    pub(crate) const fn live(&self) -> u32 {
        self.live
    }

    /// Its tests that wait until none is held.
    pub(crate) fn held_back(&self) -> impl Iterator<Item = TestIndex> {
        self.held_back.iter().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn test(index: u32) -> TestIndex {
        TestIndex(index)
    }

    #[test]
    fn tests_with_one_key_are_a_unit_and_a_single_one_is_none() {
        let units = Units::of_keys([Some("a"), Some("b"), None, Some("a")].into_iter());
        assert_eq!(units.number_of(test(0)), units.number_of(test(3)));
        assert_eq!((units.number_of(test(1)), units.number_of(test(2))), (None, None));
        assert_eq!(units.unit_of(test(3)).map(|unit| unit.tests.clone()), Some(vec![test(0), test(3)]));
        assert_eq!(Units::of_keys([None, None].into_iter()).iter().count(), 0);
    }

    #[test]
    fn what_waits_is_kept_until_no_shard_holds_a_test_of_the_unit() {
        let mut units = Units::of_keys([Some("a"), Some("a"), Some("a")].into_iter());
        assert!(!units.hold_back(test(0)), "nobody holds one");
        assert!(units.add_live(test(0)).is_some());
        assert!(units.add_live(test(1)).is_none());
        assert!(units.hold_back(test(2)));
        assert_eq!(units.remove_live(test(0)), BTreeSet::new());
        assert_eq!(units.remove_live(test(1)), BTreeSet::from([test(2)]));
        assert!(!units.is_held_back(test(2)));
    }
}
