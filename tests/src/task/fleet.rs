//! `cargo xtask fleet`: many real agents run a suite of real processes, and the wall clock is held against the bound.
//!
//! Every test is a process that sleeps as long as its name says, so the only work is Muster's own: all of a fleet of
//! hundreds of agents, on one machine. Coordinator and agents are processes of their own, built for release.

mod processes;
mod suite;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use self::processes::{Cpu, Processes};
use self::suite::Sleepers;
use super::{must_build_release, must_run};

/// What is run.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Agents, with one slot each.
    #[arg(long, default_value_t = 500)]
    agents: usize,
    /// Tests, of seeded durations with a heavy tail.
    #[arg(long, default_value_t = 10_000)]
    tests: usize,
    /// How much longer than drawn each test takes; drawn are 1.9 s in the mean and 20 s at most.
    #[arg(long, default_value_t = 6.0)]
    scale: f64,
    /// Decides the durations.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How often the suite is run; from the second time on its durations are known.
    #[arg(long, default_value_t = 2)]
    runs: u32,
    /// Folder of binaries that are built already; none: they are built.
    #[arg(long)]
    binaries: Option<PathBuf>,
}

/// The part of a report that is looked at.
#[derive(Deserialize)]
struct Report {
    run: Run,
    tests: Vec<Test>,
}

#[derive(Deserialize)]
struct Run {
    outcome: String,
    submitted_unix_ms: u64,
    finished_unix_ms: u64,
}

#[derive(Deserialize)]
struct Test {
    verdict: Option<String>,
    tries: Vec<Try>,
}

#[derive(Deserialize)]
struct Try {
    agent: String,
}

/// Runs the suite.
///
/// # Errors
/// If a run is not green, does not report every test, or takes longer than the goal when its durations are known.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let binaries = match &arguments.binaries {
        Some(folder) => folder.clone(),
        None => must_build_release(&["muster", "muster-agent", "muster-coordinator"])?,
    };
    let home = tempfile::Builder::new().prefix("muster-fleet-").tempdir()?;
    let sleepers = Sleepers::drawn(arguments.seed, arguments.tests, arguments.scale);
    sleepers.write(&home.path().join(PROJECT))?;
    let bound = sleepers.bound(arguments.agents);
    println!("{}", sleepers.described(arguments.agents));
    let began = Instant::now();
    let processes = Processes::start(&binaries, home.path(), arguments.agents)?;
    println!("coordinator and {} agents are up after {:.1} s", arguments.agents, began.elapsed().as_secs_f64());
    let mut ratios = Vec::new();
    for number in 1..=arguments.runs {
        let known = if number == 1 { "nothing known" } else { "durations known" };
        let found = run_once(&processes, &sleepers, home.path(), arguments.tests)?;
        println!("run {number} ({known}): {}", found.line(bound, arguments.agents));
        ratios.push(found.wall / bound);
    }
    let best = ratios.iter().copied().fold(f64::INFINITY, f64::min);
    let shown: Vec<String> = ratios.iter().map(|ratio| format!("{ratio:.3}")).collect();
    println!(
        "fleet: {} agents, {} sleeping tests, wall over the bound {} (goal {GOAL})",
        arguments.agents,
        arguments.tests,
        shown.join(", ")
    );
    ensure!(best <= GOAL, "the best run took {best:.3} of the bound, the goal is {GOAL}");
    Ok(())
}

/// What a run of the suite came to.
struct Found {
    /// Seconds from submit to end.
    wall: f64,
    /// Seconds from submit to the first test of the first agent, and to that of the last one.
    first_starts: (f64, f64),
    tries: usize,
    agents: usize,
    cpu: Cpu,
}

impl Found {
    fn line(&self, bound: f64, slots: usize) -> String {
        let Self { wall, first_starts, tries, agents, cpu } = self;
        let all_busy = if *agents == slots { "all slots busy" } else { "the last slot busy" };
        format!(
            "submit to end {wall:.1} s = {:.3} of the bound {bound:.1} s; the first test began after {:.1} s, {all_busy} \
             after {:.1} s; {tries} tries on {agents} agents\n  {}",
            wall / bound,
            first_starts.0,
            first_starts.1,
            cpu.line()
        )
    }
}

fn run_once(processes: &Processes, sleepers: &Sleepers, home: &Path, tests: usize) -> Result<Found> {
    let file = home.join("report.json");
    sleepers.forget_starts()?;
    let before = processes.cpu()?;
    let mut command = Command::new(processes.muster());
    command.arg("run").arg(home.join(PROJECT)).args(["--coordinator", processes.url(), "--ci", "none"]);
    command.arg("--report").arg(&file).env("NO_COLOR", "1").stdout(std::process::Stdio::null());
    must_run(&mut command)?;
    let cpu = processes.cpu()?.since(&before);
    let text = fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
    let report: Report = serde_json::from_slice(&text).context("the report has another form")?;
    check(&report, tests)?;
    let agents: BTreeSet<&str> =
        report.tests.iter().flat_map(|test| &test.tries).map(|found| found.agent.as_str()).collect();
    let since_submit = |unix_s: f64| unix_s - report.run.submitted_unix_ms as f64 / 1e3;
    let (first, last) = sleepers.first_starts()?;
    Ok(Found {
        wall: (report.run.finished_unix_ms - report.run.submitted_unix_ms) as f64 / 1e3,
        first_starts: (since_submit(first), since_submit(last)),
        tries: report.tests.iter().map(|test| test.tries.len()).sum(),
        agents: agents.len(),
        cpu,
    })
}

fn check(report: &Report, tests: usize) -> Result<()> {
    ensure!(report.run.outcome == "passed", "the run ended as {}", report.run.outcome);
    let passed = report.tests.iter().filter(|test| test.verdict.as_deref() == Some("passed")).count();
    ensure!(passed == tests && report.tests.len() == tests, "{passed} of {tests} tests passed");
    Ok(())
}

/// Folder of the suite.
const PROJECT: &str = "project";
/// Wall clock over the bound.
const GOAL: f64 = 1.3;
