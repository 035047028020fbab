//! The reference model: what a run may end with, given the truth about its work and what really happened. Plain rules,
//! each of which can be read by itself; nothing of the scheduler's is used but the words.

mod evidence;
mod jobs;
mod run;
mod tests;

use muster_scheduler::Report;

use crate::plan::RunPlan;

pub use evidence::Evidence;

/// Whether a run's report is one that may be.
///
/// # Errors
/// With what may not be, and why.
pub fn judge(plan: &RunPlan, report: &Report, evidence: &Evidence) -> Result<(), String> {
    let jobs = &report.summary.jobs;
    if jobs.len() != plan.spec.jobs.len() {
        return Err(format!("{} jobs were submitted, {} are reported", plan.spec.jobs.len(), jobs.len()));
    }
    for (place, job) in jobs.iter().enumerate() {
        let judged = jobs::Judged { plan, report, evidence, place, job };
        judged.judge().map_err(|what| format!("job {}: {what}", job.job))?;
    }
    run::judge(report)
}
