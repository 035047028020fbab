//! `cargo xtask cluster`: every fault on a cluster of real processes, again and again, and the table of what came of it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::Command;

use anyhow::{Result, bail};
use muster_tests::cluster::fault::{ALL, Fault, Setting};
use muster_tests::cluster::restart;
use muster_tests::cluster::round::{Kind, Round, Sums, TABLE_HEAD};

use super::{debian, must_run, root};

/// Arguments of `cargo xtask cluster`.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Only this fault.
    #[arg(long, value_name = "FAULT")]
    only: Option<String>,
    /// How often each fault is done.
    #[arg(long, default_value_t = 3)]
    rounds: u32,
    /// Seed of what is left to chance in the first round; each further round adds one.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Each fault only for as long as it takes to show, as in the tests.
    #[arg(long)]
    short: bool,
    /// Jobs that wait when the coordinator is killed, for `restart-100k`.
    #[arg(long, default_value_t = 100_000)]
    jobs: u32,
    /// Agents that are connected then.
    #[arg(long, default_value_t = 500)]
    agents: u32,
}

/// Does the faults, prints the table, and ends with one line of figures.
///
/// # Errors
/// If a promise was broken, or something could not be done.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    debian::install_missing()?;
    must_run(Command::new("cargo").args(["build", "--workspace", "--bins", "--locked"]).current_dir(root()))?;
    let is_chosen = |name: &str| arguments.only.as_deref().is_none_or(|only| only == name);
    let chosen: Vec<&Fault> = ALL.iter().filter(|fault| is_chosen(fault.name)).collect();
    if chosen.is_empty() && !is_chosen(RESTART) {
        let names: Vec<&str> = ALL.iter().map(|fault| fault.name).chain([RESTART]).collect();
        bail!("there is no such fault; there are {}", names.join(", "));
    }
    let mut lines = Vec::new();
    let mut all = Sums::default();
    for fault in chosen {
        let mut sums = Sums::default();
        for round in 0..arguments.rounds {
            let setting = Setting { seed: arguments.seed + u64::from(round), is_long: !arguments.short };
            let found = once(fault, setting);
            report(fault, setting, &found);
            all.add(found.clone());
            sums.add(found);
        }
        lines.push(sums.line(fault.name));
    }
    println!("\n{TABLE_HEAD}");
    lines.iter().for_each(|line| println!("{line}"));
    if is_chosen(RESTART) {
        println!("\n{}", restarts(arguments));
    }
    println!("\n{}", figures(&all));
    if all.violations.is_empty() { Ok(()) } else { bail!("{} promises were broken: see above", all.violations.len()) }
}

fn once(fault: &Fault, setting: Setting) -> Round {
    let done = catch_unwind(AssertUnwindSafe(|| (fault.run)(setting)));
    done.unwrap_or_else(|_| {
        let mut round = Round::default();
        round.violate(Kind::Wrong, "it could not be done to its end: see the panic above");
        round
    })
}

fn report(fault: &Fault, setting: Setting, round: &Round) {
    let recovery = round.recovery_s.map_or(String::new(), |seconds| format!(", recovery {seconds:.2} s"));
    println!("{}, seed {}: {} broken promises{recovery}", fault.name, setting.seed, round.violations.len());
    for violation in &round.violations {
        println!("  {violation}");
    }
}

fn restarts(arguments: &Arguments) -> String {
    let mut longest = (0.0_f64, 0.0_f64);
    for round in 1..=arguments.rounds {
        let measured = restart::measure(arguments.jobs, arguments.agents);
        println!("{RESTART}, round {round}: {measured:?}");
        longest = (longest.0.max(measured.serving_s), longest.1.max(measured.first_lease_s));
    }
    format!(
        "kill -9 of a coordinator with {} queued jobs and {} agents: serves after at most {:.2} s, first lease after at most {:.2} s, {} rounds",
        arguments.jobs, arguments.agents, longest.0, longest.1, arguments.rounds
    )
}

fn figures(all: &Sums) -> String {
    format!(
        "cluster: {} rounds, {} lost, {} repeated, {} double verdicts, {} overlaps, {} wrong, {} unheard ends run again, {} late copies, longest recovery {:.2} s",
        all.rounds,
        all.count(Kind::Lost),
        all.count(Kind::Repeated),
        all.count(Kind::Double),
        all.count(Kind::Overlap),
        all.count(Kind::Wrong),
        all.unheard,
        all.late_copies,
        all.recovery_s.unwrap_or_default()
    )
}

/// The name of the experiment that is none of [`ALL`]: it measures only.
const RESTART: &str = "restart-100k";
