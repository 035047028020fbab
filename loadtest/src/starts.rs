//! When each run's job arrived at a fake agent, for whoever submitted it.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Instant;

/// First arrivals by run. Shared by all fake agents.
#[derive(Debug, Default)]
pub(crate) struct Starts {
    by_run: Mutex<HashMap<u64, Instant>>,
}

impl Starts {
    /// The run's job has arrived now.
    pub(crate) fn note(&self, run: u64) {
        let mut by_run = self.by_run.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        by_run.entry(run).or_insert_with(Instant::now);
    }

    /// When the run's job arrived; forgets it.
    pub(crate) fn take(&self, run: u64) -> Option<Instant> {
        self.by_run.lock().unwrap_or_else(std::sync::PoisonError::into_inner).remove(&run)
    }
}
