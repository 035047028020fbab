//! Nobody waits without a reason: a job that wants a slot is in line, and a free slot that is right for it is given to it.

use std::collections::BTreeMap;

use super::{Violation, ensure};
use crate::Scheduler;
use crate::state::Job;
use muster_common::id::JobId;

const EARLY: &str = "shards without a list stand in nobody's way";
const PROMISE: &str = "nobody waits without a reason";

pub(super) fn check(scheduler: &Scheduler) -> Result<(), Violation> {
    scheduler.queue.check_indexes(&scheduler.agents).map_err(|what| Violation { promise: PROMISE, what })?;
    for (id, job) in &scheduler.jobs {
        check_job(scheduler, *id, job)?;
    }
    check_early_shards(scheduler)?;
    for id in scheduler.queue.places.keys().chain(&scheduler.queue.blocked) {
        let is_open = scheduler.jobs.get(id).is_some_and(|job| !job.has_ended() && job.stop.is_none());
        ensure(is_open, PROMISE, || format!("job {id} waits although it has ended or is being stopped"))?;
    }
    Ok(())
}

/// Shards without a list keep no slot from a job that waits, and a job's own limit holds for them too.
fn check_early_shards(scheduler: &Scheduler) -> Result<(), Violation> {
    let mut early = BTreeMap::new();
    for (id, _) in scheduler.jobs.iter().filter(|(_, job)| !job.has_ended() && job.early_shards() > 0) {
        let suite = scheduler.suite(*id);
        early.extend(suite.shards.iter().map(|(token, shard)| (*token, shard.agent.clone())));
        let max = scheduler.shards_max(*id).saturating_sub(1);
        ensure(suite.shards.len() <= max, EARLY, || {
            format!("job {id} has {} shards and no list, {max} are allowed", suite.shards.len())
        })?;
    }
    let is_counted = early.iter().all(|(token, agent)| scheduler.queue.early_held.get(token) == Some(agent));
    ensure(is_counted, EARLY, || format!("{early:?} have no list, {:?} are known", scheduler.queue.early_held))?;
    for class in &scheduler.queue.hungry {
        let spare = scheduler.idle_shard_for(*class).filter(|(_, token)| early.contains_key(token));
        ensure(spare.is_none() || scheduler.slots_missing(*class) == 0, EARLY, || {
            format!("shard {spare:?} has no list, and a job of class {class:?} waits")
        })?;
    }
    Ok(())
}

fn check_job(scheduler: &Scheduler, id: JobId, job: &Job) -> Result<(), Violation> {
    let is_waiting = !job.has_ended() && job.row.queued.is_some() && job.stop.is_none();
    if !is_waiting {
        return Ok(());
    }
    let is_in_line = scheduler.queue.places.contains_key(&id);
    match job.sealed_suite() {
        None => ensure(is_in_line != job.is_under_way(), PROMISE, || {
            let early = job.early_shards();
            format!("job {id} has {} live leases, {early} of early shards; in line: {is_in_line}", job.live.len())
        })?,
        Some(suite) => {
            let is_blocked = suite.waiting() == 0 && !suite.blocked().is_empty();
            let is_known_blocked = scheduler.queue.blocked.contains(&id);
            // What was restored is settled by the first step.
            let is_dealt_soon = scheduler.pending.offers.contains(&id);
            ensure(!suite.is_decided() || is_dealt_soon, PROMISE, || {
                format!("job {id} has all its verdicts and goes on")
            })?;
            let is_served = is_in_line || (is_blocked && is_known_blocked) || !suite.shards.is_empty() || is_dealt_soon;
            ensure(is_served, PROMISE, || format!("job {id} has no shard and is not in line"))?;
            let is_idle = !is_in_line && suite.shards.is_empty();
            ensure(!is_known_blocked || is_idle || is_dealt_soon, PROMISE, || {
                format!("job {id} has a shard or is in line, and counts as blocked")
            })?;
        }
    }
    let reason = scheduler.job_summary(id);
    let has_reason = reason.state != crate::JobState::Queued || !reason.waiting_for.is_empty();
    ensure(has_reason, PROMISE, || format!("job {id} is queued without a reason"))
}
