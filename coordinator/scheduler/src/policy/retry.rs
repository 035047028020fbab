//! Whether something that did not pass is tried again.

use muster_common::error_code::ReasonCode;
use muster_common::limits::LOST_ATTEMPTS_MAX;
use muster_common::outcome::TryOutcome;

/// What is known when a try of a test has ended without passing.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Suite {
    /// Retries of one test that its job allows.
    pub(crate) retries: u32,
    /// Tests whose first try has ended.
    pub(crate) first_tries: u32,
    /// Those of them that failed.
    pub(crate) first_failures: u32,
    /// Retries that were granted in this run.
    pub(crate) run_retries: u32,
    /// Tests of this run.
    pub(crate) run_tests: u32,
}

/// Whether a test of which so many tries did not pass, and the last said `last`, is tried again because of that.
pub(crate) fn tries_again(suite: Suite, not_passed: u32, last: TryOutcome) -> bool {
    match last {
        TryOutcome::Passed | TryOutcome::Skipped => false,
        TryOutcome::Failed => {
            not_passed <= suite.retries && !is_suite_wide(suite) && suite.run_retries < budget(suite.run_tests)
        }
        TryOutcome::Errored => not_passed <= suite.retries,
    }
}

/// Whether so many tests failed at their first try that the code is broken, not flaky.
pub(crate) fn is_suite_wide(suite: Suite) -> bool {
    suite.first_tries >= SUITE_WIDE_TESTS_MIN
        && u64::from(suite.first_failures) * 100 > u64::from(suite.first_tries) * SUITE_WIDE_PERCENT
}

/// Retries of failed tests that one run with so many tests may have.
fn budget(tests: u32) -> u32 {
    RETRIES_FREE + tests / TESTS_PER_RETRY
}

/// Whether an attempt that could not be run is tried again on another agent: where the cause may lie with the agent.
pub(crate) fn attempt_tries_again(code: ReasonCode, attempts_failed: u32) -> bool {
    attempts_failed < LOST_ATTEMPTS_MAX && may_lie_with_agent(code)
}

fn may_lie_with_agent(code: ReasonCode) -> bool {
    match code {
        ReasonCode::RunnerMissing
        | ReasonCode::WorkspaceFailed
        | ReasonCode::WorkspaceLost
        | ReasonCode::DiskFull
        | ReasonCode::OutOfMemory
        | ReasonCode::AgentsLost
        | ReasonCode::AgentRefused
        | ReasonCode::Internal => true,
        ReasonCode::ExitStatus
        | ReasonCode::Signal
        | ReasonCode::Timeout
        | ReasonCode::QueueTimeout
        | ReasonCode::Cancelled
        | ReasonCode::TestsFailed
        | ReasonCode::BuildFailed
        | ReasonCode::DiscoveryFailed
        | ReasonCode::NoTests
        | ReasonCode::RunnerCrashed
        | ReasonCode::ResultsMissing
        | ReasonCode::ResultsBroken
        | ReasonCode::TestNotRun
        | ReasonCode::TestUnknown
        | ReasonCode::DiscoveryUnsealed
        | ReasonCode::ArtifactMissing
        | ReasonCode::OutcomeUnknown
        | ReasonCode::Unsatisfiable
        | ReasonCode::NeedsFailed
        | ReasonCode::ConditionFalse
        | ReasonCode::ExpressionFailed
        | ReasonCode::LimitExceeded => false,
    }
}

/// A suite is not called broken before so many of its tests have ended.
pub(crate) const SUITE_WIDE_TESTS_MIN: u32 = 40;
/// A suite is broken if more than so many in a hundred of its tests failed at their first try.
const SUITE_WIDE_PERCENT: u64 = 25;
/// Retries that every run may have.
const RETRIES_FREE: u32 = 50;
/// Further retries: one for so many tests.
const TESTS_PER_RETRY: u32 = 100;

#[cfg(test)]
mod tests {
    use super::*;

    const SUITE: Suite = Suite { retries: 2, first_tries: 40, first_failures: 10, run_retries: 0, run_tests: 100 };

    #[test]
    fn a_failed_test_has_its_retries_and_no_more() {
        assert!(tries_again(SUITE, 1, TryOutcome::Failed));
        assert!(tries_again(SUITE, 2, TryOutcome::Failed));
        assert!(!tries_again(SUITE, 3, TryOutcome::Failed));
        assert!(!tries_again(SUITE, 1, TryOutcome::Passed));
        assert!(!tries_again(SUITE, 1, TryOutcome::Skipped));
        assert!(!tries_again(Suite { retries: 0, ..SUITE }, 1, TryOutcome::Errored));
    }

    #[test]
    fn more_than_a_quarter_of_forty_is_broken_not_flaky() {
        let broken = Suite { first_failures: 11, ..SUITE };
        assert!(is_suite_wide(broken) && !is_suite_wide(SUITE));
        assert!(!is_suite_wide(Suite { first_tries: 39, first_failures: 39, ..SUITE }));
        assert!(!tries_again(broken, 1, TryOutcome::Failed));
        assert!(tries_again(broken, 1, TryOutcome::Errored), "what could not be run is no sign of broken code");
    }

    #[test]
    fn a_run_has_a_budget_of_retries() {
        assert!(tries_again(Suite { run_retries: 50, ..SUITE }, 1, TryOutcome::Failed));
        assert!(!tries_again(Suite { run_retries: 51, ..SUITE }, 1, TryOutcome::Failed));
    }

    #[test]
    fn only_what_may_lie_with_the_agent_is_tried_on_another() {
        assert!(attempt_tries_again(ReasonCode::DiskFull, 1));
        assert!(!attempt_tries_again(ReasonCode::DiskFull, 3));
        assert!(!attempt_tries_again(ReasonCode::ArtifactMissing, 1));
    }
}
