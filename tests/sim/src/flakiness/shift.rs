//! A test fails at its first try more often than it did, and its retries pass.

use std::collections::BTreeMap;

use muster_scheduler::Row;
use rand::rngs::SmallRng;
use rand::{RngExt as _, SeedableRng as _};

use super::fleet::{Fleet, place};

/// What is put in.
#[derive(Clone, Copy, Debug)]
pub struct ShiftSetting {
    /// Decides everything.
    pub seed: u64,
    /// Suites, each in a fleet of its own.
    pub suites: usize,
    /// Runs before the rate rises.
    pub before: usize,
    /// Runs after.
    pub after: usize,
    /// Tests of each suite whose rate rises; as many others keep theirs.
    pub tests: usize,
}

/// How soon it was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ShiftResult {
    /// For each test whose rate rose, in how many runs it was said, where it was.
    pub delays: Vec<Option<usize>>,
    /// Alarms of tests at their usual rate.
    pub false_alarms: usize,
    /// Over so many of their runs.
    pub steady_runs: usize,
}

impl ShiftResult {
    /// How many in a hundred were said within so many runs.
    #[must_use]
    pub fn found_within(&self, runs: usize) -> f64 {
        let found = self.delays.iter().filter(|delay| delay.is_some_and(|delay| delay <= runs)).count();
        found as f64 * 100.0 / self.delays.len().max(1) as f64
    }

    /// Half of those that were found were found within so many runs.
    #[must_use]
    pub fn median_delay(&self) -> usize {
        let mut delays: Vec<usize> = self.delays.iter().map(|delay| delay.unwrap_or(usize::MAX)).collect();
        delays.sort_unstable();
        delays.get(delays.len() / 2).copied().unwrap_or(usize::MAX)
    }

    /// False alarms in a thousand runs of a test.
    #[must_use]
    pub fn false_alarms_per_thousand(&self) -> f64 {
        self.false_alarms as f64 * 1_000.0 / self.steady_runs.max(1) as f64
    }
}

/// Runs the experiment: 5 first tries in a hundred fail, then 30.
#[must_use]
pub fn shift(setting: ShiftSetting) -> ShiftResult {
    let mut result = ShiftResult::default();
    for suite in 0..setting.suites {
        let mut rng = SmallRng::seed_from_u64(setting.seed * 1_000 + suite as u64);
        run_suite(setting, &mut rng, &mut result);
    }
    result
}

fn run_suite(setting: ShiftSetting, rng: &mut SmallRng, result: &mut ShiftResult) {
    let mut fleet = Fleet::new(setting.tests * TESTS_PER_SHIFTING, AGENTS, rng.random());
    let mut alarms: BTreeMap<(usize, usize), ()> = BTreeMap::new();
    for run in 0..setting.before + setting.after {
        let mut failed = std::collections::BTreeSet::new();
        let fails = |test: usize, _| {
            let rate = match test / setting.tests {
                0 if run >= setting.before => RAISED_RATE,
                0 | 1 => USUAL_RATE,
                _ => 0,
            };
            // Retries pass: that is what hides it.
            let is_first = failed.insert(test);
            is_first && rng.random_range(0..100) < rate
        };
        let summary = fleet.run(run as u32, fails, |row| {
            if let Row::MemoryTest(row) = row
                && row.alarm_run > 0
            {
                let test: usize = row.name.trim_start_matches("test_").parse().expect("names hold their places");
                alarms.insert((test, place(muster_common::id::RunId(u64::from(row.alarm_run)))), ());
            }
        });
        assert!(super::fleet::has_passed(&summary), "retries pass, so every run does");
    }
    for test in 0..2 * setting.tests {
        let of_test: Vec<usize> = alarms.keys().filter(|(found, _)| *found == test).map(|(_, run)| *run).collect();
        let is_shifting = test < setting.tests;
        let steady = if is_shifting { setting.before } else { setting.before + setting.after };
        result.false_alarms += of_test.iter().filter(|run| **run < steady).count();
        result.steady_runs += steady;
        if is_shifting {
            let first = of_test.iter().find(|run| **run >= setting.before);
            result.delays.push(first.map(|run| run + 1 - setting.before));
        }
    }
}

/// In hundredths of first tries.
const USUAL_RATE: u32 = 5;
const RAISED_RATE: u32 = 30;
/// Of so many tests the first shifts and the second is steadily flaky.
const TESTS_PER_SHIFTING: usize = 12;
const AGENTS: usize = 4;
