//! Moments and spans. Pure code is told the time; it never asks for it.

use std::fmt;
use std::ops::{Add, Sub};
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A moment of a process's monotonic clock, in microseconds since that clock's own zero. Decisions use this.
/// Meaningless across processes and lives, so never stored and never sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Monotonic {
    /// Microseconds since the clock's zero.
    pub micros: u64,
}

/// A moment of the wall clock, in milliseconds since 1970-01-01 UTC. For people to read; never for decisions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Wall {
    /// Milliseconds since 1970-01-01 UTC.
    pub unix_ms: u64,
}

/// Both clocks, read together by a shell just before it calls a pure crate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Now {
    /// For decisions.
    pub monotonic: Monotonic,
    /// For people.
    pub wall: Wall,
}

impl Monotonic {
    /// The moment `millis` milliseconds after the clock's zero.
    #[must_use]
    pub const fn from_millis(millis: u64) -> Self {
        Self { micros: millis * 1_000 }
    }

    /// How long ago `earlier` was; zero if it is in the future.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(self.micros.saturating_sub(earlier.micros))
    }
}

impl Add<Duration> for Monotonic {
    type Output = Self;

    fn add(self, span: Duration) -> Self {
        let span_micros = u64::try_from(span.as_micros()).unwrap_or(u64::MAX);
        Self { micros: self.micros.saturating_add(span_micros) }
    }
}

impl Sub<Duration> for Monotonic {
    type Output = Self;

    fn sub(self, span: Duration) -> Self {
        let span_micros = u64::try_from(span.as_micros()).unwrap_or(u64::MAX);
        Self { micros: self.micros.saturating_sub(span_micros) }
    }
}

impl fmt::Display for Monotonic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:06}", self.micros / 1_000_000, self.micros % 1_000_000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_saturate_instead_of_wrapping() {
        let zero = Monotonic::default();
        assert_eq!(zero - Duration::from_secs(1), zero);
        assert_eq!((zero + Duration::MAX).micros, u64::MAX);
        assert_eq!(zero.since(Monotonic::from_millis(5)), Duration::ZERO);
    }
}
