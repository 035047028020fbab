//! Whatever could wait for ever has a deadline.

use super::{Violation, ensure};
use crate::Scheduler;
use crate::deadlines::Deadline;

const PROMISE: &str = "everything is bounded";

pub(super) fn check(scheduler: &Scheduler) -> Result<(), Violation> {
    for (name, agent) in &scheduler.agents.table {
        let moment = scheduler.deadlines.moment(&Deadline::Agent(name.clone()));
        let is_armed = moment.is_some_and(|moment| moment <= agent.next_doubt(&scheduler.config));
        ensure(is_armed, PROMISE, || format!("nobody watches agent {name}"))?;
    }
    for (id, job) in scheduler.jobs.iter().filter(|(_, job)| !job.has_ended() && job.row.queued.is_some()) {
        let is_bounded = match (&job.stop, job.row.started) {
            (Some(_), _) => scheduler.deadlines.is_set(&Deadline::Stop(*id)),
            (None, Some(_)) => scheduler.deadlines.is_set(&Deadline::Timeout(*id)),
            (None, None) => scheduler.deadlines.is_set(&Deadline::Queue(*id)),
        };
        ensure(is_bounded, PROMISE, || format!("job {id} may take for ever"))?;
    }
    for (id, _) in scheduler.jobs.iter().filter(|(_, job)| job.has_ended()) {
        let kinds = [Deadline::Queue(*id), Deadline::Timeout(*id), Deadline::Stop(*id), Deadline::Retry(*id)];
        let is_clear = kinds.iter().all(|deadline| !scheduler.deadlines.is_set(deadline));
        ensure(is_clear, PROMISE, || format!("job {id} has ended and a deadline is armed for it"))?;
    }
    Ok(())
}
