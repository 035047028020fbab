//! When each run's job arrived at a fake agent, for whoever submitted it.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use muster_common::id::Epoch;
use muster_service::clock::SystemClock;

/// First arrivals by run. Shared by all fake agents.
#[derive(Debug, Default)]
pub(crate) struct Starts {
    seen: Mutex<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    by_run: HashMap<u64, Instant>,
    epoch: Option<Epoch>,
    says_epochs: bool,
}

impl Starts {
    /// Says the first lease of every life of the coordinator on standard output, and keeps no runs: nobody asks for them.
    pub(crate) fn that_say_epochs() -> Self {
        Self { seen: Mutex::new(Seen { says_epochs: true, ..Seen::default() }) }
    }

    /// The run's job has arrived now, under a token of this epoch.
    pub(crate) fn note(&self, run: u64, epoch: Epoch) {
        let mut seen = self.lock();
        if !seen.says_epochs {
            seen.by_run.entry(run).or_insert_with(Instant::now);
        } else if seen.epoch.is_none_or(|known| known < epoch) {
            seen.epoch = Some(epoch);
            println!("first lease of epoch {epoch} at {} us", SystemClock.now().monotonic.micros);
        }
    }

    /// When the run's job arrived; forgets it.
    pub(crate) fn take(&self, run: u64) -> Option<Instant> {
        self.lock().by_run.remove(&run)
    }

    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
