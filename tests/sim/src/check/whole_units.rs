//! Tests that stay together are dealt together: a unit goes out whole and in the order of the list, and no two shards
//! hold tests of it at one time.

use std::collections::{BTreeMap, BTreeSet};

use muster_common::id::{JobId, Token};
use muster_common::limits::TESTS_PER_MESSAGE_MAX;
use muster_scheduler::{BatchRow, Row};

use super::bonds::{Bonds, JobBonds};
use super::rows;
use crate::view::{Check, Live, Moment, View};

#[derive(Debug, Default)]
pub(super) struct WholeUnits {
    bonds: Bonds,
    known: BTreeSet<Token>,
    /// Units of which a test was dealt.
    dealt: BTreeSet<(JobId, String)>,
}

impl Check for WholeUnits {
    fn name(&self) -> &'static str {
        "tests that stay together are dealt together"
    }

    fn look(&mut self, view: &View<'_>, moment: &Moment<'_>) -> Result<(), String> {
        if let Moment::Restored { .. } = moment {
            self.bonds.clear();
        }
        let Moment::Stepped { coordinator, changes, .. } = moment else { return Ok(()) };
        let Some(live) = rows::live(view, *coordinator) else { return Ok(()) };
        for change in *changes {
            let Some(Row::Batch(row)) = rows::put(change) else { continue };
            let Some(bonds) = self.bonds.of(live, row.job) else { continue };
            if self.known.insert(row.token) && !row.is_over {
                self.is_whole(&bonds, row)?;
                is_alone(live, &bonds, row.job)?;
            }
        }
        Ok(())
    }
}

impl WholeUnits {
    fn is_whole(&mut self, bonds: &JobBonds, row: &BatchRow) -> Result<(), String> {
        let mut units: BTreeMap<String, Vec<_>> = BTreeMap::new();
        for (test, _) in &row.tests {
            if let Some(unit) = bonds.bond(*test).unit {
                units.entry(unit).or_default().push(*test);
            }
        }
        for (unit, tests) in units {
            if !tests.is_sorted() {
                return Err(format!("batch {} has the tests of {unit} in the order {tests:?}", row.token));
            }
            let all = bonds.unit(&unit);
            let is_first = self.dealt.insert((row.job, unit.clone()));
            if is_first && tests != all && all.len() <= TESTS_PER_MESSAGE_MAX {
                return Err(format!("batch {} has {tests:?} of {unit}, which is {all:?}", row.token));
            }
        }
        Ok(())
    }
}

/// No unit of a job is held by two shards.
fn is_alone(live: Live<'_>, bonds: &JobBonds, job: JobId) -> Result<(), String> {
    let mut holders: BTreeMap<String, Token> = BTreeMap::new();
    for row in rows::batches(live.written).filter(|row| !row.is_over && row.job == job) {
        for (test, attempt) in &row.tests {
            let known = rows::test(live.written, job, *test);
            let ended = known.map_or(0, |known| known.tries.len());
            let is_open = known.is_none_or(|known| known.verdict.is_none()) && ended + 1 == *attempt as usize;
            let Some(unit) = bonds.bond(*test).unit.filter(|_| is_open) else { continue };
            let shard = *holders.entry(unit.clone()).or_insert(row.shard);
            if shard != row.shard {
                return Err(format!("{unit} of job {job} is held by shards {shard} and {}", row.shard));
            }
        }
    }
    Ok(())
}
