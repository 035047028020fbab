//! Flaky tests, sick agents, outages and broken commits, and what is made of them.

use std::collections::{BTreeMap, BTreeSet};

use muster_scheduler::{Row, RunKind};
use rand::rngs::SmallRng;
use rand::{RngExt as _, SeedableRng as _};

use super::fleet::{Fleet, agent_name, has_passed, place};

/// What is put in.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// Decides everything.
    pub seed: u64,
    /// Runs.
    pub runs: usize,
    /// Tests.
    pub tests: usize,
    /// Agents.
    pub agents: usize,
    /// Flaky tests; their rates are spread evenly in logarithm from 1 to 40 in a hundred.
    pub flaky: usize,
    /// Sick agents, from some run on: each fails 2 to 50 in a hundred of what it runs.
    pub sick: usize,
    /// Outages of a few runs each.
    pub outages: usize,
}

/// How much of one cause was found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// There, and found.
    pub hits: usize,
    /// There, and not found.
    pub missed: usize,
    /// Not there, and said to be found.
    pub false_alarms: usize,
}

/// What was put in and what was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Confusion {
    /// Flaky tests, by whether they were ever put into quarantine.
    pub flaky: Found,
    /// Sick agents, by whether they were ever fenced off.
    pub agents: Found,
    /// Runs in an outage, by whether they were left out of the statistics.
    pub outages: Found,
    /// Tests that were broken for some commits or for good and were put into quarantine.
    pub broken_quarantined: usize,
    /// Tests with nothing at all that were put into quarantine.
    pub healthy_quarantined: usize,
    /// Runs that failed although nothing was broken and no outage was on.
    pub failed_for_nothing: usize,
    /// Runs on a broken commit that passed.
    pub false_green: usize,
    /// Tries beyond the first in a thousand first tries.
    pub retries_per_mille: usize,
}

impl Found {
    /// Of what was said to be found, in hundredths.
    #[must_use]
    pub fn precision(self) -> f64 {
        percent(self.hits, self.hits + self.false_alarms)
    }

    /// Of what was there, in hundredths.
    #[must_use]
    pub fn recall(self) -> f64 {
        percent(self.hits, self.hits + self.missed)
    }

    fn of<T: Ord>(there: &BTreeSet<T>, found: &BTreeSet<T>) -> Self {
        let hits = there.intersection(found).count();
        Self { hits, missed: there.len() - hits, false_alarms: found.len() - hits }
    }

    /// Of both.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self {
            hits: self.hits + other.hits,
            missed: self.missed + other.missed,
            false_alarms: self.false_alarms + other.false_alarms,
        }
    }
}

impl Confusion {
    /// All causes together.
    #[must_use]
    pub const fn all(&self) -> Found {
        self.flaky.plus(self.agents).plus(self.outages)
    }

    /// Of both; the share of retries is that of the second.
    #[must_use]
    pub const fn plus(&self, other: &Self) -> Self {
        Self {
            flaky: self.flaky.plus(other.flaky),
            agents: self.agents.plus(other.agents),
            outages: self.outages.plus(other.outages),
            broken_quarantined: self.broken_quarantined + other.broken_quarantined,
            healthy_quarantined: self.healthy_quarantined + other.healthy_quarantined,
            failed_for_nothing: self.failed_for_nothing + other.failed_for_nothing,
            false_green: self.false_green + other.false_green,
            retries_per_mille: other.retries_per_mille,
        }
    }
}

/// Runs the experiment.
#[must_use]
pub fn classify(setting: Setting) -> Confusion {
    let mut rng = SmallRng::seed_from_u64(setting.seed);
    let truth = Truth::drawn(setting, &mut rng);
    let mut fleet = Fleet::new(setting.tests, setting.agents, setting.seed);
    let mut seen = Seen::default();
    let mut confusion = Confusion::default();
    let (mut tries, mut content) = (0, 0);
    for run in 0..setting.runs {
        // One run in seven is of the content of the one before.
        if run == 0 || rng.random_range(0..7) > 0 {
            content = run;
        }
        let fails = |test, agent| {
            tries += 1;
            truth.fails(run, content, test, agent, &mut rng)
        };
        let summary = fleet.run(content as u32, fails, |row| seen.take(row));
        let is_broken = truth.broken.iter().any(|broken| broken.holds(content));
        if has_passed(&summary) {
            confusion.false_green += usize::from(is_broken);
        } else {
            confusion.failed_for_nothing += usize::from(!is_broken && !truth.outage_runs.contains_key(&run));
        }
    }
    let outages: BTreeSet<usize> = truth.outage_runs.keys().copied().collect();
    confusion.flaky = Found::of(&truth.flaky.keys().copied().collect(), &seen.quarantined);
    confusion.agents = Found::of(&truth.sick.keys().copied().map(|agent| agent_name(agent).0).collect(), &seen.fenced);
    confusion.outages = Found::of(&outages, &seen.left_out);
    let broken: BTreeSet<usize> = truth.broken.iter().map(|broken| broken.test).collect();
    confusion.broken_quarantined = broken.intersection(&seen.quarantined).count();
    let touched = |test: &&usize| broken.contains(*test) || truth.flaky.contains_key(*test);
    confusion.healthy_quarantined = seen.quarantined.iter().filter(|test| !touched(test)).count();
    confusion.retries_per_mille = (tries - setting.runs * setting.tests) * 1_000 / (setting.runs * setting.tests);
    confusion
}

struct Truth {
    /// Rates in millionths.
    flaky: BTreeMap<usize, u32>,
    /// From which run on, and rates.
    sick: BTreeMap<usize, (usize, u32)>,
    outage_runs: BTreeMap<usize, u32>,
    broken: Vec<Broken>,
}

struct Broken {
    test: usize,
    /// Contents: runs by whose commit it is broken.
    from: usize,
    until: usize,
}

impl Broken {
    fn holds(&self, content: usize) -> bool {
        (self.from..self.until).contains(&content)
    }
}

impl Truth {
    fn drawn(setting: Setting, rng: &mut SmallRng) -> Self {
        let runs = setting.runs;
        let mut flaky = BTreeMap::new();
        while flaky.len() < setting.flaky {
            let share = flaky.len() as f64 / (setting.flaky.max(2) - 1) as f64;
            let rate = (10_000.0 * 40f64.powf(share)) as u32;
            flaky.entry(rng.random_range(0..setting.tests)).or_insert(rate);
        }
        let sick = (0..setting.sick).map(|place| {
            let from = rng.random_range(runs / 20..runs * 3 / 4);
            (place, (from, SICK_RATES[place % SICK_RATES.len()]))
        });
        let sick = sick.collect();
        let mut outage_runs = BTreeMap::new();
        for place in 0..setting.outages {
            let from = rng.random_range(runs / 20..runs * 9 / 10);
            let count = rng.random_range(3..9);
            outage_runs.extend((from..from + count).map(|run| (run, OUTAGE_RATES[place % OUTAGE_RATES.len()])));
        }
        // Every thirtieth commit breaks some tests for a few commits; three break for good.
        let mut broken = Vec::new();
        let mut test = || loop {
            let test = rng.random_range(0..setting.tests);
            if !flaky.contains_key(&test) {
                break test;
            }
        };
        for from in (30..runs).step_by(30) {
            let count = from / 30 % 4 + 1;
            broken.extend((0..count).map(|_| Broken { test: test(), from, until: from + 2 + from / 30 % 5 }));
        }
        broken.extend((1..4).map(|place| Broken { test: test(), from: runs * place / 4, until: usize::MAX }));
        Self { flaky, sick, outage_runs, broken }
    }

    fn fails(&self, run: usize, content: usize, test: usize, agent: usize, rng: &mut SmallRng) -> bool {
        let mut happens = |rate: u32| rng.random_range(0..1_000_000) < rate;
        let is_broken = self.broken.iter().any(|broken| broken.test == test && broken.holds(content));
        is_broken
            || happens(GLITCH_RATE)
            || self.flaky.get(&test).is_some_and(|rate| happens(*rate))
            || self.sick.get(&agent).is_some_and(|(from, rate)| run >= *from && happens(*rate))
            || self.outage_runs.get(&run).is_some_and(|rate| happens(*rate))
    }
}

/// What the stored rows say.
#[derive(Default)]
struct Seen {
    quarantined: BTreeSet<usize>,
    fenced: BTreeSet<String>,
    left_out: BTreeSet<usize>,
}

impl Seen {
    fn take(&mut self, row: &Row) {
        match row {
            Row::MemoryTest(row) if row.quarantine.is_some() => {
                let test = row.name.trim_start_matches("test_").parse().expect("names of tests hold their places");
                self.quarantined.insert(test);
            }
            Row::AgentHealth(row) if row.fence.is_some() => {
                self.fenced.insert(row.agent.0.clone());
            }
            Row::MemorySuite(row) => {
                let left_out = row.runs.iter().filter(|judged| judged.kind != RunKind::Telling);
                self.left_out.extend(left_out.map(|judged| place(muster_common::id::RunId(u64::from(judged.run)))));
            }
            _ => {}
        }
    }
}

fn percent(part: usize, whole: usize) -> f64 {
    if whole == 0 { 100.0 } else { part as f64 * 100.0 / whole as f64 }
}

/// In millionths of the tries on such an agent.
const SICK_RATES: &[u32] = &[500_000, 200_000, 100_000, 50_000, 20_000];
/// In millionths of all tries while it lasts.
const OUTAGE_RATES: &[u32] = &[100_000, 400_000];
/// What happens to any try, for no reason that ever comes back.
const GLITCH_RATE: u32 = 10;
