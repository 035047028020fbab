//! Whether anything of an attempt's commands may be left.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// How many commands have been started whose keeper has not said that nothing is left of them. At none the process table
/// need not be searched, which on a machine with thousands of processes takes longer than a short test. Clones count
/// together.
#[derive(Clone, Debug, Default)]
pub struct Traces(Arc<AtomicUsize>);

impl Traces {
    /// A command has been started.
    pub(crate) fn made(&self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }

    /// One has ended, and nothing of it is left.
    pub(crate) fn gone(&self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }

    /// Whether there may be something.
    #[must_use]
    pub fn may_be_there(&self) -> bool {
        self.0.load(Ordering::SeqCst) > 0
    }
}
