//! How long the driver, or the store, could not do its work: as the real one counts it.

use std::time::Duration;

use muster_common::time::Monotonic;

/// Watches for spans in which no input was stepped or no commit ended.
#[derive(Debug)]
pub(super) struct Stalls {
    tolerated: Duration,
    last_turn: Monotonic,
    told_until: Monotonic,
}

impl Stalls {
    pub(super) const fn new(tolerated: Duration, now: Monotonic) -> Self {
        Self { tolerated, last_turn: now, told_until: now }
    }

    pub(super) fn turn(&mut self, now: Monotonic) -> Option<Duration> {
        let since = std::mem::replace(&mut self.last_turn, now);
        self.span(since, now)
    }

    pub(super) fn commit(&mut self, since: Monotonic, now: Monotonic) -> Option<Duration> {
        self.span(since, now)
    }

    pub(super) fn is_stalled(&self, since: Monotonic, now: Monotonic) -> bool {
        now.since(since) > self.tolerated
    }

    fn span(&mut self, since: Monotonic, now: Monotonic) -> Option<Duration> {
        if now.since(since) <= self.tolerated {
            return None;
        }
        let span = now.since(since.max(self.told_until));
        self.told_until = self.told_until.max(now);
        (!span.is_zero()).then_some(span)
    }
}
