//! What must hold after every step, whatever came in: the promises that can be seen in one state, and that every index
//! says what the tables say.

mod capacity;
mod deadlines;
mod exclusion;
mod leases;
mod queue;
mod runs;
mod tests;

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
    capacity::check(scheduler)?;
    leases::check(scheduler)?;
    tests::check(scheduler)?;
    exclusion::check(scheduler)?;
    runs::check(scheduler)?;
    queue::check(scheduler)?;
    deadlines::check(scheduler)
}

/// A violation unless `holds`.
fn ensure(holds: bool, promise: &'static str, what: impl FnOnce() -> String) -> Result<(), Violation> {
    if holds { Ok(()) } else { Err(Violation { promise, what: what() }) }
}
