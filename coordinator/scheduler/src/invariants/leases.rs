//! At most one live lease per attempt, held by one agent; tokens are never reused.

use super::{Violation, ensure};
use crate::state::{Job, Lease};
use crate::{LeasePart, Scheduler};

const PROMISE: &str = "at most one live lease per attempt";

pub(super) fn check(scheduler: &Scheduler) -> Result<(), Violation> {
    for (token, lease) in &scheduler.leases {
        let row = &lease.row;
        ensure(row.token == *token && token.epoch <= scheduler.epoch, PROMISE, || {
            format!("lease {token} is misplaced")
        })?;
        ensure(token.epoch < scheduler.epoch || token.counter <= scheduler.tokens, "a token is never reused", || {
            format!("lease {token} is newer than the newest token")
        })?;
        let Some(job) = scheduler.jobs.get(&row.job) else {
            return ensure(false, PROMISE, || format!("lease {token} is of no job"));
        };
        ensure(!job.has_ended(), PROMISE, || format!("lease {token} is of job {} that has ended", row.job))?;
        ensure(job.leases.contains(token), PROMISE, || format!("job {} does not know lease {token}", row.job))?;
        ensure(job.live.contains(token) == lease.is_live(), PROMISE, || {
            format!("job {} and lease {token} disagree whether it is live", row.job)
        })?;
        if lease.is_live() {
            check_holder(scheduler, lease)?;
        }
        check_batches(scheduler, lease)?;
    }
    for (id, job) in &scheduler.jobs {
        let known = job.leases.iter().all(|token| scheduler.leases.contains_key(token));
        ensure(known && job.live.is_subset(&job.leases), PROMISE, || {
            format!("job {id} knows a lease that is not there")
        })?;
        check_parts(scheduler, job)?;
    }
    for (token, batch) in &scheduler.batches {
        let is_known = scheduler.leases.get(&batch.row.shard).is_some_and(|lease| lease.batches.contains(token));
        ensure(is_known, PROMISE, || format!("batch {token} is of no lease"))?;
    }
    Ok(())
}

fn check_holder(scheduler: &Scheduler, lease: &Lease) -> Result<(), Violation> {
    let row = &lease.row;
    let agent = scheduler.agents.table.get(&row.agent);
    let is_held = agent.is_some_and(|agent| agent.life == row.life && agent.held.contains_key(&row.token));
    ensure(is_held, PROMISE, || format!("lease {} is not held by {}", row.token, row.agent))
}

fn check_batches(scheduler: &Scheduler, lease: &Lease) -> Result<(), Violation> {
    for token in &lease.batches {
        let Some(batch) = scheduler.batches.get(token) else {
            return ensure(false, PROMISE, || format!("lease {} names batch {token}", lease.row.token));
        };
        ensure(batch.row.is_over != lease.is_live(), PROMISE, || {
            format!("batch {token} and its lease {} disagree whether they are over", lease.row.token)
        })?;
    }
    Ok(())
}

/// Work and discovery have one live lease at most; a shard's lease is in its suite.
fn check_parts(scheduler: &Scheduler, job: &Job) -> Result<(), Violation> {
    let parts = job.live.iter().filter_map(|token| scheduler.leases.get(token)).map(|lease| lease.row.part);
    let singles = parts.clone().filter(|part| matches!(part, LeasePart::Work | LeasePart::Discovery)).count();
    let shards = parts.filter(|part| matches!(part, LeasePart::Shard(_))).count();
    let known = job.suite.as_deref().map_or(0, |suite| suite.shards.len());
    let is_listed = job.row.sealed.is_some() || job.suite.is_none();
    ensure(singles <= 1 && (singles == 0 || shards == 0 || !is_listed), PROMISE, || {
        format!("job {} has {singles} attempts and {shards} shards", job.row.job)
    })?;
    ensure(shards == known, PROMISE, || format!("job {} has {shards} live shards, {known} known", job.row.job))
}
