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
pub const REGRESSIONS: &[Regression] = &[
    Regression {
        seed: 14,
        story: "Commits were slow while heartbeats were stepped; the stall was added to moments that lay within it, so \
                agents counted as heard in the future, and the deadline that watches them was armed too late. \
                Scenario: stall_is_no_credit.",
    },
    Regression {
        seed: 10_565,
        story: "A failed test was run again and its agent lost; then the suite was found broken, and the test had its \
                verdict. The lost agent's late result of the second try gave it another. \
                Scenario: late_retry_of_a_broken_suite.",
    },
    Regression {
        seed: 11_307,
        story: "A coordinator told a shard that nothing more comes, and was replaced before it heard the shard's end; the \
                next life took the empty end for a failure, and the job ended errored. \
                Scenario: dismissed_by_an_earlier_life.",
    },
];
