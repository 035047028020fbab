//! Chance, by one seed.

use std::ops::RangeInclusive;
use std::time::Duration;

use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

/// Draws from one stream of numbers.
#[derive(Clone, Debug)]
pub(super) struct Dice {
    rng: SmallRng,
}

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self { rng: SmallRng::seed_from_u64(seed) }
    }

    /// True so many times in a thousand.
    pub(super) fn permille(&mut self, permille: u32) -> bool {
        self.rng.random_range(0..1_000) < permille
    }

    /// True so many times in a hundred.
    pub(super) fn percent(&mut self, percent: u32) -> bool {
        self.permille(percent * 10)
    }

    /// Any of these, all equally likely.
    pub(super) fn between<T: rand::distr::uniform::SampleUniform + PartialOrd>(
        &mut self,
        range: RangeInclusive<T>,
    ) -> T {
        self.rng.random_range(range)
    }

    /// One of some values; there is at least one.
    pub(super) fn one_of<T: Clone>(&mut self, values: &[T]) -> T {
        let place = self.rng.random_range(0..values.len());
        values[place].clone()
    }

    /// From 1 to `most`; every doubling is equally likely, so small numbers come often.
    pub(super) fn skewed(&mut self, most: usize) -> usize {
        usize::try_from(self.log_uniform(1, most as u64)).unwrap_or(most).clamp(1, most)
    }

    /// Between two numbers of milliseconds; every doubling is equally likely.
    pub(super) fn span(&mut self, least_ms: u64, most_ms: u64) -> Duration {
        Duration::from_micros(self.log_uniform(least_ms * 1_000, most_ms * 1_000))
    }

    /// Any moment of a window.
    pub(super) fn moment(&mut self, window: Duration) -> Duration {
        let micros = u64::try_from(window.as_micros()).unwrap_or(u64::MAX);
        Duration::from_micros(self.rng.random_range(0..=micros))
    }

    /// Doubles as long as a coin says so, then anything up to there: no logarithms, which differ between machines.
    fn log_uniform(&mut self, least: u64, most: u64) -> u64 {
        let least = least.max(1);
        let doublings = (most / least).max(1).ilog2();
        let exponent = self.rng.random_range(0..=doublings);
        let low = least << exponent;
        let high = low.saturating_mul(2).min(most).max(low);
        self.rng.random_range(low..=high)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn skewed_numbers_are_within_their_bounds_and_mostly_small() {
        let mut dice = Dice::new(1);
        let drawn: Vec<usize> = (0..2_000).map(|_| dice.skewed(100)).collect();
        assert!(drawn.iter().all(|number| (1..=100).contains(number)));
        assert!(drawn.iter().filter(|number| **number <= 10).count() > 900);
        assert!(drawn.iter().any(|number| *number > 80));
    }

    #[test]
    fn spans_are_within_their_bounds() {
        let mut dice = Dice::new(2);
        for _ in 0..1_000 {
            let span = dice.span(20, 7_000);
            assert!(span >= Duration::from_millis(20) && span <= Duration::from_secs(7), "{span:?}");
        }
    }
}
