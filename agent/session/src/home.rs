//! Which coordinator is obeyed.
//!
//! Tokens are unique within one store, and rise with its epochs. So a message with a lower epoch comes from a life of the
//! coordinator that has ended, and one with another store id speaks of other work by names that may look the same. Both
//! are refused. A store can also be replaced for good (an operator begins anew): what is held for the old one is given up
//! when only the new one has answered for [`crate::Config::foreign_patience`], and at once if nothing runs.

use std::time::Duration;

use muster_common::control::Stamp;
use muster_common::id::Epoch;
use muster_common::time::Monotonic;

/// The coordinator that is obeyed, if one is known.
#[derive(Clone, Debug, Default)]
pub(crate) struct Home {
    known: Option<Stamp>,
    foreign_since: Option<Monotonic>,
}

/// What is to be made of a stamp.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Judgement {
    /// It is the known coordinator, or the first one.
    Obey,
    /// It is another store: what is held for the known one is to be given up, and then the other obeyed.
    Move,
    /// It is to be refused.
    Refuse {
        /// What is obeyed.
        known: Stamp,
    },
}

impl Home {
    /// For an agent whose spool is meant for `store_id`.
    pub(crate) fn restored(store_id: u128) -> Self {
        let known = Stamp { store_id, epoch: Epoch(0) };
        Self { known: Some(known), foreign_since: None }
    }

    /// Judges the stamp of a message; `patience` is how long another store is refused.
    pub(crate) fn judge(&mut self, now: Monotonic, stamp: Stamp, patience: Duration) -> Judgement {
        let Some(known) = self.known else {
            self.known = Some(stamp);
            return Judgement::Obey;
        };
        if stamp.store_id == known.store_id {
            if stamp.epoch < known.epoch {
                return Judgement::Refuse { known };
            }
            self.adopt(stamp);
            return Judgement::Obey;
        }
        let since = *self.foreign_since.get_or_insert(now);
        if now.since(since) < patience {
            return Judgement::Refuse { known };
        }
        Judgement::Move
    }

    /// Obeys another store from now on.
    pub(crate) fn adopt(&mut self, stamp: Stamp) {
        *self = Self { known: Some(stamp), foreign_since: None };
    }

    /// Whether that coordinator has answered in this life of the agent.
    pub(crate) fn is_confirmed(&self) -> bool {
        self.known.is_some_and(|known| known.epoch > Epoch(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(60);

    fn stamp(store_id: u128, epoch: u64) -> Stamp {
        Stamp { store_id, epoch: Epoch(epoch) }
    }

    #[test]
    fn what_an_earlier_life_left_is_meant_for_its_store_alone() {
        let mut home = Home::restored(7);
        let begun = Monotonic::from_millis(1_000);
        assert!(!home.is_confirmed(), "nobody has answered yet");
        let known = stamp(7, 0);
        assert_eq!(home.judge(begun, stamp(8, 1), PATIENCE), Judgement::Refuse { known });
        let just_before = begun + PATIENCE - Duration::from_micros(1);
        assert_eq!(home.judge(just_before, stamp(8, 1), PATIENCE), Judgement::Refuse { known });
        assert_eq!(home.judge(begun + PATIENCE, stamp(8, 1), PATIENCE), Judgement::Move);
    }

    #[test]
    fn the_known_store_is_obeyed_and_its_earlier_lives_are_not() {
        let mut home = Home::restored(7);
        let now = Monotonic::default();
        assert_eq!(home.judge(now, stamp(7, 3), PATIENCE), Judgement::Obey);
        assert!(home.is_confirmed());
        assert_eq!(home.judge(now, stamp(7, 3), PATIENCE), Judgement::Obey);
        assert_eq!(home.judge(now, stamp(7, 2), PATIENCE), Judgement::Refuse { known: stamp(7, 3) });
        assert!(!Home::default().is_confirmed());
    }

    #[test]
    fn a_word_of_the_known_store_begins_the_patience_with_others_anew() {
        let mut home = Home::restored(7);
        let later = Monotonic::default() + PATIENCE;
        assert_ne!(home.judge(Monotonic::default(), stamp(8, 1), PATIENCE), Judgement::Move);
        assert_eq!(home.judge(later, stamp(7, 1), PATIENCE), Judgement::Obey);
        assert_ne!(home.judge(later, stamp(8, 1), PATIENCE), Judgement::Move);
    }
}
