//! `cargo xtask false-green`: runs in which something tries to make tests look as if they had run and passed.

use std::collections::BTreeMap;
use std::thread;
use std::time::Instant;

use anyhow::{Result, ensure};
use muster_sim::false_green::{End, Trick, Tried, try_out};

/// How many are tried.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// How many trials; tricks take turns.
    #[arg(long, default_value_t = 10_000)]
    trials: u64,
    /// The seed of the first.
    #[arg(long, default_value_t = 1)]
    from: u64,
    /// How many at once.
    #[arg(long, default_value_t = 2)]
    threads: u64,
}

/// How the trials of one trick ended.
#[derive(Default)]
struct Ends {
    green: u64,
    not_green: u64,
    false_green: u64,
    unknown: u64,
}

/// Tries.
///
/// # Errors
/// If a green was false, or a run had no report.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let began = Instant::now();
    let mut ends: BTreeMap<Trick, Ends> = BTreeMap::new();
    for tried in all(arguments) {
        let counts = ends.entry(tried.trick).or_default();
        match &tried.end {
            End::Green => counts.green += 1,
            End::NotGreen => counts.not_green += 1,
            End::FalseGreen(why) => {
                counts.false_green += 1;
                println!("trial {}: {}: false green: {why}", tried.seed, tried.trick.name());
            }
            End::Unknown => {
                counts.unknown += 1;
                println!("trial {}: {}: its run has no report", tried.seed, tried.trick.name());
            }
        }
    }
    println!("{:<24}{:>10}{:>18}{:>12}{:>14}", "trick", "trials", "green and true", "not green", "false green");
    for (trick, counts) in &ends {
        let trials = counts.green + counts.not_green + counts.false_green + counts.unknown;
        println!(
            "{:<24}{trials:>10}{:>18}{:>12}{:>14}",
            trick.name(),
            counts.green,
            counts.not_green,
            counts.false_green
        );
    }
    let sum = |count: fn(&Ends) -> u64| ends.values().map(count).sum::<u64>();
    let (false_greens, unknown) = (sum(|ends| ends.false_green), sum(|ends| ends.unknown));
    println!(
        "false-green: {} trials, {} green and true, {} not green, {unknown} without a report, {false_greens} false greens; \
         {:.1} s",
        arguments.trials,
        sum(|ends| ends.green),
        sum(|ends| ends.not_green),
        began.elapsed().as_secs_f64()
    );
    ensure!(false_greens + unknown == 0, "{false_greens} greens were false, {unknown} runs had no report");
    Ok(())
}

/// Tries all, some at once.
fn all(arguments: &Arguments) -> Vec<Tried> {
    let threads = arguments.threads.max(1);
    let seeds = arguments.from..arguments.from.saturating_add(arguments.trials);
    thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|worker| {
                let seeds = seeds.clone();
                scope.spawn(move || seeds.filter(|seed| seed % threads == worker).map(try_out).collect::<Vec<_>>())
            })
            .collect();
        workers.into_iter().flat_map(|worker| worker.join().expect("a trial does not panic")).collect()
    })
}
