//! Runs of nothing.

use muster_common::spec::{JobSpec, RunSpec, Shell, StepSpec, Work};

/// A run of so many jobs that do nothing and do not need each other.
pub(crate) fn noop(jobs: u32) -> RunSpec {
    let step = StepSpec { shell: Shell::Sh, ..StepSpec::new("nothing", "true") };
    let job = |number: u32| JobSpec::new(format!("nothing-{number}"), Work::Steps(vec![step.clone()]));
    RunSpec {
        project: "loadtest".to_owned(),
        name: "nothing".to_owned(),
        jobs: (0..jobs).map(job).collect(),
        ..RunSpec::default()
    }
}
