//! What the steps of one turn, or of several, have to store, and what they then want done.

use muster_common::id::RunId;
use muster_scheduler::Effect;

use crate::disk::Change;

/// One batch.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    pub(crate) changes: Vec<Change>,
    pub(crate) effects: Vec<Effect>,
    /// Which planned runs are accepted with it.
    pub(crate) accepted: Vec<(RunId, usize)>,
    steps: usize,
}

impl Batch {
    /// Takes in what a step has given.
    pub(super) fn add(&mut self, changes: Vec<Change>, effects: Vec<Effect>) {
        self.changes.extend(changes);
        self.effects.extend(effects);
        self.steps += 1;
    }

    /// Whether another step may be added before it is committed.
    pub(super) fn has_room(&self) -> bool {
        self.steps < STEPS_PER_COMMIT_MAX
    }

    pub(super) fn is_empty(&self) -> bool {
        self.changes.is_empty() && self.effects.is_empty()
    }
}

const STEPS_PER_COMMIT_MAX: usize = 4_096;
