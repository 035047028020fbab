//! The injected experiment: known causes of failing tests are put into a fleet, and what the real scheduler makes of
//! thousands of failures is held against them.
//!
//! [`classify`] runs a suite many times with flaky tests, sick agents, outages and broken commits, and says what was
//! found of each. [`shift`] lets the failure rate of tests rise although their retries pass, and says how soon that was said.

mod classify;
mod fleet;
mod shift;

pub use classify::{Confusion, Found, Setting, classify};
pub use shift::{ShiftResult, ShiftSetting, shift};
