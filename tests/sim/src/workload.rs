//! Plans made from seeds: the whole of what the scheduler accepts, mostly small.
//!
//! Every seed has a mood (`mood`): which kinds of trouble it has at all, and how much of each. A seed with a bit of
//! everything would hide what only much of one thing shows (swarm testing: Groce and others, 2012). That nothing is
//! left out in the long run is checked by [`features`], since a generator that never makes something never tests it.

mod bonds;
mod bound;
mod deeds;
mod dice;
pub mod features;
mod fleet;
mod job;
mod mood;
mod operators;
mod policy;
mod run;
mod stress;
mod suite;
pub mod trial;
mod truth;

use std::time::Duration;

use crate::plan::{Departure, Plan, RunPlan};
use dice::Dice;
use mood::Mood;

/// The plan of a seed.
#[must_use]
pub fn plan(seed: u64) -> Plan {
    let mut dice = Dice::new(seed);
    let mood = Mood::draw(&mut dice);
    let window = dice.span(5_000, 300_000);
    let scheduler = policy::scheduler(&mut dice);
    let session = policy::session(&mut dice, &scheduler);
    let agents = fleet::draw(&mut dice, &mood, window);
    let mut runs: Vec<RunPlan> = Vec::new();
    let count = dice.skewed(mood.runs_max);
    let mut moments: Vec<Duration> = (0..count).map(|_| dice.moment(window)).collect();
    moments.sort_unstable();
    for at in moments {
        let next = run::draw(&mut dice, &mood, &agents, at, &runs);
        runs.push(next);
    }
    bonds::draw(seed, &mut runs);
    stress::draw(seed, &mut runs);
    let mut deeds = deeds::draw(&mut dice, &mood, &runs, agents.len(), window);
    operators::draw(seed, &runs, agents.len(), window, &mut deeds);
    let is_end = |agent: &crate::plan::AgentPlan| {
        agent.leaves.map_or(agent.joins, |(at, Departure::Drains | Departure::Vanishes)| at)
    };
    let last_agent = agents.iter().map(is_end).max().unwrap_or_default();
    let last_again = runs.iter().flat_map(|run| run.again.iter().copied().chain([run.at])).max().unwrap_or_default();
    let last_deed = deeds.last().map_or(Duration::ZERO, |deed| deed.at);
    let horizon = window.max(last_agent).max(last_again).max(last_deed) + Duration::from_secs(1);
    let patience = bound::patience(&scheduler, &agents, &runs);
    Plan { seed, scheduler, session, agents, runs, deeds, horizon, patience }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use muster_common::spec_check;

    use super::*;
    use crate::plan::JobTruth;

    #[test]
    fn a_seed_always_plans_the_same() {
        for seed in 0..20 {
            assert_eq!(plan(seed), plan(seed));
        }
    }

    #[test]
    fn every_planned_run_would_be_let_in_at_the_door() {
        for seed in 0..400 {
            for run in plan(seed).runs {
                assert_eq!(spec_check::check(&run.spec), Ok(()), "seed {seed}");
                assert_eq!(run.spec.jobs.len(), run.truth.len());
                for truth in run.truth {
                    let JobTruth::Suite(suite) = truth else { continue };
                    let names: BTreeSet<_> = suite.tests.iter().map(|test| &test.name).collect();
                    assert_eq!(names.len(), suite.tests.len(), "seed {seed}: two tests have one name");
                }
            }
        }
    }

    #[test]
    fn most_seeds_are_small() {
        let mut sizes: Vec<usize> = (0..400).map(|seed| features::tests_of(&plan(seed))).collect();
        sizes.sort_unstable();
        assert!(sizes[200] < 300, "the median seed has {} tests", sizes[200]);
        assert!(sizes[399] >= 1_000, "no seed is large");
    }

    #[test]
    fn everything_that_can_be_planned_is_planned_sometimes() {
        let mut missing: BTreeSet<&str> = features::ALL.iter().copied().collect();
        let mut seed = 0;
        while !missing.is_empty() && seed < 3_000 {
            for feature in features::of(&plan(seed)) {
                missing.remove(feature);
            }
            seed += 1;
        }
        assert!(missing.is_empty(), "never planned in {seed} seeds: {missing:?}");
    }
}
