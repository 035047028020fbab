//! How long after the last fault everything has ended.

use std::time::Duration;

use crate::plan::{AgentPlan, RunPlan};

/// The bound: every job in turn waits as long as it may, runs as long as it may, and is given the time to stop; then what
/// agents may take to be given up. Never reached by far: what a fair line owes to each job is checked on its own.
pub(super) fn patience(scheduler: &muster_scheduler::Config, agents: &[AgentPlan], runs: &[RunPlan]) -> Duration {
    let jobs = runs.iter().flat_map(|run| &run.spec.jobs);
    let each = |job: &muster_common::spec::JobSpec| {
        Duration::from_millis(job.timeout_ms + job.queue_timeout_ms) + scheduler.stop_grace
    };
    let grace = scheduler.lease_unrepeatable + scheduler.restore_grace + scheduler.stop_grace;
    let count = u32::try_from(agents.len()).unwrap_or(u32::MAX);
    jobs.map(each).sum::<Duration>() + grace * 2 + Duration::from_secs(60) * count.min(10)
}
