//! Seeds of the simulation in every test run: some that are always the same, all that ever failed, and for a minute some
//! that nobody has run before.

use std::io::Write as _;
use std::time::Duration;

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
fn seeds_that_once_failed_keep_every_promise() {
    all_keep_promises(REGRESSIONS.iter().map(|regression| regression.seed));
}

/// Which these are, the time says; one that fails is named, with the command that runs it again.
#[test]
fn seeds_that_were_never_run_before_keep_every_promise() {
    let begun = unix_time();
    let first = u64::try_from(begun.as_millis()).expect("a time of this age");
    let mut seeds = first..;
    while unix_time().saturating_sub(begun) < NEW_SEEDS_FOR {
        all_keep_promises(seeds.by_ref().take(1));
    }
    let _ = writeln!(std::io::stdout(), "seeds {first} to {} keep every promise", seeds.start - 1);
}

/// The same in every test run; in parts, so that they are run beside each other and none takes long.
fn fixed_seeds(part: u64) {
    all_keep_promises(part * FIXED + 1..=(part + 1) * FIXED);
}

fn all_keep_promises(seeds: impl Iterator<Item = u64>) {
    for seed in seeds {
        keeps_promises(&run(seed));
    }
}

fn run(seed: u64) -> Ran {
    let ran = std::panic::catch_unwind(|| runner::run(workload::plan(seed), check::all(), &Settings::default()));
    ran.unwrap_or_else(|_| Ran::panicked(seed))
}

fn keeps_promises(ran: &Ran) {
    if let Some(violation) = &ran.violation {
        panic!(
            "seed {} after {:?}: {}: {}\nreplay it: cargo xtask sim --seed {} --trace",
            ran.seed, violation.at, violation.promise, violation.what, ran.seed
        );
    }
}

#[expect(clippy::disallowed_types, reason = "a test has a clock; the simulation has none")]
fn unix_time() -> Duration {
    std::time::SystemTime::UNIX_EPOCH.elapsed().expect("it is after 1970")
}

const FAULTLESS: u64 = 100;
/// Of each of four parts.
const FIXED: u64 = 400;
/// For how long new seeds are run.
const NEW_SEEDS_FOR: Duration = Duration::from_secs(50);
