//! `cargo xtask compare-suites`: real suites of others, under Muster and under their runner alone, verdict by verdict.

mod alone;
mod fetch;
mod suite;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use muster_tests::junit::{Verdict, Verdicts};
use serde_json::Value;

use self::suite::Suite;
use super::{must_build_release, workshop};

/// Arguments of `cargo xtask compare-suites`.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Only suites of this runner, such as `pytest`.
    #[arg(long)]
    runner: Option<String>,
    /// Only the suite of this name.
    #[arg(long)]
    suite: Option<String>,
    /// A muster that is built already; none: it is built.
    #[arg(long)]
    muster: Option<PathBuf>,
    /// Local agents for Muster.
    #[arg(long, default_value_t = 8)]
    agents: u32,
}

/// Fetches each suite, runs it both ways, prints one line for each, and fails where a verdict differs.
///
/// # Errors
/// If a suite cannot be had or run, or the two ways disagree.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let chosen: Vec<_> = suite::all()
        .into_iter()
        .filter(|suite| arguments.runner.as_deref().is_none_or(|runner| runner == suite.runner))
        .filter(|suite| arguments.suite.as_deref().is_none_or(|name| name == suite.name))
        .collect();
    if chosen.is_empty() {
        bail!(
            "no suite fits: there are {}",
            suite::all().iter().map(|suite| suite.name).collect::<Vec<_>>().join(", ")
        );
    }
    let muster = match &arguments.muster {
        Some(path) => path.clone(),
        None => must_build_release(&["muster"])?.join("muster"),
    };
    let mut lines = Vec::new();
    let mut is_equal = true;
    for suite in chosen {
        let figures = compare(&suite, &muster, arguments.agents).with_context(|| format!("suite {}", suite.name))?;
        is_equal &= figures.differences == 0;
        lines.push(figures.line(&suite));
    }
    println!(
        "\nrunner | suite, version | tests | ids equal | verdicts equal | alone s | muster s | ratio | submit to first test s"
    );
    lines.iter().for_each(|line| println!("{line}"));
    if is_equal { Ok(()) } else { bail!("Muster and the runner alone disagree: see the lines above") }
}

struct Figures {
    tests: u32,
    has_equal_ids: bool,
    differences: usize,
    alone: Duration,
    muster: Duration,
    first_test: Duration,
}

impl Figures {
    fn line(&self, suite: &Suite) -> String {
        let (alone, muster) = (self.alone.as_secs_f64(), self.muster.as_secs_f64());
        let ids = if self.has_equal_ids { "yes" } else { "no" };
        let verdicts = if self.differences == 0 { "yes".to_owned() } else { format!("{} differ", self.differences) };
        format!(
            "{} | {} | {} | {ids} | {verdicts} | {alone:.1} | {muster:.1} | {:.2} | {:.2}",
            suite.runner,
            suite.name,
            self.tests,
            muster / alone,
            self.first_test.as_secs_f64()
        )
    }
}

fn compare(suite: &Suite, muster: &Path, agents: u32) -> Result<Figures> {
    let home = workshop().join("suites").join(suite.name);
    std::fs::create_dir_all(&home).with_context(|| format!("cannot make {}", home.display()))?;
    println!("\n== {} ({})", suite.name, suite.runner);
    let prepared = (suite.prepare)(&home)?;

    let begun = Instant::now();
    let alone = (suite.alone)(&prepared, &home.join("alone.xml"))?;
    let alone_time = begun.elapsed();
    let alone = (suite.alike)(alone);

    let begun = Instant::now();
    let muster_file = home.join("muster.xml");
    let mut command = muster_command(muster, suite, &prepared, agents);
    let report = home.join("muster.json");
    run_muster(command.arg("--junit").arg(&muster_file).arg("--report").arg(&report), &prepared.args)?;
    let muster_time = begun.elapsed();
    let first_test = first_test(&report)?;
    let with_muster = (suite.alike)((suite.muster)(&muster_file)?);

    let differences = differences(&alone, &with_muster);
    for line in differences.iter().take(SHOWN_MAX) {
        println!("{line}");
    }
    let tests = with_muster.values().flat_map(|verdicts| verdicts.values()).sum();
    let has_equal_ids = alone.keys().eq(with_muster.keys());
    Ok(Figures {
        tests,
        has_equal_ids,
        differences: differences.len(),
        alone: alone_time,
        muster: muster_time,
        first_test,
    })
}

fn muster_command(muster: &Path, suite: &Suite, prepared: &suite::Prepared, agents: u32) -> Command {
    let mut command = Command::new(muster);
    command.arg(suite.subcommand).arg(&prepared.directory).args(["--agents", &agents.to_string()]);
    if suite.subcommand == "test" {
        command.args(["--runner", suite.runner]);
    }
    for (key, value) in &prepared.env {
        command.arg("--env").arg(format!("{key}={value}"));
    }
    command
}

fn run_muster(command: &mut Command, args: &[String]) -> Result<()> {
    let data = tempfile::tempdir().context("cannot make a folder for Muster's data")?;
    command.arg("--data").arg(data.path());
    if !args.is_empty() {
        command.arg("--").args(args);
    }
    println!("$ {command:?}");
    let status = command.status().context("cannot start muster")?;
    // Suites have tests that fail; whether the same ones fail is what is compared.
    match status.code() {
        Some(0 | 100) => Ok(()),
        _ => bail!("muster ended with {status}"),
    }
}

/// From submit until the first test began: the end of each test less its duration. A runner that says all at its end says
/// this too late.
fn first_test(report: &Path) -> Result<Duration> {
    let text = std::fs::read(report).with_context(|| format!("cannot read {}", report.display()))?;
    let report: Value = serde_json::from_slice(&text).context("the report is no JSON")?;
    let submitted = report["run"]["submitted_unix_ms"].as_u64().context("the report has no time of submit")?;
    let tries = report["tests"].as_array().into_iter().flatten().filter_map(|test| test["tries"].as_array()).flatten();
    let begun = |found: &Value| Some(found["finished_unix_ms"].as_u64()? - found["duration_us"].as_u64()? / 1_000);
    let first = tries.filter_map(begun).min().context("no test was run")?;
    Ok(Duration::from_millis(first.saturating_sub(submitted)))
}

fn differences(alone: &Verdicts, muster: &Verdicts) -> Vec<String> {
    let mut names: Vec<_> = alone.keys().chain(muster.keys()).collect();
    names.sort();
    names.dedup();
    let side = |verdicts: Option<&std::collections::BTreeMap<Verdict, u32>>| {
        verdicts.map_or("not there".to_owned(), |verdicts| format!("{verdicts:?}"))
    };
    names
        .into_iter()
        .filter(|name| alone.get(*name) != muster.get(*name))
        .map(|name| format!("{name}: alone {}, Muster {}", side(alone.get(name)), side(muster.get(name))))
        .collect()
}

/// Differences that are printed for one suite.
const SHOWN_MAX: usize = 50;
