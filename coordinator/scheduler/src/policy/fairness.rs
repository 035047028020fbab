//! Which waiting job gets the next slot.
//!
//! Work that was lost with its agent comes first: it has waited before. Then the project that holds the fewest slots;
//! within a project, and among projects that hold as many, the job that holds the fewest (so every job gets its first
//! slot before a test job gets its second, also where the two ask for different agents), and of those the oldest. A
//! project's claim falls as it gets slots and returns as they end, so none starves.

use muster_common::id::{JobIndex, RunId};

/// Order of jobs within one project; the lowest is first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct JobRank {
    /// Whether it is not at the head because it was lost.
    is_ordinary: bool,
    /// Slots that it holds.
    held: u32,
    run: RunId,
    job: JobIndex,
}

/// Order of projects, each with its first job of those that ask for the same things; the lowest is first. It is as good
/// between two jobs of one project that ask for different things.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ProjectRank {
    is_ordinary: bool,
    held: u32,
    head: JobRank,
}

/// Whether work was begun before and lost with its agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Past {
    /// It was not.
    New,
    /// It was.
    Lost,
}

impl JobRank {
    /// Slots that it holds.
    pub(crate) const fn held(self) -> u32 {
        self.held
    }

    /// Rank of a job that holds so many slots.
    pub(crate) fn new(past: Past, held: u32, run: RunId, job: JobIndex) -> Self {
        Self { is_ordinary: past == Past::New, held, run, job }
    }
}

impl ProjectRank {
    /// Rank of a project by its first job and the slots that it holds.
    pub(crate) fn new(head: JobRank, held: u32) -> Self {
        Self { is_ordinary: head.is_ordinary, held, head }
    }
}

/// Whether a shard that asks for tests gives its slot to the first in line: its holder has so many slots, the claimant so
/// many, and so many are on their way to claimants already. Only where both are nearer to each other afterwards.
pub(crate) const fn gives_way(held: u32, claimant_held: u32, on_their_way: u32) -> bool {
    claimant_held.saturating_add(on_their_way).saturating_add(1) < held
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(past: Past, held: u32, run: u64) -> JobRank {
        JobRank::new(past, held, RunId(run), JobIndex(0))
    }

    #[test]
    fn a_rank_tells_the_slots_that_it_was_made_with() {
        assert_eq!([0, 1, 7].map(|held| job(Past::New, held, 1).held()), [0, 1, 7]);
    }

    #[test]
    fn lost_work_then_first_slots_then_age() {
        let mut ranks = [job(Past::New, 1, 1), job(Past::New, 0, 9), job(Past::New, 0, 3), job(Past::Lost, 5, 20)];
        ranks.sort_unstable();
        assert_eq!(ranks, [job(Past::Lost, 5, 20), job(Past::New, 0, 3), job(Past::New, 0, 9), job(Past::New, 1, 1)]);
    }

    #[test]
    fn slots_pass_from_those_that_have_many_until_all_have_as_many() {
        assert!(gives_way(3, 0, 1));
        assert!(!gives_way(2, 0, 1));
        assert!(!gives_way(1, 0, 0), "the last slot is kept");
        assert!(!gives_way(5, 5, 0));
    }

    #[test]
    fn a_job_that_holds_nothing_comes_first_whatever_class_it_is_in() {
        let (rich, poor) = (job(Past::New, 20, 1), job(Past::New, 0, 9));
        assert!(ProjectRank::new(poor, 25) < ProjectRank::new(rich, 25));
    }

    #[test]
    fn the_project_with_fewest_slots_comes_first_whatever_the_age_of_its_run() {
        assert!(ProjectRank::new(job(Past::New, 0, 9), 2) < ProjectRank::new(job(Past::New, 0, 1), 3));
        assert!(ProjectRank::new(job(Past::Lost, 0, 9), 7) < ProjectRank::new(job(Past::New, 0, 1), 0));
    }
}
