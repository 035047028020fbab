//! `cargo xtask sim`: seeds of the deterministic simulation, many at once; one that fails is replayed by one command.

use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use muster_sim::runner::{Ran, Settings};
use muster_sim::{check, runner, workload};
use muster_tests::rows::StoredRows;

/// What is simulated.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// How many seeds.
    #[arg(long, default_value_t = 1_000)]
    seeds: u64,
    /// The first of them.
    #[arg(long, default_value_t = 1)]
    from: u64,
    /// One seed alone.
    #[arg(long)]
    seed: Option<u64>,
    /// With one seed: print everything that happens.
    #[arg(long, requires = "seed")]
    trace: bool,
    /// How many seeds at once.
    #[arg(long, default_value_t = 2)]
    threads: usize,
}

/// Sums over seeds.
#[derive(Default)]
struct Sums {
    seeds: u64,
    steps: u64,
    lives: u64,
    refused: u64,
    simulated: Duration,
    violations: u64,
}

/// Simulates seeds.
///
/// # Errors
/// If a promise did not hold in one of them.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let started = Instant::now();
    let sums = match arguments.seed {
        Some(seed) => one(seed, arguments.trace),
        None => many(arguments, started),
    };
    let seconds = started.elapsed().as_secs_f64();
    let hours = sums.simulated.as_secs_f64() / 3_600.0;
    println!(
        "sim: {} seeds, {} steps, {} coordinator lives, {} stale commits refused, {hours:.1} simulated hours, {:.0} steps/s, \
         {:.1} simulated hours per minute, {} violations",
        sums.seeds,
        sums.steps,
        sums.lives,
        sums.refused,
        sums.steps as f64 / seconds,
        hours * 60.0 / seconds,
        sums.violations,
    );
    if sums.violations > 0 {
        bail!("{} of {} seeds broke a promise", sums.violations, sums.seeds);
    }
    Ok(())
}

fn one(seed: u64, is_traced: bool) -> Sums {
    let ran = simulate(seed, is_traced);
    print!("{}", ran.trace);
    let mut sums = Sums::default();
    sums.add(&ran);
    sums
}

fn many(arguments: &Arguments, started: Instant) -> Sums {
    let next = AtomicU64::new(arguments.from);
    let end = arguments.from.saturating_add(arguments.seeds);
    let (sender, results) = mpsc::channel();
    let mut sums = Sums::default();
    thread::scope(|scope| {
        for _ in 0..arguments.threads.max(1) {
            let (next, sender) = (&next, sender.clone());
            scope.spawn(move || {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= end || sender.send(simulate(seed, false)).is_err() {
                        return;
                    }
                }
            });
        }
        drop(sender);
        let mut told = Instant::now();
        for ran in results {
            sums.add(&ran);
            if told.elapsed() >= PROGRESS {
                told = Instant::now();
                let seconds = started.elapsed().as_secs();
                println!(
                    "{} of {} seeds after {seconds} s, {} violations",
                    sums.seeds, arguments.seeds, sums.violations
                );
            }
        }
    });
    sums
}

/// Runs a seed; rows of every third go through the coordinator's own encoding whenever they are read. A panic is a
/// violation like any other.
fn simulate(seed: u64, is_traced: bool) -> Ran {
    let guarded = std::panic::catch_unwind(|| {
        let mut settings = Settings { is_traced, ..Settings::default() };
        if seed.is_multiple_of(3) {
            settings.encoding = Some(Rc::new(StoredRows));
        }
        runner::run(workload::plan(seed), check::all(), &settings)
    });
    guarded.unwrap_or_else(|_| Ran::panicked(seed))
}

impl Sums {
    fn add(&mut self, ran: &Ran) {
        self.seeds += 1;
        self.steps += ran.steps;
        self.lives += ran.lives;
        self.refused += ran.commits_refused;
        self.simulated += ran.simulated;
        if let Some(violation) = &ran.violation {
            self.violations += 1;
            println!("seed {} after {:?}: {}: {}", ran.seed, violation.at, violation.promise, violation.what);
            println!("    replay it: cargo xtask sim --seed {} --trace", ran.seed);
        }
    }
}

const PROGRESS: Duration = Duration::from_secs(10);
