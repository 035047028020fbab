//! Shards that begin before the list of their tests is sealed: none is dealt a test before it is, none is leased where
//! another job waits for the slot, and with the discovery they are no more than their job may have.

use muster_common::control::ToAgent;
use muster_common::spec::Work;
use muster_scheduler::{Effect, LeaseRow, Row};

use super::line::{self, Line};
use super::rows;
use crate::view::{Check, Live, Moment, View};

#[derive(Debug, Default)]
pub(super) struct EarlyShards {
    line: Line,
    known: std::collections::BTreeSet<muster_common::id::Token>,
}

impl Check for EarlyShards {
    fn name(&self) -> &'static str {
        "shards without a list get no tests and stand in nobody's way"
    }

    fn look(&mut self, view: &View<'_>, moment: &Moment<'_>) -> Result<(), String> {
        self.line.look(view, moment);
        if let (Moment::Restored { .. }, Some(live)) = (moment, view.live) {
            self.known.extend(rows::leases(live.written).map(|row| row.token));
        }
        let Moment::Stepped { coordinator, changes, effects } = moment else { return Ok(()) };
        let Some(live) = rows::live(view, *coordinator) else { return Ok(()) };
        for change in *changes {
            match rows::put(change) {
                Some(Row::Batch(row)) if is_unsealed(live, row.job) => {
                    return Err(format!("batch {} of job {} was dealt before its list was sealed", row.token, row.job));
                }
                Some(Row::Lease(row)) if self.known.insert(row.token) && !row.is_over => self.leased(live, row)?,
                Some(_) | None => {}
            }
        }
        effects.iter().try_for_each(|effect| sent(live, effect))
    }
}

impl EarlyShards {
    fn leased(&self, live: Live<'_>, row: &LeaseRow) -> Result<(), String> {
        if !line::is_early(live, row) {
            return Ok(());
        }
        let of_job = rows::leases(live.written).filter(|other| !other.is_over && other.job == row.job).count();
        let max = rows::spec(live.written, row.job).map_or(1, |spec| match &spec.work {
            Work::Tests(tests) => tests.parallel.map_or(usize::MAX, |parallel| parallel.max(1) as usize),
            Work::Steps(_) | Work::TestBuild(_) => 1,
        });
        if of_job > max {
            return Err(format!("job {} has {of_job} slots and no list, {max} are allowed", row.job));
        }
        let Some(member) = self.line.fleet.members().find(|member| member.agent == row.agent) else { return Ok(()) };
        let waiting = self.line.waiting(live);
        let passed = waiting.iter().find(|job| self.line.fits(live, job.job, member));
        passed.map_or(Ok(()), |job| {
            Err(format!(
                "shard {} of job {} has no list and takes a slot that job {} waits for",
                row.token, row.job, job.job
            ))
        })
    }
}

fn sent(live: Live<'_>, effect: &Effect) -> Result<(), String> {
    let Effect::Send { message: ToAgent::Batch(batch), .. } = effect else { return Ok(()) };
    let lease = rows::lease(live.written, batch.shard);
    match lease.filter(|lease| !batch.tests.is_empty() && is_unsealed(live, lease.job)) {
        Some(lease) => {
            Err(format!("{} tests of job {} are sent before its list is sealed", batch.tests.len(), lease.job))
        }
        None => Ok(()),
    }
}

fn is_unsealed(live: Live<'_>, job: muster_common::id::JobId) -> bool {
    rows::job(live.written, job).is_none_or(|job| job.sealed.is_none())
}
