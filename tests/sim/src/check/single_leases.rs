//! At most one live lease of each attempt, in the coordinator's own time; a try of a test is held by two live batches at
//! most, of different shards.

use std::collections::{BTreeMap, BTreeSet};

use muster_common::id::{JobId, TestIndex, Token};
use muster_scheduler::{LeasePart, Row};

use super::rows;
use crate::view::{Check, Live, Moment, View};

#[derive(Debug, Default)]
pub(super) struct SingleLeases;

impl Check for SingleLeases {
    fn name(&self) -> &'static str {
        "one live lease of each attempt"
    }

    fn look(&mut self, view: &View<'_>, moment: &Moment<'_>) -> Result<(), String> {
        let Moment::Stepped { coordinator, changes, .. } = moment else { return Ok(()) };
        let Some(live) = rows::live(view, *coordinator) else { return Ok(()) };
        let (mut has_lease, mut has_batch) = (false, false);
        for change in *changes {
            has_lease |= matches!(rows::put(change), Some(Row::Lease(_)));
            has_batch |= matches!(rows::put(change), Some(Row::Batch(_)));
        }
        if has_lease {
            check_leases(live)?;
        }
        if has_batch { check_batches(live) } else { Ok(()) }
    }
}

fn check_leases(live: Live<'_>) -> Result<(), String> {
    let mut held: BTreeMap<(JobId, Option<u32>), Token> = BTreeMap::new();
    for row in rows::leases(live.written).filter(|row| !row.is_over) {
        let shard = match row.part {
            LeasePart::Work | LeasePart::Discovery => None,
            LeasePart::Shard(shard) => Some(shard.0),
        };
        if let Some(other) = held.insert((row.job, shard), row.token) {
            return Err(format!("leases {other} and {} of job {} are both live", row.token, row.job));
        }
        if rows::job(live.written, row.job).is_none_or(|job| job.end.is_some()) {
            return Err(format!("lease {} is live, but job {} has ended", row.token, row.job));
        }
    }
    Ok(())
}

fn check_batches(live: Live<'_>) -> Result<(), String> {
    let mut holders: BTreeMap<(JobId, TestIndex), BTreeSet<Token>> = BTreeMap::new();
    for row in rows::batches(live.written).filter(|row| !row.is_over) {
        for (test, attempt) in &row.tests {
            let known = rows::test(live.written, row.job, *test);
            let ended = known.map_or(0, |known| known.tries.len());
            let is_current = known.is_none_or(|known| known.verdict.is_none()) && ended + 1 == *attempt as usize;
            if !is_current {
                continue;
            }
            let shards = holders.entry((row.job, *test)).or_default();
            if !shards.insert(row.shard) {
                return Err(format!("shard {} holds test {test} of job {} twice", row.shard, row.job));
            }
            if shards.len() > 2 {
                return Err(format!("test {test} of job {} is held by shards {shards:?}", row.job));
            }
        }
    }
    Ok(())
}
