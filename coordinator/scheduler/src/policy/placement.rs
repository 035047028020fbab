//! Which agent gets work first, among those that can do it.

use std::cmp::Reverse;

/// Order of agents with free slots; the lowest is taken first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct AgentRank(Reverse<u32>);

/// The emptiest agent comes first: work that shares a machine with less other work disturbs it less and ends sooner.
pub(crate) fn rank(free_slots: u32) -> AgentRank {
    AgentRank(Reverse(free_slots))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_emptiest_comes_first() {
        assert!(rank(8) < rank(1));
    }
}
