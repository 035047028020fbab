//! Specifications in which nothing is said that need not be: experiments and tests begin with them.

use crate::limits;
use crate::spec::{Env, JobSpec, Runner, Shell, StepSpec, TestScope, TestSpec, Work};

impl JobSpec {
    /// A job that needs no other, runs anywhere and may be repeated, with the usual limits.
    #[must_use]
    pub fn new(name: impl Into<String>, work: Work) -> Self {
        let name = name.into();
        Self {
            group: name.clone(),
            name,
            needs: Vec::new(),
            condition: None,
            requirements: Vec::new(),
            env: Env::new(),
            timeout_ms: millis(limits::JOB_TIMEOUT_DEFAULT),
            queue_timeout_ms: millis(limits::QUEUE_TIMEOUT_DEFAULT),
            is_repeatable: true,
            may_fail: false,
            work,
            inputs: Vec::new(),
            artifacts: Vec::new(),
            outputs: [].into(),
        }
    }
}

impl StepSpec {
    /// A script for the usual shell.
    #[must_use]
    pub fn new(name: impl Into<String>, run: impl Into<String>) -> Self {
        Self {
            id: None,
            name: name.into(),
            condition: None,
            run: run.into(),
            shell: Shell::Default,
            env: Env::new(),
            working_directory: None,
            timeout_ms: None,
            may_fail: false,
        }
    }
}

impl TestSpec {
    /// A suite of tests that are dealt one by one, with the usual retries and limits.
    #[must_use]
    pub fn new(runner: Runner) -> Self {
        Self {
            runner,
            working_directory: None,
            setup: Vec::new(),
            retries: limits::RETRIES_DEFAULT,
            parallel: None,
            test_timeout_ms: millis(limits::TEST_TIMEOUT_DEFAULT),
            scope: TestScope::Test,
            groups: Vec::new(),
            caches_discovery: false,
        }
    }
}

fn millis(time: std::time::Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
