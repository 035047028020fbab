//! The proof that a commit is durable.

use muster_common::id::Epoch;

/// Says that a batch is durable. Only a store can make one, so a function that takes it cannot be called too early.
#[derive(Debug)]
#[must_use = "the effects of the batch may leave now; drop the proof only together with them"]
pub struct Committed {
    epoch: Epoch,
    writes: usize,
}

impl Committed {
    pub(super) fn new(epoch: Epoch, writes: usize) -> Self {
        Self { epoch, writes }
    }

    /// The coordinator life that committed.
    pub fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// How many writes were committed.
    pub fn writes(&self) -> usize {
        self.writes
    }
}
