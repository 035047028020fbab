//! The only place where Muster's processes read the time.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use muster_common::time::{Monotonic, Now, Wall};
use nix::time::{ClockId, clock_gettime};

/// The machine's clocks.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl SystemClock {
    /// Both clocks now. The monotonic one is `CLOCK_BOOTTIME`: it goes on while the machine sleeps, so a lease never
    /// seems longer than it was.
    #[must_use]
    pub fn now(self) -> Now {
        let boot = clock_gettime(ClockId::CLOCK_BOOTTIME).expect("CLOCK_BOOTTIME exists since Linux 2.6.39");
        let micros = Duration::from(boot).as_micros();
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        Now {
            monotonic: Monotonic { micros: u64::try_from(micros).unwrap_or(u64::MAX) },
            wall: Wall { unix_ms: u64::try_from(wall).unwrap_or(u64::MAX) },
        }
    }
}
