//! Every test of a sealed discovery is decided, held or waiting, and in one place only; the sums agree; none is held
//! more often than it may be.

use super::{Violation, ensure};
use crate::Scheduler;
use crate::state::{Job, Suite, Test};
use muster_common::id::{JobId, TestIndex};
use muster_common::outcome::{Outcome, TestVerdict};

const PLACE: &str = "every test is decided, held or waiting";
const SEAL: &str = "nothing is dealt before the list is sealed";
const SUMS: &str = "no false green";
const COPIES: &str = "a test has two live attempts only while it is hedged";

pub(super) fn check(scheduler: &Scheduler) -> Result<(), Violation> {
    for (id, job) in &scheduler.jobs {
        let Some(suite) = job.suite.as_deref() else { continue };
        check_sums(*id, job, suite)?;
        check_unsealed(scheduler, *id, job, suite)?;
        if !job.has_ended() {
            check_places(scheduler, *id, suite)?;
            check_shards(scheduler, *id, suite)?;
        }
    }
    Ok(())
}

/// Nothing is dealt of a list that is not sealed.
fn check_unsealed(scheduler: &Scheduler, id: JobId, job: &Job, suite: &Suite) -> Result<(), Violation> {
    if job.row.sealed.is_some() || job.has_ended() {
        return Ok(());
    }
    let dealt =
        job.leases.iter().filter_map(|token| scheduler.leases.get(token)).find(|lease| !lease.batches.is_empty());
    ensure(dealt.is_none() && suite.tests.is_empty(), SEAL, || format!("job {id} has no list, and {dealt:?} was dealt"))
}

fn check_sums(id: JobId, job: &Job, suite: &Suite) -> Result<(), Violation> {
    let verdict = |wanted: TestVerdict| suite.tests.iter().filter(|test| test.verdict == Some(wanted)).count();
    let sums = suite.verdicts;
    for (found, sum) in [
        (verdict(TestVerdict::Passed), sums.passed),
        (verdict(TestVerdict::Failed), sums.failed),
        (verdict(TestVerdict::Flaky), sums.flaky),
        (verdict(TestVerdict::Skipped), sums.skipped),
        (verdict(TestVerdict::Errored), sums.errored),
        (suite.tests.iter().filter(|test| is_excused(test)).count(), sums.quarantined),
    ] {
        ensure(found == sum as usize, SUMS, || format!("job {id} has {found} verdicts where it counts {sum}"))?;
    }
    let sealed = job.row.sealed.map(|sealed| sealed as usize);
    ensure(sealed.is_none_or(|sealed| sealed == suite.tests.len()), SUMS, || {
        format!("job {id} is sealed with {sealed:?} tests and has {}", suite.tests.len())
    })?;
    let has_passed = job.row.end.as_ref().is_some_and(|end| end.outcome == Outcome::Passed);
    let is_good = |test: &Test| is_excused(test) || test.verdict.is_some_and(TestVerdict::is_good);
    let is_all_good = suite.tests.iter().all(is_good);
    ensure(!has_passed || (sealed.is_some() && !suite.tests.is_empty() && is_all_good), SUMS, || {
        format!("job {id} has passed, but not all of its tests have a good verdict")
    })
}

fn is_excused(test: &Test) -> bool {
    test.verdict == Some(TestVerdict::Failed) && test.known.is_quarantined
}

fn check_places(scheduler: &Scheduler, id: JobId, suite: &Suite) -> Result<(), Violation> {
    let alone: std::collections::BTreeSet<TestIndex> = suite.alone.iter().collect();
    let mut dealt = 0;
    for (index, test) in (0..).map(TestIndex).zip(&suite.tests) {
        let rank = (test.rank, index);
        let is_in_line = suite.lines.get(&test.groups).is_some_and(|line| line.contains(rank));
        let is_plain = suite.fresh.contains(rank) || suite.front.contains(rank);
        ensure(!is_plain || test.groups.is_empty(), PLACE, || format!("test {index} of job {id} is in a wrong line"))?;
        let is_held_back = suite.units.is_held_back(index);
        let plain = [suite.fresh.contains(rank), suite.front.contains(rank)];
        let waits = [plain[0], plain[1], is_in_line, alone.contains(&index), is_held_back];
        let waits = waits.into_iter().filter(|waits| *waits).count();
        let places = waits + usize::from(!test.live.is_empty()) + usize::from(test.verdict.is_some());
        ensure(places == 1, PLACE, || format!("test {index} of job {id} is in {places} places: {test:?}"))?;
        ensure(test.live.len() <= 2, COPIES, || format!("test {index} of job {id} is held by {:?}", test.live))?;
        dealt += u32::from(!test.live.is_empty());
        for (tokens, is_over) in [(&test.live, false), (&test.past, true)] {
            for token in tokens {
                let holds = scheduler.batches.get(token).is_some_and(|batch| {
                    batch.row.is_over == is_over
                        && batch.open.contains(&index)
                        && batch.attempts.get(&index) == Some(&test.attempt())
                });
                ensure(holds, PLACE, || format!("test {index} of job {id} names batch {token}, which has it not"))?;
            }
        }
    }
    ensure(dealt == suite.dealt, SUMS, || format!("job {id} has {dealt} tests dealt and counts {}", suite.dealt))?;
    for (token, batch) in scheduler.batches.iter().filter(|(_, batch)| batch.row.job == id) {
        ensure(!batch.open.is_empty(), PLACE, || format!("batch {token} is kept for nothing"))?;
        for test in &batch.open {
            let known = if batch.row.is_over { &suite.test(*test).past } else { &suite.test(*test).live };
            ensure(known.contains(token), PLACE, || {
                format!("batch {token} holds test {test}, which does not know it")
            })?;
        }
    }
    Ok(())
}

fn check_shards(scheduler: &Scheduler, id: JobId, suite: &Suite) -> Result<(), Violation> {
    for (token, shard) in &suite.shards {
        let batches = scheduler.batches_of(*token);
        let open: usize = batches.values().map(|batch| batch.open.len()).sum();
        ensure(open == shard.open as usize, PLACE, || {
            format!("shard {token} of job {id} holds {open} tests and counts {}", shard.open)
        })?;
        let is_idle = scheduler.agents.table.get(&shard.agent).is_some_and(|agent| agent.idle.contains(token));
        let is_early = scheduler.job(id).row.sealed.is_none() && !shard.is_dismissed;
        ensure(is_idle == (suite.is_idle(*token) || is_early), PLACE, || {
            format!("shard {token} of job {id} is wrongly marked idle")
        })?;
        let should_idle = shard.open == 0 && !shard.is_dismissed && suite.asking.contains(token);
        ensure(should_idle == suite.is_idle(*token), PLACE, || format!("shard {token} is wrongly counted as idle"))?;
        let is_coming = shard.open == 0 && !shard.is_dismissed && !suite.asking.contains(token);
        ensure(is_coming == suite.coming.contains(token), PLACE, || format!("shard {token} is wrongly marked coming"))?;
    }
    let is_known = |token: &muster_common::id::Token| suite.shards.contains_key(token);
    let all_known = suite.asking.iter().all(is_known) && suite.coming.iter().all(is_known);
    ensure(all_known, PLACE, || format!("job {id} awaits a shard that is not there"))
}
