//! What one call of the scheduler gives back.

use crate::{Effect, Write};

/// The outcome of one step: rows that must be durable before any of the effects is carried out.
#[derive(Clone, Debug, Default)]
#[must_use = "writes have to be stored and effects carried out"]
pub struct Step {
    /// To be stored, in this order, all or none.
    pub writes: Vec<Write>,
    /// To be carried out in this order, after the writes are durable.
    pub effects: Vec<Effect>,
}
