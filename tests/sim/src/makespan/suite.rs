//! Suites: what their tests take, and what is known of that.

use std::collections::BTreeMap;

use rand::rngs::SmallRng;
use rand::{RngExt as _, SeedableRng as _};

/// One test.
#[derive(Clone, Debug)]
pub struct Case {
    /// Its name.
    pub name: String,
    /// Number of its file.
    pub file: usize,
    /// What it takes on an agent of ordinary speed.
    pub real_us: u64,
    /// What earlier runs say.
    pub known_us: Option<u64>,
}

/// A suite.
#[derive(Clone, Debug)]
pub struct Suite {
    /// Its tests, in the order of discovery.
    pub cases: Vec<Case>,
}

impl Suite {
    /// A suite with a heavy tail: log-normal times up to `longest_s`, mean about 1.9 s, some files slower than others.
    #[must_use]
    pub fn drawn(seed: u64, tests: usize, longest_s: f64) -> Self {
        let mut rng = SmallRng::seed_from_u64(seed);
        let mut cases = Vec::with_capacity(tests);
        let (mut file, mut left, mut factor) = (0, 0_u32, 1.0);
        for number in 0..tests {
            if left == 0 {
                file += 1;
                left = rng.random_range(5..=40);
                factor = (FILE_SIGMA * normal(&mut rng)).exp();
            }
            left -= 1;
            let seconds = (MEDIAN_S * factor * (TEST_SIGMA * normal(&mut rng)).exp()).clamp(0.001, longest_s);
            let known = (NOISE_SIGMA * normal(&mut rng)).exp() * seconds;
            let is_known = rng.random_range(0..100) >= UNKNOWN_PERCENT;
            cases.push(Case {
                name: format!("tests/test_{file}.py::test_{number}"),
                file,
                real_us: micros(seconds),
                known_us: is_known.then(|| micros(known)),
            });
        }
        Self { cases }
    }

    /// A suite whose tests take what `timings` say, in seconds, of which the dealer knows `history`.
    #[must_use]
    pub fn timed(history: &BTreeMap<String, f64>, timings: &BTreeMap<String, f64>) -> Self {
        let mut files: BTreeMap<&str, usize> = BTreeMap::new();
        let cases = timings.iter().map(|(name, seconds)| {
            let count = files.len();
            let file = *files.entry(name.split("::").next().unwrap_or(name)).or_insert(count);
            let known_us = history.get(name).map(|known| micros(*known));
            Case { name: name.clone(), file, real_us: micros(*seconds), known_us }
        });
        Self { cases: cases.collect() }
    }

    /// What all tests take together.
    #[must_use]
    pub fn total_us(&self) -> u64 {
        self.cases.iter().map(|case| case.real_us).sum()
    }

    /// What the longest test takes.
    #[must_use]
    pub fn longest_us(&self) -> u64 {
        self.cases.iter().map(|case| case.real_us).max().unwrap_or(0)
    }

    /// What a test is expected to take that nobody knows: the mean of the others.
    #[must_use]
    pub fn known_mean_us(&self) -> u64 {
        let known: Vec<u64> = self.cases.iter().filter_map(|case| case.known_us).collect();
        known.iter().sum::<u64>().checked_div(known.len() as u64).unwrap_or(1)
    }
}

fn micros(seconds: f64) -> u64 {
    ((seconds * 1e6) as u64).max(1)
}

/// A draw from the standard normal distribution, by Box and Muller.
pub(super) fn normal(rng: &mut SmallRng) -> f64 {
    let (radius, angle): (f64, f64) = (rng.random(), rng.random());
    (-2.0 * (1.0 - radius).ln()).sqrt() * (std::f64::consts::TAU * angle).cos()
}

const MEDIAN_S: f64 = 0.7;
const FILE_SIGMA: f64 = 0.7;
const TEST_SIGMA: f64 = 1.21;
/// How far what is known of a test is off.
const NOISE_SIGMA: f64 = 0.3;
const UNKNOWN_PERCENT: u32 = 3;
