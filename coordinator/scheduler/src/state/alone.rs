//! Tests to be dealt one by one.

use std::collections::{BTreeMap, BTreeSet};

use muster_common::id::{AgentName, TestIndex};

use super::places::{GroupSet, Places};

/// Tests to be dealt one by one, by their groups and by the agents to be spared.
#[derive(Clone, Debug, Default)]
pub(crate) struct Alone {
    by_groups: BTreeMap<GroupSet, BySpared>,
}

#[derive(Clone, Debug, Default)]
struct BySpared {
    tests: BTreeMap<BTreeSet<AgentName>, BTreeSet<TestIndex>>,
    count: usize,
}

impl Alone {
    pub(crate) fn insert(&mut self, groups: GroupSet, spared: BTreeSet<AgentName>, test: TestIndex) {
        let found = self.by_groups.entry(groups).or_default();
        if found.tests.entry(spared).or_default().insert(test) {
            found.count += 1;
        }
    }

    /// Returns whether it was there.
    pub(crate) fn remove(&mut self, groups: GroupSet, spared: &BTreeSet<AgentName>, test: TestIndex) -> bool {
        let Some(found) = self.by_groups.get_mut(&groups) else { return false };
        let Some(tests) = found.tests.get_mut(spared) else { return false };
        let was_there = tests.remove(&test);
        found.count -= usize::from(was_there);
        if tests.is_empty() {
            found.tests.remove(spared);
        }
        if found.tests.is_empty() {
            self.by_groups.remove(&groups);
        }
        was_there
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.by_groups.is_empty()
    }

    /// How many could be dealt: none whose groups have no place left.
    pub(crate) fn open(&self, places: &Places) -> usize {
        self.counts().filter(|(groups, _)| places.is_open(*groups)).map(|(_, count)| count).sum()
    }

    /// How many there are of each set of groups.
    pub(crate) fn counts(&self) -> impl Iterator<Item = (GroupSet, usize)> {
        self.by_groups.iter().map(|(groups, found)| (*groups, found.count))
    }

    /// Tests whose groups have a place left and that spare the same agents: each set with its first test.
    pub(crate) fn sets<'a>(&'a self, places: &'a Places) -> impl Iterator<Item = (&'a BTreeSet<AgentName>, TestIndex)> {
        let open = self.by_groups.iter().filter(|(groups, _)| places.is_open(**groups));
        let sets = open.flat_map(|(_, found)| &found.tests);
        sets.filter_map(|(spared, tests)| tests.first().map(|test| (spared, *test)))
    }

    /// Every test.
    pub(crate) fn iter(&self) -> impl Iterator<Item = TestIndex> {
        self.by_groups.values().flat_map(|found| found.tests.values()).flatten().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_are_counted_by_their_groups_until_they_are_taken() {
        let (spared, nobody) = (BTreeSet::from([AgentName("a1".to_owned())]), BTreeSet::new());
        let group = GroupSet(1);
        let mut alone = Alone::default();
        assert!(alone.is_empty());
        alone.insert(GroupSet::NONE, spared.clone(), TestIndex(4));
        alone.insert(GroupSet::NONE, nobody.clone(), TestIndex(2));
        alone.insert(GroupSet::NONE, nobody.clone(), TestIndex(2));
        alone.insert(group, nobody.clone(), TestIndex(9));
        assert!(!alone.is_empty());
        assert_eq!(alone.counts().collect::<Vec<_>>(), [(GroupSet::NONE, 2), (group, 1)]);
        let places = Places::default();
        let sets: Vec<_> = alone.sets(&places).collect();
        assert_eq!(sets, [(&nobody, TestIndex(2)), (&spared, TestIndex(4)), (&nobody, TestIndex(9))]);
        assert!(
            alone.remove(GroupSet::NONE, &spared, TestIndex(4)) && !alone.remove(GroupSet::NONE, &spared, TestIndex(4))
        );
        assert_eq!((alone.open(&places), alone.iter().count()), (2, 2));
    }
}
