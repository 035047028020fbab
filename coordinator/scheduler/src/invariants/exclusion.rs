//! Tests that stay together are held by one shard; of a group no more are held than may run; what could be dealt is.

use std::collections::{BTreeMap, BTreeSet};

use muster_common::id::{JobId, TestIndex, Token};

use super::{Violation, ensure};
use crate::Scheduler;
use crate::deadlines::Deadline;
use crate::state::{GroupSet, Suite};

const TOGETHER: &str = "tests that stay together are held by one shard";
const PLACES: &str = "no more tests of a group are held than may run";
const WOKEN: &str = "no shard idles while a test could be dealt";

pub(super) fn check(scheduler: &Scheduler) -> Result<(), Violation> {
    for (id, job) in scheduler.jobs.iter().filter(|(_, job)| !job.has_ended()) {
        let Some(suite) = job.suite.as_deref() else { continue };
        check_units(scheduler, *id, suite)?;
        check_places(scheduler, *id, suite)?;
        if job.row.sealed.is_some() && job.stop.is_none() && !scheduler.pending.offers.contains(id) {
            check_idle(scheduler, *id, suite)?;
        }
    }
    check_silent(scheduler)
}

fn check_units(scheduler: &Scheduler, id: JobId, suite: &Suite) -> Result<(), Violation> {
    for unit in suite.units.iter() {
        let mut shards = BTreeSet::new();
        let mut live = 0;
        for test in &unit.tests {
            let holders = &suite.test(*test).live;
            live += u32::from(!holders.is_empty());
            shards.extend(holders.iter().filter_map(|token| scheduler.batches.get(token)).map(|batch| batch.row.shard));
        }
        let first = unit.tests[0];
        ensure(live == unit.live(), TOGETHER, || {
            format!("{live} tests of the unit of test {first} of job {id} are held, {} are counted", unit.live())
        })?;
        ensure(shards.len() <= 1, TOGETHER, || format!("the unit of test {first} of job {id} is held by {shards:?}"))?;
        let kept = unit.held_back().find(|test| live == 0 || !suite.is_waiting(*test));
        ensure(kept.is_none(), TOGETHER, || format!("test {kept:?} of job {id} waits for nothing"))?;
    }
    Ok(())
}

fn check_places(scheduler: &Scheduler, id: JobId, suite: &Suite) -> Result<(), Violation> {
    let mut expected: BTreeMap<u32, BTreeMap<Token, u32>> = BTreeMap::new();
    let mut hold = |groups: GroupSet, token: Token| {
        for group in groups.iter() {
            *expected.entry(group).or_default().entry(token).or_default() += 1;
        }
    };
    for (token, batch) in scheduler.batches.iter().filter(|(_, batch)| batch.row.job == id && !batch.row.is_over) {
        let groups: BTreeSet<GroupSet> = batch.open.iter().map(|test| suite.test(*test).groups).collect();
        ensure(groups.len() <= 1, PLACES, || format!("batch {token} has tests of different groups: {groups:?}"))?;
        // A test that is held twice is of no group.
        batch.open.iter().for_each(|test| hold(suite.test(*test).groups, *token));
    }
    for (token, lease) in scheduler.leases.iter().filter(|(_, lease)| lease.row.job == id) {
        hold(lease.row.places, *token);
    }
    let counted: BTreeMap<u32, BTreeMap<Token, u32>> =
        suite.places.by_group().map(|(group, _, holders)| (group, holders.clone())).collect();
    ensure(expected == counted, PLACES, || format!("job {id} has {expected:?} in its groups and counts {counted:?}"))?;
    let over = suite.places.by_group().find(|(_, limit, holders)| holders.len() > *limit);
    ensure(over.is_none(), PLACES, || format!("job {id} has more than may run: {over:?}"))?;
    let twice = (0..).map(TestIndex).zip(&suite.tests).find(|(_, test)| test.is_bound && test.live.len() > 1);
    ensure(twice.is_none(), PLACES, || format!("job {id} has a bound test that is held twice: {twice:?}"))
}

/// Tests that may be dealt many at a time go to any shard; one that is to run elsewhere may wait for that.
fn check_idle(scheduler: &Scheduler, id: JobId, suite: &Suite) -> Result<(), Violation> {
    let could_take = |shard: &&Token| {
        let agent = suite.shards.get(*shard).and_then(|shard| scheduler.agents.table.get(&shard.agent));
        agent.is_some_and(|agent| agent.session.is_some() && agent.takes_work())
    };
    let idle = suite.idle.iter().find(could_take);
    let bulk = suite.bulk();
    ensure(bulk == 0 || idle.is_none(), WOKEN, || format!("shard {idle:?} of job {id} idles, {bulk} tests wait"))
}

fn check_silent(scheduler: &Scheduler) -> Result<(), Violation> {
    let mut silent: BTreeMap<_, BTreeSet<Token>> = BTreeMap::new();
    for (token, lease) in scheduler.leases.iter().filter(|(_, lease)| !lease.row.places.is_empty()) {
        ensure(lease.row.is_over && scheduler.deadlines.is_set(&Deadline::Places(*token)), PLACES, || {
            format!("lease {token} keeps its places for ever")
        })?;
        silent.entry(lease.row.agent.clone()).or_default().insert(*token);
    }
    ensure(silent == scheduler.agents.silent, PLACES, || {
        format!("{silent:?} keep their places, {:?} are known", scheduler.agents.silent)
    })
}
