//! The one clock of a history: that which goes on since the machine was started, whatever is done to the time of day.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use nix::time::{ClockId, clock_gettime};

/// A moment of this machine, as `/proc/uptime` tells it to scripts.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Moment(pub f64);

impl Moment {
    /// Now.
    ///
    /// # Panics
    /// If this is no Linux of this century.
    #[must_use]
    pub fn now() -> Self {
        let now = clock_gettime(ClockId::CLOCK_BOOTTIME).expect("CLOCK_BOOTTIME exists since Linux 2.6.39");
        Self(Duration::from(now).as_secs_f64())
    }

    /// The moment of a time of day.
    #[must_use]
    pub fn of_unix_ms(unix_ms: f64) -> Self {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64());
        Self(unix_ms / 1_000.0 - wall + Self::now().0)
    }

    /// Seconds since an earlier moment.
    #[must_use]
    pub fn since(self, earlier: Self) -> f64 {
        self.0 - earlier.0
    }
}
