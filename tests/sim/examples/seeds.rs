//! Runs seeds of the simulation with nothing around it, so that it is built quickly: `seeds FROM COUNT [SECONDS]` runs
//! them until one violates a promise, and says which promise of which seed. With `trace` as a fourth word it writes what
//! happened, with `all` it goes on after a violation.

#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "a program has arguments and a clock; the simulation in it has neither"
)]

use std::io::Write as _;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use muster_sim::runner::{self, Ran, Settings};
use muster_sim::{check, workload};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |place: usize| arguments.get(place).and_then(|text| text.parse::<u64>().ok());
    let (from, count) = (number(0).unwrap_or(0), number(1).unwrap_or(100));
    let seconds = Duration::from_secs(number(2).unwrap_or(u64::MAX / 2));
    let is_word = |word: &str| arguments.get(3).is_some_and(|given| given == word);
    let (is_traced, goes_on) = (is_word("trace"), is_word("all"));
    let begun = Instant::now();
    let (mut steps, mut seeds, mut found, mut simulated) = (0, 0, 0, Duration::ZERO);
    for seed in from..from.saturating_add(count) {
        if begun.elapsed() > seconds {
            break;
        }
        let ran = std::panic::catch_unwind(|| {
            let settings = Settings { is_traced, ..Settings::default() };
            runner::run(workload::plan(seed), check::all(), &settings)
        });
        seeds += 1;
        let ran = ran.unwrap_or_else(|_| Ran::panicked(seed));
        steps += ran.steps;
        simulated += ran.simulated;
        if is_traced {
            say(&ran.trace, true);
        }
        if let Some(violation) = ran.violation {
            found += 1;
            say(&format!("FOUND seed {seed} after {seeds}: {}: {}", violation.promise, violation.what), false);
            if !goes_on {
                return ExitCode::FAILURE;
            }
        }
        if seeds % 1_000 == 0 && goes_on {
            say(&figures(seeds, steps, simulated, begun.elapsed()), true);
        }
    }
    let word = if found == 0 { "NOTHING" } else { "MUCH" };
    say(&format!("{word} in {}", figures(seeds, steps, simulated, begun.elapsed())), found == 0)
}

fn figures(seeds: u64, steps: u64, simulated: Duration, took: Duration) -> String {
    let (seconds, hours) = (took.as_secs_f64(), simulated.as_secs_f64() / 3_600.0);
    format!(
        "{seeds} seeds, {steps} steps, {seconds:.1} s: {:.0} steps/s, {:.1} simulated hours per minute, {:.0} seeds per minute",
        steps as f64 / seconds,
        hours * 60.0 / seconds,
        seeds as f64 * 60.0 / seconds
    )
}

fn say(text: &str, is_well: bool) -> ExitCode {
    let is_said = writeln!(std::io::stdout(), "{text}").is_ok();
    if is_well && is_said { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
