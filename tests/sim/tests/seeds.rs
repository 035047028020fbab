//! Seeds of the simulation in every test run: some that are always the same, some that never were before, and all that
//! ever failed.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher as _;

use muster_sim::regressions::REGRESSIONS;
use muster_sim::runner::{Ran, Settings};
use muster_sim::{check, runner, workload};

#[test]
fn the_same_seed_gives_the_same_trace() {
    for seed in 1..=4 {
        let settings = Settings { is_traced: true, ..Settings::default() };
        let run = || runner::run(workload::plan(seed), check::all(), &settings);
        let (first, second, third) = (run(), run(), run());
        assert_eq!(first.trace, second.trace, "seed {seed}");
        assert_eq!(first.digest, second.digest, "seed {seed}");
        assert_eq!(first.digest, third.digest, "seed {seed}");
        assert_ne!(first.trace, "", "seed {seed}");
    }
}

#[test]
fn a_seed_without_faults_keeps_every_promise() {
    let settings = Settings { has_faults: false, ..Settings::default() };
    for seed in 1..=FAULTLESS {
        keeps_promises(&runner::run(workload::plan(seed), check::all(), &settings));
    }
}

#[test]
fn the_first_fixed_seeds_keep_every_promise() {
    fixed_seeds(0);
}

#[test]
fn the_second_fixed_seeds_keep_every_promise() {
    fixed_seeds(1);
}

#[test]
fn the_third_fixed_seeds_keep_every_promise() {
    fixed_seeds(2);
}

#[test]
fn the_fourth_fixed_seeds_keep_every_promise() {
    fixed_seeds(3);
}

#[test]
fn new_seeds_keep_every_promise() {
    new_seeds();
}

#[test]
fn more_new_seeds_keep_every_promise() {
    new_seeds();
}

#[test]
fn still_more_new_seeds_keep_every_promise() {
    new_seeds();
}

#[test]
fn the_last_new_seeds_keep_every_promise() {
    new_seeds();
}

#[test]
fn seeds_that_once_failed_keep_every_promise() {
    all_keep_promises(REGRESSIONS.iter().map(|regression| regression.seed));
}

/// The same in every test run; in parts, so that they are run beside each other and none takes long.
fn fixed_seeds(part: u64) {
    all_keep_promises(part * FIXED + 1..=(part + 1) * FIXED);
}

/// Seeds that nobody has chosen. One that fails is named with the command that replays it.
fn new_seeds() {
    let first = RandomState::new().hash_one(0_u8) >> 16;
    all_keep_promises(first..first + NEW);
}

fn all_keep_promises(seeds: impl Iterator<Item = u64>) {
    for seed in seeds {
        keeps_promises(&runner::run(workload::plan(seed), check::all(), &Settings::default()));
    }
}

fn keeps_promises(ran: &Ran) {
    if let Some(violation) = &ran.violation {
        panic!(
            "seed {} after {:?}: {}: {}\nreplay it: cargo xtask sim --seed {} --trace",
            ran.seed, violation.at, violation.promise, violation.what, ran.seed
        );
    }
}

const FAULTLESS: u64 = 100;
const FIXED: u64 = 400;
const NEW: u64 = 350;
