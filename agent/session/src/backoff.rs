//! Pauses between tries, growing and spread at random so that a fleet does not come back in one moment.

use std::time::Duration;

use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

use crate::Config;

/// Gives out pauses: each between a half and the whole of a bound that doubles with every failure.
#[derive(Clone, Debug)]
pub(crate) struct Backoff {
    failures: u32,
    rng: SmallRng,
}

impl Backoff {
    pub(crate) fn new(seed: u64) -> Self {
        Self { failures: 0, rng: SmallRng::seed_from_u64(seed) }
    }

    /// The pause after one more failure.
    pub(crate) fn next(&mut self, config: &Config) -> Duration {
        let doubled = config.backoff_min.saturating_mul(2_u32.saturating_pow(self.failures));
        self.failures = self.failures.saturating_add(1);
        let bound_us = u64::try_from(doubled.min(config.backoff_max).as_micros()).unwrap_or(u64::MAX);
        Duration::from_micros(self.rng.random_range(bound_us / 2..=bound_us))
    }

    /// The other side has answered.
    pub(crate) fn reset(&mut self) {
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_the_bound_and_start_again_after_an_answer() {
        let config = Config::default();
        let mut backoff = Backoff::new(7);
        let mut bound = config.backoff_min;
        for _ in 0..100 {
            let pause = backoff.next(&config);
            assert!(pause >= bound / 2 && pause <= bound, "{pause:?} of {bound:?}");
            bound = (bound * 2).min(config.backoff_max);
        }
        backoff.reset();
        assert!(backoff.next(&config) <= config.backoff_min);
    }
}
