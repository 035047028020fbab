//! An accepted run reaches a verdict: what is open is counted, and what has nothing open has ended.

use super::{Violation, ensure};
use crate::Scheduler;
use crate::restore::retries_granted;
use muster_common::id::JobId;

const PROMISE: &str = "an accepted run reaches a verdict";

pub(super) fn check(scheduler: &Scheduler) -> Result<(), Violation> {
    let mut unended = 0;
    for (id, run) in &scheduler.runs.open {
        let open = scheduler.jobs_of(*id).filter(|(_, job)| !job.has_ended()).count();
        ensure(open == run.jobs_open, PROMISE, || {
            format!("run {id} has {open} open jobs and counts {}", run.jobs_open)
        })?;
        ensure((open == 0) == run.row.end.is_some(), PROMISE, || {
            format!("run {id} has {open} open jobs and its end is {:?}", run.row.end)
        })?;
        unended += usize::from(run.row.end.is_none());
        let tests: u32 = scheduler.jobs_of(*id).filter_map(|(_, job)| job.row.sealed).sum();
        ensure(tests == run.tests, "retries are bounded by the tests of their run", || {
            format!("run {id} has {tests} tests and counts {}", run.tests)
        })?;
        let suites = scheduler.jobs_of(*id).filter_map(|(_, job)| job.suite.as_deref());
        let granted: u32 =
            suites.flat_map(|suite| &suite.tests).map(|test| retries_granted(&test.tries, test.verdict)).sum();
        ensure(granted == run.retries, "retries are charged to their run once", || {
            format!("run {id} has had {granted} retries and is charged {}", run.retries)
        })?;
    }
    ensure(unended == scheduler.runs.unended, PROMISE, || {
        format!("{unended} runs have not ended, {} are counted", scheduler.runs.unended)
    })?;
    for (id, job) in &scheduler.jobs {
        let Some(run) = scheduler.runs.open.get(&id.run) else {
            return ensure(false, PROMISE, || format!("job {id} is of no run"));
        };
        let has_ended =
            |need| scheduler.jobs.get(&JobId { run: id.run, job: need }).is_some_and(crate::state::Job::has_ended);
        let open = run.needs(id.job).into_iter().filter(|need| !has_ended(*need)).count();
        ensure(open == job.needs_open, PROMISE, || {
            format!("job {id} waits for {open} needs and counts {}", job.needs_open)
        })?;
        let has_begun = job.row.queued.is_some() || job.has_ended();
        ensure(has_begun || open > 0, PROMISE, || format!("job {id} waits for nothing and is not queued"))?;
        ensure(job.row.queued.is_none() || open == 0, "needs come first", || format!("job {id} is queued too early"))?;
        let is_cancelled = run.row.is_cancel_requested && !job.has_ended();
        ensure(!is_cancelled || job.stop.is_some(), "cancel wins over retry", || format!("job {id} goes on"))?;
    }
    Ok(())
}
