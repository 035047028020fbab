//! Places in the groups of a suite: of each only so many tests may run at one time.

use std::collections::BTreeMap;

use muster_common::id::Token;

/// Groups of one test job, by their places in its specification.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupSet(pub u64);

/// Who holds the places of a suite's groups. A batch holds one in each of its tests' groups as long as one of these may
/// run: its shard runs them one after another. A lease that is over and whose tests may still run holds its own.
#[derive(Clone, Debug, Default)]
pub(crate) struct Places {
    limits: Vec<u32>,
    /// Holders by group, each with how many of its tests are in the group.
    holders: BTreeMap<u32, BTreeMap<Token, u32>>,
}

impl GroupSet {
    /// No group.
    pub const NONE: Self = Self(0);

    /// The groups at these places.
    #[must_use]
    pub fn of(places: impl Iterator<Item = usize>) -> Self {
        Self(places.filter(|place| *place < SETS_MAX).fold(0, |set, place| set | (1 << place)))
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The groups of both.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Its groups, by their places.
    pub fn iter(self) -> impl Iterator<Item = u32> {
        (0..u64::BITS).filter(move |place| self.0 & (1 << place) != 0)
    }
}

impl Places {
    /// How many tests of each group may run at one time.
    pub(crate) fn set_limits(&mut self, limits: impl Iterator<Item = u32>) {
        self.limits = limits.collect();
    }

    /// One more test of these groups is held, in the place of its holder.
    pub(crate) fn take(&mut self, groups: GroupSet, holder: Token) {
        for group in groups.iter() {
            *self.holders.entry(group).or_default().entry(holder).or_default() += 1;
        }
    }

    /// One test fewer; with its last the holder's place is free.
    pub(crate) fn give_back(&mut self, groups: GroupSet, holder: Token) {
        for group in groups.iter() {
            let Some(holders) = self.holders.get_mut(&group) else { continue };
            if let Some(tests) = holders.get_mut(&holder) {
                *tests -= 1;
                if *tests == 0 {
                    holders.remove(&holder);
                }
            }
            if holders.is_empty() {
                self.holders.remove(&group);
            }
        }
    }

    /// How many more may hold a place in all of these groups.
    pub(crate) fn free(&self, groups: GroupSet) -> usize {
        groups.iter().map(|group| self.limit(group).saturating_sub(self.taken(group))).min().unwrap_or(usize::MAX)
    }

    /// Whether somebody may take a place in all of these groups.
    pub(crate) fn is_open(&self, groups: GroupSet) -> bool {
        self.free(groups) > 0
    }

    /// How many may run at one time that need a place in all of these groups.
    pub(crate) fn limit_of(&self, groups: GroupSet) -> usize {
        groups.iter().map(|group| self.limit(group)).min().unwrap_or(usize::MAX)
    }

    /// The groups of these that have no place left.
    pub(crate) fn full(&self, groups: GroupSet) -> impl Iterator<Item = u32> {
        groups.iter().filter(|group| self.taken(*group) >= self.limit(*group))
    }

    /// Who holds a place in a group.
    pub(crate) fn holders(&self, group: u32) -> impl Iterator<Item = Token> {
        self.holders.get(&group).into_iter().flat_map(|holders| holders.keys().copied())
    }

    /// Every holder with how many of its tests are in a group, for the invariants.
    pub(crate) fn by_group(&self) -> impl Iterator<Item = (u32, usize, &BTreeMap<Token, u32>)> {
        self.holders.iter().map(|(group, holders)| (*group, self.limit(*group), holders))
    }

    fn taken(&self, group: u32) -> usize {
        self.holders.get(&group).map_or(0, BTreeMap::len)
    }

    fn limit(&self, group: u32) -> usize {
        self.limits.get(group as usize).map_or(1, |limit| *limit as usize)
    }
}

/// Groups that a set can hold: as many as a job may have.
const SETS_MAX: usize = muster_common::limits::TEST_GROUPS_PER_JOB_MAX;
const _: () = assert!(SETS_MAX <= u64::BITS as usize, "a set has a bit for each group that a job may have");

#[cfg(test)]
mod tests {
    use muster_common::id::Epoch;

    use super::*;

    fn token(counter: u64) -> Token {
        Token { epoch: Epoch(1), counter }
    }

    #[test]
    fn the_tightest_group_decides_how_many_may_run() {
        let mut places = Places::default();
        places.set_limits([4, 3].into_iter());
        let set = |groups: &[usize]| GroupSet::of(groups.iter().copied());
        assert_eq!((places.limit_of(set(&[0])), places.limit_of(set(&[0, 1]))), (4, 3));
        assert_eq!(places.limit_of(GroupSet::NONE), usize::MAX);
        assert_eq!((set(&[1, 1, 0]), set(&[SETS_MAX])), (GroupSet(3), GroupSet::NONE));
    }

    #[test]
    fn a_batch_holds_one_place_in_each_group_until_its_last_test_has_ended() {
        let mut places = Places::default();
        places.set_limits([1, 3].into_iter());
        let both = GroupSet::of([0, 1].into_iter());
        let second = GroupSet::of([1].into_iter());
        places.take(both, token(1));
        places.take(both, token(1));
        places.take(second, token(2));
        assert_eq!((places.free(both), places.free(second), places.free(GroupSet::NONE)), (0, 1, usize::MAX));
        assert_eq!(places.full(both).collect::<Vec<_>>(), [0]);
        places.take(second, token(3));
        assert_eq!(places.full(second).collect::<Vec<_>>(), [1]);
        places.give_back(second, token(3));
        places.give_back(both, token(1));
        assert!(!places.is_open(both), "one of its tests may still run");
        places.give_back(both, token(1));
        assert_eq!((places.free(both), places.free(second)), (1, 2));
        places.give_back(both, token(1));
        assert_eq!(places.holders(1).collect::<Vec<_>>(), [token(2)]);
    }
}
