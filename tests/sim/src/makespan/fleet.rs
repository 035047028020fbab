//! Many runs on one fleet.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use rand::rngs::SmallRng;
use rand::{RngExt as _, SeedableRng as _};

use super::rivals::{packed, tests};
use super::{Conditions, Job, Race, RaceResult, Suite, race, slots};

/// What is run.
#[derive(Clone, Copy, Debug)]
pub struct Fleet<'a> {
    /// Suites, taken in turn.
    pub suites: &'a [Suite],
    /// How many runs.
    pub runs: usize,
    /// Over which time they are submitted.
    pub span_us: u64,
    /// Slots of the fleet.
    pub slots: usize,
    /// What starting a batch costs.
    pub start_cost_us: u64,
    /// From an agent to the scheduler and back.
    pub round_trip_us: u64,
    /// Draws the moments of submission.
    pub seed: u64,
}

/// How it went.
#[derive(Clone, Debug)]
pub struct FleetResult {
    /// All runs on the fleet.
    pub together: RaceResult,
    /// Each suite alone on the whole fleet.
    pub alone_us: Vec<u64>,
}

/// Deals all runs, and each suite alone.
#[must_use]
pub fn fleet(fleet: &Fleet<'_>) -> FleetResult {
    let all = slots(0, fleet.slots, Conditions::Clean, 0);
    let run = |jobs: &[Job<'_>]| {
        race(&Race {
            jobs,
            slots: &all,
            start_cost_us: fleet.start_cost_us,
            round_trip_us: fleet.round_trip_us,
            is_listed_before: false,
        })
    };
    let together = run(&jobs(fleet));
    let alone = |suite| run(&[Job { suite, submitted_us: 0 }]).times_us[0];
    FleetResult { together, alone_us: fleet.suites.iter().map(alone).collect() }
}

/// Run times under a static plan: each run is packed by test timing into so many parts, which wait for slots in line.
#[must_use]
pub fn fleet_static(fleet: &Fleet<'_>, parts: usize) -> Vec<u64> {
    let mut free: BinaryHeap<Reverse<u64>> = (0..fleet.slots).map(|_| Reverse(0)).collect();
    let mut times = Vec::new();
    for job in jobs(fleet) {
        let mut end = 0;
        for part in packed(tests(job.suite), parts) {
            if part.is_empty() {
                continue;
            }
            if let Some(Reverse(at)) = free.pop() {
                let done = at.max(job.submitted_us) + fleet.start_cost_us + part.iter().sum::<u64>();
                end = end.max(done);
                free.push(Reverse(done));
            }
        }
        times.push(end.saturating_sub(job.submitted_us));
    }
    times
}

fn jobs<'a>(fleet: &Fleet<'a>) -> Vec<Job<'a>> {
    let mut rng = SmallRng::seed_from_u64(fleet.seed);
    let mut moments: Vec<u64> = (0..fleet.runs).map(|_| rng.random_range(0..fleet.span_us)).collect();
    moments.sort_unstable();
    let suites = fleet.suites.iter().cycle();
    moments.into_iter().zip(suites).map(|(submitted_us, suite)| Job { suite, submitted_us }).collect()
}
