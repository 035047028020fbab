//! How long whoever drives a scheduler, or the store, could not do its work: deadlines of agents must not run out meanwhile.

use std::time::Duration;

use muster_common::time::Monotonic;

/// Watches for spans in which no input was stepped or no commit ended: each is told to the scheduler by
/// [`Input::Stalled`](crate::Input::Stalled).
#[derive(Debug)]
pub struct Stalls {
    tolerated: Duration,
    last_turn: Monotonic,
    told_until: Monotonic,
}

impl Stalls {
    /// Spans up to `tolerated` are none; usually a heartbeat's interval.
    #[must_use]
    pub const fn new(tolerated: Duration, now: Monotonic) -> Self {
        Self { tolerated, last_turn: now, told_until: now }
    }

    /// A turn of the driver begins. Answers with the span that it has missed, if that was too long.
    pub fn turn(&mut self, now: Monotonic) -> Option<Duration> {
        let since = std::mem::replace(&mut self.last_turn, now);
        self.span(since, now)
    }

    /// A commit has ended that began at `since`. Answers with the span that it took, if that was too long.
    pub fn commit(&mut self, since: Monotonic, now: Monotonic) -> Option<Duration> {
        self.span(since, now)
    }

    /// Whether a commit that began at `since` takes too long: no deadline is to be stepped before it has ended.
    #[must_use]
    pub fn is_stalled(&self, since: Monotonic, now: Monotonic) -> bool {
        now.since(since) > self.tolerated
    }

    // A moment counts once, though both the driver and a commit may have missed it.
    fn span(&mut self, since: Monotonic, now: Monotonic) -> Option<Duration> {
        if now.since(since) <= self.tolerated {
            return None;
        }
        let span = now.since(since.max(self.told_until));
        self.told_until = self.told_until.max(now);
        (!span.is_zero()).then_some(span)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Monotonic {
        Monotonic::from_millis(millis)
    }

    #[test]
    fn a_commit_stalls_when_it_takes_longer_than_is_tolerated() {
        let stalls = Stalls::new(Duration::from_millis(100), at(0));
        assert!(!stalls.is_stalled(at(50), at(150)) && stalls.is_stalled(at(50), at(151)));
    }

    #[test]
    fn what_is_tolerated_is_no_stall_and_what_is_longer_is_one_in_full() {
        let mut stalls = Stalls::new(Duration::from_millis(1_500), at(0));
        assert_eq!(stalls.turn(at(1_500)), None);
        assert_eq!(stalls.turn(at(4_000)), Some(Duration::from_millis(2_500)));
        assert_eq!(stalls.turn(at(4_100)), None);
    }

    #[test]
    fn a_moment_that_driver_and_commit_both_missed_counts_once() {
        let mut stalls = Stalls::new(Duration::from_millis(1_500), at(0));
        assert_eq!(stalls.turn(at(1_000)), None);
        assert_eq!(stalls.turn(at(11_000)), Some(Duration::from_secs(10)));
        assert_eq!(stalls.commit(at(900), at(11_500)), Some(Duration::from_millis(500)));
        assert_eq!(stalls.commit(at(900), at(11_500)), None);
    }
}
