//! Runs seeds of the simulation with nothing around it, so that it is built quickly: `seeds FROM COUNT [SECONDS]` runs
//! them until one violates a promise, and says which promise of which seed. `seeds FROM COUNT SECONDS trace` writes what
//! happened in the last of them.

#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "a program has arguments and a clock; the simulation in it has neither"
)]

use std::io::Write as _;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use muster_sim::runner::{self, Settings};
use muster_sim::{check, workload};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |place: usize| arguments.get(place).and_then(|text| text.parse::<u64>().ok());
    let (from, count) = (number(0).unwrap_or(0), number(1).unwrap_or(100));
    let seconds = Duration::from_secs(number(2).unwrap_or(u64::MAX / 2));
    let is_traced = arguments.get(3).is_some();
    let begun = Instant::now();
    let (mut steps, mut seeds) = (0, 0);
    for seed in from..from.saturating_add(count) {
        if begun.elapsed() > seconds {
            break;
        }
        let ran = std::panic::catch_unwind(|| {
            let settings = Settings { is_traced, ..Settings::default() };
            runner::run(workload::plan(seed), check::all(), &settings)
        });
        seeds += 1;
        match ran {
            Err(_) => return say(&format!("FOUND seed {seed} after {seeds}: it panicked"), false),
            Ok(ran) => {
                steps += ran.steps;
                if is_traced {
                    say(&ran.trace, true);
                }
                if let Some(violation) = ran.violation {
                    let text = format!("FOUND seed {seed} after {seeds}: {}: {}", violation.promise, violation.what);
                    return say(&text, false);
                }
            }
        }
    }
    say(&format!("NOTHING in {seeds} seeds, {steps} steps, {:.1} s", begun.elapsed().as_secs_f64()), true)
}

fn say(text: &str, is_well: bool) -> ExitCode {
    let is_said = writeln!(std::io::stdout(), "{text}").is_ok();
    if is_well && is_said { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
