//! `cargo xtask fleet`: many real agents run a suite of real processes, and the wall clock is held against the bound.
//!
//! Every test is a process that sleeps as long as its name says, so the only work is Muster's own: all of a fleet of
//! hundreds of agents, on one machine.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use muster_sim::makespan::Suite;
use serde::Deserialize;

use super::{must_build, must_run};

/// What is run.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Agents, with one slot each.
    #[arg(long, default_value_t = 500)]
    agents: usize,
    /// Tests, of seeded durations with a heavy tail.
    #[arg(long, default_value_t = 10_000)]
    tests: usize,
    /// How much longer than drawn each test takes; drawn are 1.9 s in the mean.
    #[arg(long, default_value_t = 3.0)]
    scale: f64,
    /// Decides the durations.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How often the suite is run; from the second time on its durations are known.
    #[arg(long, default_value_t = 2)]
    runs: u32,
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
    let muster = must_build("muster-cli", "muster")?;
    let home = tempfile::Builder::new().prefix("muster-fleet-").tempdir()?;
    let suite = Suite::drawn(arguments.seed, arguments.tests, LONGEST_S);
    let seconds: Vec<f64> = suite.cases.iter().map(|case| case.real_us as f64 / 1e6 * arguments.scale).collect();
    write_project(&home.path().join(PROJECT), &seconds)?;
    let total: f64 = seconds.iter().sum();
    let longest = seconds.iter().copied().fold(0.0, f64::max);
    let bound = longest.max(total / arguments.agents as f64);
    println!("{} tests of {total:.0} s together, the longest {longest:.1} s: bound {bound:.1} s", arguments.tests);
    let mut ratios = Vec::new();
    for number in 1..=arguments.runs {
        let known = if number == 1 { "nothing known" } else { "durations known" };
        let found = run_once(&muster, home.path(), arguments)?;
        println!(
            "run {number} ({known}): submit to end {:.1} s = {:.3} of the bound; {} tries on {} agents; with the start of \
             all agents {:.1} s",
            found.wall,
            found.wall / bound,
            found.tries,
            found.agents,
            found.with_start
        );
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
    /// Seconds with the start of all agents and of the coordinator.
    with_start: f64,
    tries: usize,
    agents: usize,
}

fn run_once(muster: &Path, home: &Path, arguments: &Arguments) -> Result<Found> {
    let began = Instant::now();
    let file = home.join("report.json");
    let mut command = Command::new(muster);
    command.arg("run").arg(home.join(PROJECT)).args(["--agents", &arguments.agents.to_string(), "--ci", "none"]);
    command.arg("--data").arg(home.join("data")).arg("--report").arg(&file);
    command.env_remove("MUSTER_COORDINATOR").env("NO_COLOR", "1").stdout(std::process::Stdio::null());
    must_run(&mut command)?;
    let text = fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
    let report: Report = serde_json::from_slice(&text).context("the report has another form")?;
    check(&report, arguments.tests)?;
    let agents: BTreeSet<&str> =
        report.tests.iter().flat_map(|test| &test.tries).map(|found| found.agent.as_str()).collect();
    Ok(Found {
        wall: (report.run.finished_unix_ms - report.run.submitted_unix_ms) as f64 / 1e3,
        with_start: began.elapsed().as_secs_f64(),
        tries: report.tests.iter().map(|test| test.tries.len()).sum(),
        agents: agents.len(),
    })
}

fn check(report: &Report, tests: usize) -> Result<()> {
    ensure!(report.run.outcome == "passed", "the run ended as {}", report.run.outcome);
    let passed = report.tests.iter().filter(|test| test.verdict.as_deref() == Some("passed")).count();
    ensure!(passed == tests && report.tests.len() == tests, "{passed} of {tests} tests passed");
    Ok(())
}

/// A project whose tests sleep as long as their ids say.
fn write_project(folder: &Path, seconds: &[f64]) -> Result<()> {
    fs::create_dir_all(folder)?;
    let mut ids = String::new();
    for (number, seconds) in seconds.iter().enumerate() {
        writeln!(ids, "test-{number}@{seconds:.3}")?;
    }
    fs::write(folder.join("tests.txt"), ids)?;
    fs::write(folder.join("run.sh"), RUN)?;
    fs::write(folder.join("muster.yml"), PIPELINE)?;
    Ok(())
}

const PIPELINE: &str = "name: fleet
jobs:
  sleep:
    steps:
      - test:
          runner: generic
          list: cat tests.txt
          run: sh run.sh {tests_file}
          results: results/*.xml
";

const RUN: &str = r#"mkdir -p results
{
  printf '<testsuite name="sleep">\n'
  while IFS= read -r id; do
    sleep "${id##*@}"
    printf '<testcase name="%s" time="%s"/>\n' "$id" "${id##*@}"
  done < "$1"
  printf '</testsuite>\n'
} > results/all.xml
"#;

/// Folder of the suite.
const PROJECT: &str = "project";
/// The longest test before `scale`, in seconds.
const LONGEST_S: f64 = 20.0;
/// Wall clock over the bound.
const GOAL: f64 = 1.3;
