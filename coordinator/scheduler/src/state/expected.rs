//! How long tests are expected to take, and amounts of tests by that measure.

use std::collections::BTreeSet;

use muster_common::id::TestIndex;

/// What earlier runs say of a test's duration; zeros where nothing is known. Where the mean is only guessed from tests
/// like it, there is no higher value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Expected {
    /// Mean, in microseconds.
    pub(crate) mean_us: u64,
    /// A duration that it hardly ever exceeds, in microseconds.
    pub(crate) high_us: u64,
}

impl Expected {
    pub(crate) const fn is_known(self) -> bool {
        self.mean_us > 0
    }
}

/// An amount of tests: those that are known by their time, the others by their number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Load {
    known_us: u64,
    unknown: u64,
}

impl Load {
    pub(crate) fn add(&mut self, test: Expected) {
        if test.is_known() {
            self.known_us += test.mean_us;
        } else {
            self.unknown += 1;
        }
    }

    pub(crate) fn remove(&mut self, test: Expected) {
        if test.is_known() {
            self.known_us -= test.mean_us;
        } else {
            self.unknown -= 1;
        }
    }

    /// Its time if a test that is not known takes this long.
    pub(crate) const fn us(self, unknown_us: u64) -> u64 {
        self.known_us.saturating_add(self.unknown.saturating_mul(unknown_us))
    }
}

/// Place of a test in the order in which its suite is dealt, by what is expected of it.
pub(crate) type Rank = (u32, TestIndex);

/// Tests that wait, in the order in which they are to be dealt.
#[derive(Clone, Debug, Default)]
pub(crate) struct Line {
    ranks: BTreeSet<Rank>,
    load: Load,
}

impl Line {
    pub(crate) fn insert(&mut self, rank: Rank, test: Expected) {
        if self.ranks.insert(rank) {
            self.load.add(test);
        }
    }

    pub(crate) fn remove(&mut self, rank: Rank, test: Expected) {
        if self.ranks.remove(&rank) {
            self.load.remove(test);
        }
    }

    pub(crate) fn contains(&self, rank: Rank) -> bool {
        self.ranks.contains(&rank)
    }

    pub(crate) fn len(&self) -> usize {
        self.ranks.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.ranks.is_empty()
    }

    pub(crate) const fn load(&self) -> Load {
        self.load
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = TestIndex> {
        self.ranks.iter().map(|(_, test)| *test)
    }

    /// Those from a place in the order on.
    pub(crate) fn from(&self, rank: u32) -> impl Iterator<Item = TestIndex> {
        self.ranks.range((rank, TestIndex(0))..).map(|(_, test)| *test)
    }

    /// The one that is last in the order.
    pub(crate) fn last(&self) -> Option<TestIndex> {
        self.ranks.last().map(|(_, test)| *test)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_knows_its_load_and_its_order() {
        let known = Expected { mean_us: 500, high_us: 700 };
        let mut line = Line::default();
        line.insert((1, TestIndex(0)), known);
        line.insert((0, TestIndex(7)), Expected::default());
        line.insert((1, TestIndex(0)), known);
        assert_eq!(line.load().us(100), 600);
        assert_eq!(line.iter().collect::<Vec<_>>(), [TestIndex(7), TestIndex(0)]);
        line.remove((1, TestIndex(0)), known);
        line.remove((1, TestIndex(0)), known);
        assert_eq!((line.load().us(100), line.len()), (100, 1));
    }
}
