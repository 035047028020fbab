//! Clocks of simulated machines: each has its own zero, its own speed, and a wall clock that may be set.

use muster_common::time::{Monotonic, Now, Wall};

/// The clocks of one machine, against real time in microseconds since the beginning.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    zero_micros: u64,
    drift_ppm: i64,
    wall_offset_ms: i64,
}

impl Clock {
    pub(crate) const fn new(zero_micros: u64, drift_ppm: i64) -> Self {
        Self { zero_micros, drift_ppm, wall_offset_ms: 0 }
    }

    /// What the clocks show at `real` micros.
    pub(crate) fn read(&self, real: u64) -> Now {
        let shown = self.zero_micros + real.saturating_add_signed(drift(real, self.drift_ppm));
        let wall = WALL_BEGIN_MS + real / 1_000;
        Now {
            monotonic: Monotonic { micros: shown },
            wall: Wall { unix_ms: wall.saturating_add_signed(self.wall_offset_ms) },
        }
    }

    /// A real moment at which the clock shows at least `shown`; not before `real`.
    pub(crate) fn when(&self, shown: Monotonic, real: u64) -> u64 {
        let left = shown.since(self.read(real).monotonic);
        let left_micros = u64::try_from(left.as_micros()).unwrap_or(u64::MAX / 4).min(u64::MAX / 4);
        let stretched = left_micros.saturating_add_signed(-drift(left_micros, self.drift_ppm));
        real.saturating_add(stretched).saturating_add(u64::from(left_micros > 0))
    }

    /// Somebody sets the wall clock.
    pub(crate) fn set_wall(&mut self, by_ms: i64) {
        self.wall_offset_ms += by_ms;
    }
}

fn drift(span: u64, ppm: i64) -> i64 {
    let span = i128::from(span) * i128::from(ppm) / 1_000_000;
    i64::try_from(span).unwrap_or(0)
}

/// 2026-01-01.
pub(crate) const WALL_BEGIN_MS: u64 = 1_767_225_600_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_is_late_is_waited_for_until_it_shows_the_moment() {
        for ppm in [-20_000, -1, 0, 1, 20_000] {
            let clock = Clock::new(5_000_000, ppm);
            let shown = Monotonic { micros: 1_000_000_000 };
            let mut real = 7;
            for _ in 0..4 {
                real = clock.when(shown, real);
            }
            assert!(clock.read(real).monotonic >= shown, "{ppm}");
            assert!(clock.read(real - 200).monotonic < shown, "{ppm}");
        }
    }
}
