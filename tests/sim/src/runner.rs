//! Runs one seed from its beginning to its end.

use std::rc::Rc;
use std::time::Duration;

use rand::RngExt as _;

use crate::disk::Encoding;
use crate::env::chance;
use crate::fault;
use crate::plan::Plan;
use crate::view::Check;
use crate::world::{Options, Violation, World};

/// How a simulation is run.
#[derive(Clone)]
pub struct Settings {
    /// Whether anything goes wrong beyond what the plan says.
    pub has_faults: bool,
    /// Whether a trace for people is kept.
    pub is_traced: bool,
    /// What rows go through when a coordinator reads them.
    pub encoding: Option<Rc<dyn Encoding>>,
}

/// What became of a seed.
#[derive(Clone, Debug)]
pub struct Ran {
    /// The seed.
    pub seed: u64,
    /// Steps of schedulers and sessions.
    pub steps: u64,
    /// How much time went by in the simulation.
    pub simulated: Duration,
    /// Lives of coordinators.
    pub lives: u64,
    /// Commits.
    pub commits: u64,
    /// Commits that were refused because a newer life had begun.
    pub commits_refused: u64,
    /// Runs that were accepted.
    pub runs: usize,
    /// A number that is the same whenever the same things happened.
    pub digest: u64,
    /// What happened, for people, if it was to be kept.
    pub trace: String,
    /// The first promise that did not hold.
    pub violation: Option<Violation>,
}

impl Default for Settings {
    fn default() -> Self {
        Self { has_faults: true, is_traced: false, encoding: None }
    }
}

impl Ran {
    /// What became of a seed in which something panicked.
    #[must_use]
    pub fn panicked(seed: u64) -> Self {
        let violation = Violation {
            promise: "nothing panics".to_owned(),
            what: "a pure crate, the world or a check panicked".to_owned(),
            at: Duration::ZERO,
        };
        Self {
            seed,
            steps: 0,
            simulated: Duration::ZERO,
            lives: 0,
            commits: 0,
            commits_refused: 0,
            runs: 0,
            digest: 0,
            trace: String::new(),
            violation: Some(violation),
        }
    }
}

/// Runs a plan under these checks.
#[must_use]
pub fn run(plan: Plan, checks: Vec<Box<dyn Check>>, settings: &Settings) -> Ran {
    let seed = plan.seed;
    let acts = if settings.has_faults { fault::draw(&plan) } else { Vec::new() };
    let options = options(seed, settings);
    let mut world = World::new(plan, options, checks, settings.is_traced);
    world.run(acts);
    let (env, disk, violation) = world.into_violation();
    Ran {
        seed,
        steps: env.steps,
        simulated: Duration::from_micros(env.now),
        lives: disk.epoch().0,
        commits: disk.commits(),
        commits_refused: disk.refused(),
        runs: env.runs.len(),
        digest: env.trace.digest(),
        trace: env.trace.text().to_owned(),
        violation,
    }
}

fn options(seed: u64, settings: &Settings) -> Options {
    let mut rng = chance(seed, "options");
    let mut one_of = |choices: &[u64]| choices[rng.random_range(0..choices.len())];
    let turn_delay_max = one_of(&[0, 20, 200, 5_000]);
    let door_micros_max = one_of(&[0, 0, 500, 50_000]);
    let report_micros_max = one_of(&[200, 10_000, 5_000_000]);
    let coordinator_down_max = one_of(&[100_000, 3_000_000, 30_000_000]);
    let duplicate_permille = one_of(&[0, 0, 5, 100]);
    let lost_answer_permille = one_of(&[0, 0, 30, 300]);
    let drains_between_leases = one_of(&[0, 1]) == 1;
    let amount = |permille: u64| if settings.has_faults { u32::try_from(permille).unwrap_or(0) } else { 0 };
    Options {
        encoding: settings.encoding.clone(),
        turn_delay_max,
        door_micros_max,
        report_micros_max,
        coordinator_down_max,
        duplicate_permille: amount(duplicate_permille),
        lost_answer_permille: amount(lost_answer_permille),
        drains_between_leases,
    }
}
