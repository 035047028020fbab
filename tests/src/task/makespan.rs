//! `cargo xtask makespan`: how close the dealing of tests comes to the best that is possible, beside the ways of others.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use muster_sim::makespan::{
    Conditions, Fleet, Job, Race, Rival, Suite, bound_us, fleet, fleet_static, makespan_us, race as run_race, slots,
};

/// What is measured. Without flags: all sizes, all conditions, and many runs on one fleet.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Print the figures as JSON.
    #[arg(long)]
    json: bool,
    /// Slots; may be repeated.
    #[arg(long)]
    slots: Vec<usize>,
    /// Tests of a drawn suite; may be repeated.
    #[arg(long)]
    tests: Vec<usize>,
    /// Draws of each size.
    #[arg(long, default_value_t = 20)]
    seeds: u64,
    /// Only with agents that die and freeze.
    #[arg(long)]
    faulty: bool,
    /// What the dealer knows: a JSON object of test id to seconds; may be repeated, one for each `--timings`.
    #[arg(long, requires = "timings")]
    history: Vec<PathBuf>,
    /// What really happens, likewise.
    #[arg(long, requires = "history")]
    timings: Vec<PathBuf>,
    /// Leave out the many runs on one fleet.
    #[arg(long)]
    no_fleet: bool,
    /// Milliseconds that the start of a batch costs.
    #[arg(long, default_value_t = 50)]
    start_cost: u64,
}

/// Runs it.
///
/// # Errors
/// If a goal is missed, or a file cannot be read.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let began = Instant::now();
    let real = read_suites(arguments)?;
    let mut report = Report::default();
    if real.is_empty() {
        drawn(arguments, &mut report);
    } else {
        timed(arguments, &real, &mut report);
    }
    if !arguments.no_fleet && !arguments.faulty {
        let suites = if real.is_empty() { drawn_fleet() } else { real };
        many_runs(arguments, &suites, &mut report);
    }
    report.print(arguments.json, began.elapsed().as_secs_f64())?;
    ensure!(report.missed.is_empty(), "goals missed:\n{}", report.missed.join("\n"));
    Ok(())
}

fn read_suites(arguments: &Arguments) -> Result<Vec<Suite>> {
    if arguments.history.len() != arguments.timings.len() {
        bail!("give as many --history as --timings");
    }
    let pairs = arguments.history.iter().zip(&arguments.timings);
    pairs.map(|(history, timings)| Ok(Suite::timed(&read(history)?, &read(timings)?))).collect()
}

fn read(path: &Path) -> Result<BTreeMap<String, f64>> {
    let text = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    serde_json::from_slice(&text).with_context(|| format!("{} is no JSON object of seconds", path.display()))
}

/// All figures so far.
#[derive(Default)]
struct Report {
    rows: Vec<Row>,
    fleet: Option<serde_json::Value>,
    missed: Vec<String>,
    tests_dealt: u64,
}

/// One size under one condition.
#[derive(serde::Serialize)]
struct Row {
    what: String,
    slots: usize,
    tests: usize,
    conditions: String,
    /// Median bound in seconds, and whether the longest test alone makes it.
    bound_s: f64,
    is_bound_by_longest: bool,
    /// Median makespan over the bound: ours, then the others.
    muster: f64,
    worst: f64,
    others: Vec<(String, f64)>,
    /// Extra work in hundredths of the work, the worst draw.
    extra_percent: f64,
    goal: f64,
    /// Median makespan over the bound that also counts that a test which a fault cut short has to be run whole again, by a
    /// dealer that learns of a frozen agent no sooner than its test should have ended.
    with_losses: f64,
}

struct Draw {
    ratio: f64,
    with_losses: f64,
    others: Vec<f64>,
    bound_us: u64,
    is_bound_by_longest: bool,
    extra_percent: f64,
}

fn drawn(arguments: &Arguments, report: &mut Report) {
    let all = [Conditions::Clean, Conditions::Late, Conditions::Faulty];
    let conditions = if arguments.faulty { &all[2..] } else { &all[..] };
    for tests in or(&arguments.tests, &[1_000, 10_000, 100_000]) {
        let suites: Vec<Suite> = (0..arguments.seeds).map(|seed| Suite::drawn(seed, tests, 30.0)).collect();
        for count in or(&arguments.slots, &[10, 50, 500]) {
            for condition in conditions {
                let draws = both_cores(&suites, |seed, suite| draw(arguments, seed, suite, count, *condition));
                report.add("drawn", count, tests, *condition, draws, goal(*condition));
            }
        }
    }
}

fn timed(arguments: &Arguments, suites: &[Suite], report: &mut Report) {
    let conditions = if arguments.faulty { Conditions::Faulty } else { Conditions::Clean };
    for (place, suite) in suites.iter().enumerate() {
        for count in or(&arguments.slots, &[10, 50, 100]) {
            let goal = match conditions {
                Conditions::Clean if count > 10 => 1.10,
                Conditions::Clean | Conditions::Late | Conditions::Faulty => goal(conditions),
            };
            let draws = vec![draw(arguments, 0, suite, count, conditions)];
            report.add(&format!("timings {}", place + 1), count, suite.cases.len(), conditions, draws, goal);
        }
    }
}

const fn goal(conditions: Conditions) -> f64 {
    match conditions {
        Conditions::Clean => 1.05,
        Conditions::Late => 1.10,
        Conditions::Faulty => 1.15,
    }
}

fn or(given: &[usize], otherwise: &[usize]) -> Vec<usize> {
    if given.is_empty() { otherwise.to_vec() } else { given.to_vec() }
}

fn draw(arguments: &Arguments, seed: u64, suite: &Suite, count: usize, conditions: Conditions) -> Draw {
    let start_cost_us = arguments.start_cost * 1_000;
    let clean = slots(seed, count, Conditions::Clean, 0);
    let span_us = bound_us(suite, &clean);
    let slots = slots(seed, count, conditions, span_us);
    let bound_us = bound_us(suite, &slots);
    let ratio = |us: u64| us as f64 / bound_us as f64;
    let jobs = [Job { suite, submitted_us: 0 }];
    let race = Race { jobs: &jobs, slots: &slots, start_cost_us, round_trip_us: ROUND_TRIP_US, is_listed_before: true };
    let result = run_race(&race);
    Draw {
        ratio: ratio(result.times_us[0]),
        with_losses: result.times_us[0] as f64 / bound_us.max(result.lost_until_us) as f64,
        others: Rival::ALL.iter().map(|rival| ratio(makespan_us(*rival, suite, &slots, start_cost_us))).collect(),
        bound_us,
        is_bound_by_longest: bound_us <= suite.longest_us() * 2 && span_us == suite.longest_us(),
        extra_percent: 100.0 * result.extra_us as f64 / suite.total_us() as f64,
    }
}

/// Draws in two threads, in the order of their seeds.
fn both_cores(suites: &[Suite], draw: impl Fn(u64, &Suite) -> Draw + Sync) -> Vec<Draw> {
    let half = suites.len().div_ceil(2);
    let part = |range: std::ops::Range<usize>| range.map(|seed| draw(seed as u64, &suites[seed])).collect::<Vec<_>>();
    std::thread::scope(|scope| {
        let first = scope.spawn(|| part(0..half));
        let mut rest = part(half..suites.len());
        let mut draws = first.join().unwrap_or_default();
        draws.append(&mut rest);
        draws
    })
}

/// Suites as real ones are: the longest test is a fortieth of the whole.
fn drawn_fleet() -> Vec<Suite> {
    (0..4).map(|seed| Suite::drawn(1_000 + seed, 4_000, 200.0)).collect()
}

fn many_runs(arguments: &Arguments, suites: &[Suite], report: &mut Report) {
    let what = Fleet {
        suites,
        runs: 40,
        span_us: 20 * 60 * 1_000_000,
        slots: 500,
        start_cost_us: arguments.start_cost * 1_000,
        round_trip_us: ROUND_TRIP_US,
        seed: 7,
    };
    let result = fleet(&what);
    let plans: Vec<(usize, f64, f64)> = [10, 20, 50, 100, 500]
        .into_iter()
        .map(|parts| {
            let times = fleet_static(&what, parts);
            (parts, mean_s(&times), p95_s(&times))
        })
        .collect();
    let best = plans.iter().copied().min_by(|left, right| left.1.total_cmp(&right.1)).unwrap_or((0, 0.0, 0.0));
    let times = &result.together.times_us;
    let alone: Vec<u64> = (0..times.len()).map(|run| result.alone_us[run % result.alone_us.len()]).collect();
    let idle = 100.0 * result.together.idle_us as f64 / result.together.wanted_us.max(1) as f64;
    report.tests_dealt += suites.iter().cycle().take(40).map(|suite| suite.cases.len() as u64).sum::<u64>();
    println!("40 runs in 20 minutes on 500 slots");
    println!("  Muster              mean {:7.1} s   P95 {:7.1} s", mean_s(times), p95_s(times));
    println!("  each run alone      mean {:7.1} s   P95 {:7.1} s", mean_s(&alone), p95_s(&alone));
    for (parts, mean, p95) in &plans {
        println!("  static in {parts:>3} parts mean {mean:7.1} s   P95 {p95:7.1} s");
    }
    println!(
        "  slots idle while work waits: {idle:.2} % (of {:.0} slot seconds)\n",
        seconds(result.together.wanted_us)
    );
    if idle > IDLE_PERCENT_MAX {
        report
            .missed
            .push(format!("fleet: {idle:.2} % of slots idle while work waits, the goal is {IDLE_PERCENT_MAX} %"));
    }
    let best_p95 = plans.iter().map(|plan| plan.2).fold(f64::MAX, f64::min);
    if mean_s(times) > best.1 || p95_s(times) > best_p95 * NOT_WORSE {
        report.missed.push("fleet: a static plan is better".to_owned());
    }
    report.fleet = Some(serde_json::json!({
        "mean_s": mean_s(times), "p95_s": p95_s(times),
        "alone_mean_s": mean_s(&alone), "alone_p95_s": p95_s(&alone),
        "best_static_parts": best.0, "best_static_mean_s": best.1, "best_static_p95_s": best.2,
        "idle_percent": idle,
    }));
}

fn mean_s(times: &[u64]) -> f64 {
    seconds(times.iter().sum()) / times.len().max(1) as f64
}

fn p95_s(times: &[u64]) -> f64 {
    let mut times = times.to_vec();
    times.sort_unstable();
    times.get((times.len() * 95).div_ceil(100).saturating_sub(1)).map_or(0.0, |time| seconds(*time))
}

fn seconds(us: u64) -> f64 {
    us as f64 / 1e6
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let half = values.len() / 2;
    if values.len() % 2 == 1 { values[half] } else { f64::midpoint(values[half - 1], values[half]) }
}

impl Report {
    fn add(&mut self, what: &str, slots: usize, tests: usize, conditions: Conditions, draws: Vec<Draw>, goal: f64) {
        self.tests_dealt += tests as u64 * draws.len() as u64;
        let median_of = |value: &dyn Fn(&Draw) -> f64| median(draws.iter().map(value).collect());
        let muster = median_of(&|draw| draw.ratio);
        let extra_percent = draws.iter().map(|draw| draw.extra_percent).fold(0.0, f64::max);
        let others = Rival::ALL.iter().enumerate();
        let row = Row {
            what: what.to_owned(),
            slots,
            tests,
            conditions: conditions.name().to_owned(),
            bound_s: median_of(&|draw| seconds(draw.bound_us)),
            is_bound_by_longest: draws.iter().all(|draw| draw.is_bound_by_longest),
            muster,
            worst: draws.iter().map(|draw| draw.ratio).fold(0.0, f64::max),
            others: others
                .map(|(place, rival)| (rival.name().to_owned(), median_of(&|draw| draw.others[place])))
                .collect(),
            extra_percent,
            goal,
            with_losses: median_of(&|draw| draw.with_losses),
        };
        if self.rows.is_empty() {
            println!(
                "{:<10} {:>5} {:>7} {:<15} {:>9} {:>7} {:>7} {:>7}  {:>8} {:>8} {:>8} {:>8} {:>7}",
                "suite",
                "slots",
                "tests",
                "conditions",
                "bound s",
                "muster",
                "worst",
                "goal",
                "count",
                "by file",
                "by test",
                "dyn file",
                "extra %"
            );
        }
        print!(
            "{:<10} {:>5} {:>7} {:<15} {:>9.1} {:>7.3} {:>7.3} {:>7.2} ",
            row.what, row.slots, row.tests, row.conditions, row.bound_s, row.muster, row.worst, row.goal
        );
        for (_, ratio) in &row.others {
            print!(" {ratio:>8.3}");
        }
        let note = if row.with_losses < row.muster {
            format!("  {:.3} of the bound by which the tests of dead and frozen agents can be run again", row.with_losses)
        } else if row.is_bound_by_longest {
            "  bound: longest test".to_owned()
        } else {
            String::new()
        };
        println!(" {:>7.2}{note}", row.extra_percent);
        let place = format!("{what} {slots} slots {tests} tests {}", row.conditions);
        if row.muster > goal {
            self.missed.push(format!("{place}: {muster:.3} of the bound, the goal is {goal}"));
        }
        if extra_percent > EXTRA_PERCENT_MAX {
            self.missed.push(format!("{place}: {extra_percent:.2} % extra work, the goal is {EXTRA_PERCENT_MAX} %"));
        }
        self.rows.push(row);
    }

    fn print(&self, is_json: bool, took_s: f64) -> Result<()> {
        if is_json {
            let json = serde_json::json!({ "rows": self.rows, "fleet": self.fleet, "missed": self.missed });
            println!("{}", serde_json::to_string_pretty(&json)?);
        }
        let worst = self.rows.iter().map(|row| row.muster / row.goal).fold(0.0, f64::max);
        let extra = self.rows.iter().map(|row| row.extra_percent).fold(0.0, f64::max);
        println!(
            "makespan: {} cells, worst median at {:.3} of its goal, extra work at most {extra:.2} %, {} goals missed, {} tests dealt in {took_s:.1} s",
            self.rows.len(),
            worst,
            self.missed.len(),
            self.tests_dealt
        );
        Ok(())
    }
}

const ROUND_TRIP_US: u64 = 20_000;
const EXTRA_PERCENT_MAX: f64 = 1.0;
const IDLE_PERCENT_MAX: f64 = 3.0;
/// A static plan has no round trips; where the longest test alone makes the time, that is all the difference.
const NOT_WORSE: f64 = 1.01;
