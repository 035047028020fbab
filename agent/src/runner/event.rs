//! What an adapter says while a batch runs.

use std::time::Duration;

use muster_common::control::TestResult;
use muster_common::id::TestIndex;

/// News of a batch, as it happens where the runner allows that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BatchEvent {
    /// A test has begun.
    Started(TestIndex),
    /// A test has its result. Its output is inline and within its limit.
    Result(TestResult),
}

/// A batch of which every test has exactly one result.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BatchEnd {
    /// From the start of the first runner process to the start of its first test; none if the runner does not say when a
    /// test starts.
    pub start_cost: Option<Duration>,
    /// Runner processes that it took.
    pub processes: u32,
}
