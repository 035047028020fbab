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
