//! `cargo xtask flakiness`: known causes of failing tests are injected, and what the real scheduler makes of them is
//! held against them.

use std::time::Instant;

use anyhow::{Result, ensure};
use muster_sim::flakiness::{Confusion, Found, Setting, ShiftResult, ShiftSetting, classify, shift};

/// How much is simulated.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Repeat the experiment with so many seeds.
    #[arg(long, default_value_t = 1)]
    seeds: u64,
    /// The first seed.
    #[arg(long, default_value_t = 1)]
    from: u64,
    /// Runs of each.
    #[arg(long, default_value_t = 1_000)]
    runs: usize,
    /// Tests of the suite.
    #[arg(long, default_value_t = 400)]
    tests: usize,
}

/// Runs it.
///
/// # Errors
/// If a goal is missed.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let began = Instant::now();
    let mut whole = Confusion::default();
    for seed in arguments.from..arguments.from + arguments.seeds {
        let (runs, tests) = (arguments.runs, arguments.tests);
        let found = classify(Setting { seed, runs, tests, agents: 40, flaky: 20, sick: 5, outages: 2 });
        if arguments.seeds > 1 {
            println!("seed {seed}: {found:?}");
        }
        whole = whole.plus(&found);
    }
    let shifted = shift(ShiftSetting { seed: arguments.from, suites: 40, before: 300, after: 20, tests: 10 });
    print_table(&whole, &shifted);
    println!(
        "flakiness: {} seeds, {} runs of {} tests each; precision {:.1} %, recall {:.1} %, healthy tests quarantined {}; \
         a rise from 5 to 30 % found within 20 runs in {:.1} % (half within {}), {:.2} false alarms in 1,000 runs of a \
         test at 5 %; {:.1} s",
        arguments.seeds,
        arguments.runs,
        arguments.tests,
        whole.all().precision(),
        whole.all().recall(),
        whole.healthy_quarantined + whole.broken_quarantined,
        shifted.found_within(20),
        shifted.median_delay(),
        shifted.false_alarms_per_thousand(),
        began.elapsed().as_secs_f64()
    );
    let missed = missed(&whole, &shifted);
    ensure!(missed.is_empty(), "goals missed: {}", missed.join("; "));
    Ok(())
}

fn print_table(found: &Confusion, shifted: &ShiftResult) {
    println!(
        "{:<22} {:>8} {:>8} {:>12} {:>10} {:>8}",
        "CAUSE", "FOUND", "MISSED", "FALSE ALARM", "PRECISION", "RECALL"
    );
    for (name, found) in
        [("flaky test", found.flaky), ("sick agent", found.agents), ("run in an outage", found.outages)]
    {
        let Found { hits, missed, false_alarms } = found;
        let (precision, recall) = (found.precision(), found.recall());
        println!("{name:<22} {hits:>8} {missed:>8} {false_alarms:>12} {precision:>8.1} % {recall:>6.1} %");
    }
    println!("healthy tests quarantined: {}", found.healthy_quarantined);
    println!("broken tests quarantined: {}", found.broken_quarantined);
    println!("runs on broken commits that passed: {}", found.false_green);
    println!("runs that failed for nothing: {}", found.failed_for_nothing);
    println!("retries and copies in 1,000 tries: {}", found.retries_per_mille);
    println!("tests whose rate rose: {}, not found in 20 runs: {}", shifted.delays.len(), {
        shifted.delays.iter().filter(|delay| delay.is_none()).count()
    });
}

fn missed(found: &Confusion, shifted: &ShiftResult) -> Vec<String> {
    let mut missed = Vec::new();
    let mut goal = |is_met: bool, what: &str| {
        if !is_met {
            missed.push(what.to_owned());
        }
    };
    for (name, found) in [("flaky tests", found.flaky), ("sick agents", found.agents), ("outages", found.outages)] {
        goal(found.precision() >= 95.0, &format!("precision of {name} is {:.1} %, wanted are 95 %", found.precision()));
        goal(found.recall() >= 90.0, &format!("recall of {name} is {:.1} %, wanted are 90 %", found.recall()));
    }
    goal(found.healthy_quarantined == 0, "a healthy test was quarantined");
    goal(found.broken_quarantined == 0, "a broken test was quarantined");
    goal(found.false_green == 0, "a run on a broken commit passed");
    goal(shifted.found_within(20) >= 85.0, "fewer than 85 % of the raised rates were found within 20 runs");
    goal(shifted.false_alarms_per_thousand() <= 5.0, "more than 5 false alarms in 1,000 runs of a test");
    missed
}
