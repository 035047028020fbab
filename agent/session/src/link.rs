//! Where the stream stands.

use std::collections::VecDeque;
use std::time::Duration;

use muster_common::time::Monotonic;

/// Where the stream stands.
#[derive(Clone, Debug)]
pub(crate) enum Link {
    /// There is none.
    Down {
        /// When to try again.
        retry_at: Monotonic,
    },
    /// The shell is opening one.
    Connecting {
        /// When to give it up.
        give_up_at: Monotonic,
    },
    /// `Open` is sent; the coordinator has not answered.
    Opening {
        /// When it was sent.
        sent_at: Monotonic,
        /// When to give it up.
        give_up_at: Monotonic,
    },
    /// The session stands.
    Open(Pulse),
}

/// The heartbeats of an open stream.
#[derive(Clone, Debug)]
pub(crate) struct Pulse {
    /// When the next one is due.
    pub(crate) next_at: Monotonic,
    /// Those without an answer, oldest first, with the moments at which they were sent.
    pub(crate) unanswered: VecDeque<(u64, Monotonic)>,
}

/// Times that the coordinator has given with its last `Opened`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pace {
    pub(crate) heartbeat: Duration,
    pub(crate) lease: Duration,
    pub(crate) lease_unrepeatable: Duration,
}

impl Link {
    /// Whether messages other than `Open` may be sent.
    pub(crate) const fn is_open(&self) -> bool {
        match self {
            Self::Open(_) => true,
            Self::Down { .. } | Self::Connecting { .. } | Self::Opening { .. } => false,
        }
    }

    /// When something is due.
    pub(crate) fn deadline(&self, pace: Pace) -> Monotonic {
        match self {
            Self::Down { retry_at } => *retry_at,
            Self::Connecting { give_up_at } | Self::Opening { give_up_at, .. } => *give_up_at,
            Self::Open(pulse) => pulse.silent_at(pace).map_or(pulse.next_at, |silent_at| silent_at.min(pulse.next_at)),
        }
    }
}

impl Pulse {
    /// When a stream whose oldest heartbeat has no answer is taken for dead.
    pub(crate) fn silent_at(&self, pace: Pace) -> Option<Monotonic> {
        self.unanswered.front().map(|(_, sent_at)| *sent_at + pace.lease)
    }

    /// Takes the answer to a heartbeat; returns when that one was sent, or none if it is not waited for.
    pub(crate) fn answer(&mut self, number: u64) -> Option<Monotonic> {
        let place = self.unanswered.iter().position(|(waiting, _)| *waiting == number)?;
        self.unanswered.drain(..=place).next_back().map(|(_, sent_at)| sent_at)
    }
}

impl Pace {
    /// The times of an `Opened` message, held within sane bounds.
    pub(crate) fn new(heartbeat_ms: u64, lease_ms: u64, lease_unrepeatable_ms: u64) -> Self {
        let heartbeat_ms = heartbeat_ms.clamp(HEARTBEAT_MS_MIN, HEARTBEAT_MS_MAX);
        Self {
            heartbeat: Duration::from_millis(heartbeat_ms),
            lease: Duration::from_millis(lease_ms.clamp(2 * heartbeat_ms, LEASE_MS_MAX)),
            lease_unrepeatable: Duration::from_millis(lease_unrepeatable_ms.clamp(heartbeat_ms, LEASE_MS_MAX)),
        }
    }
}

impl Default for Pace {
    fn default() -> Self {
        Self::new(1_500, 5_000, 300_000)
    }
}

const HEARTBEAT_MS_MIN: u64 = 10;
const HEARTBEAT_MS_MAX: u64 = 60_000;
/// A day.
const LEASE_MS_MAX: u64 = 86_400_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_that_a_coordinator_asks_for_are_held_within_bounds() {
        let day = Duration::from_secs(86_400);
        let longest = Pace::new(u64::MAX, u64::MAX, u64::MAX);
        assert_eq!(longest, Pace { heartbeat: Duration::from_secs(60), lease: day, lease_unrepeatable: day });
        let shortest = Pace::new(0, 0, 0);
        let heartbeat = Duration::from_millis(10);
        assert_eq!(shortest, Pace { heartbeat, lease: 2 * heartbeat, lease_unrepeatable: heartbeat });
    }
}
