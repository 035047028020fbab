//! A job is leased only when everything that it needs has ended, and has passed where nothing else is said.

use std::collections::BTreeSet;

use muster_common::id::{JobId, JobIndex, Token};
use muster_common::outcome::Outcome;
use muster_scheduler::{LeaseRow, Row};

use super::rows;
use crate::view::{Check, Live, Moment, View};

#[derive(Debug, Default)]
pub(super) struct DependencyOrder {
    known: BTreeSet<Token>,
}

impl Check for DependencyOrder {
    fn name(&self) -> &'static str {
        "needs end before what needs them begins"
    }

    fn look(&mut self, view: &View<'_>, moment: &Moment<'_>) -> Result<(), String> {
        let Moment::Stepped { coordinator, changes, .. } = moment else { return Ok(()) };
        let Some(live) = rows::live(view, *coordinator) else { return Ok(()) };
        for change in *changes {
            if let Some(Row::Lease(row)) = rows::put(change)
                && self.known.insert(row.token)
            {
                check_needs(live, row)?;
            }
        }
        Ok(())
    }
}

fn check_needs(live: Live<'_>, row: &LeaseRow) -> Result<(), String> {
    let Some(run) = rows::run(live.written, row.job.run) else { return Err(format!("job {} has no run", row.job)) };
    let Some(spec) = run.spec.jobs.get(row.job.job.0 as usize) else {
        return Err(format!("there is no job {}", row.job));
    };
    for (place, need) in (0..).zip(&run.spec.jobs) {
        if !spec.needs.contains(&need.name) {
            continue;
        }
        let job = JobId { run: row.job.run, job: JobIndex(place) };
        let end = rows::job(live.written, job).and_then(|found| found.end.as_ref());
        let Some(end) = end else { return Err(format!("job {} is leased before its need {job} has ended", row.job)) };
        let is_good = match end.outcome {
            Outcome::Passed => true,
            Outcome::Failed | Outcome::TimedOut | Outcome::Errored => need.may_fail,
            Outcome::Skipped | Outcome::Cancelled => false,
        };
        if spec.condition.is_none() && !is_good {
            return Err(format!("job {} is leased although its need {job} ended {:?}", row.job, end.outcome));
        }
    }
    Ok(())
}
