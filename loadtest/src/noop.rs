//! Runs of nothing.

use muster_common::limits;
use muster_common::spec::{JobSpec, RunSpec, Shell, StepSpec, Work};

/// A run of so many jobs that do nothing and do not need each other.
pub(crate) fn noop(jobs: u32) -> RunSpec {
    let step = StepSpec {
        id: None,
        name: "nothing".to_owned(),
        condition: None,
        run: "true".to_owned(),
        shell: Shell::Sh,
        env: [].into(),
        working_directory: None,
        timeout_ms: None,
        may_fail: false,
    };
    let job = |number: u32| JobSpec {
        name: format!("nothing-{number}"),
        group: format!("nothing-{number}"),
        needs: Vec::new(),
        condition: None,
        requirements: Vec::new(),
        env: [].into(),
        timeout_ms: u64::try_from(limits::JOB_TIMEOUT_DEFAULT.as_millis()).unwrap_or(u64::MAX),
        queue_timeout_ms: u64::try_from(limits::QUEUE_TIMEOUT_DEFAULT.as_millis()).unwrap_or(u64::MAX),
        is_repeatable: true,
        may_fail: false,
        work: Work::Steps(vec![step.clone()]),
        inputs: Vec::new(),
        artifacts: Vec::new(),
        outputs: [].into(),
    };
    RunSpec {
        project: "loadtest".to_owned(),
        name: "nothing".to_owned(),
        workspace: None,
        env: [].into(),
        jobs: (0..jobs).map(job).collect(),
        only: [].into(),
        stress: None,
    }
}
