//! Seeds that once failed, each with its story. They are run with every test run, and stay for good.
//!
//! A seed finds again what it found only as long as plans and faults are drawn as they were; what a story found has
//! besides a test of its own where it was mended.

/// A seed that once failed.
#[derive(Clone, Copy, Debug)]
pub struct Regression {
    /// The seed.
    pub seed: u64,
    /// What it found, and what was done.
    pub story: &'static str,
}

/// All of them.
pub const REGRESSIONS: &[Regression] = &[];
