//! A job runs only where its requirements hold.

use std::collections::BTreeSet;

use muster_common::id::Token;
use muster_common::requirement::all_hold;
use muster_scheduler::Row;

use super::rows;
use crate::view::{Check, Moment, View};

#[derive(Debug, Default)]
pub(super) struct Requirements {
    known: BTreeSet<Token>,
}

impl Check for Requirements {
    fn name(&self) -> &'static str {
        "a job runs only where its requirements hold"
    }

    fn look(&mut self, view: &View<'_>, moment: &Moment<'_>) -> Result<(), String> {
        let Moment::Stepped { coordinator, changes, .. } = moment else { return Ok(()) };
        let Some(live) = rows::live(view, *coordinator) else { return Ok(()) };
        for change in *changes {
            let Some(Row::Lease(row)) = rows::put(change) else { continue };
            if !self.known.insert(row.token) {
                continue;
            }
            let planned = view.plan.agents.iter().find(|planned| planned.agent == row.agent);
            let spec = rows::spec(live.written, row.job);
            let (Some(planned), Some(spec)) = (planned, spec) else {
                return Err(format!("lease {} is of agent {} and job {}", row.token, row.agent, row.job));
            };
            if !all_hold(&spec.requirements, &planned.labels) {
                return Err(format!("job {} asks for {:?} and is leased to {}", row.job, spec.requirements, row.agent));
            }
        }
        Ok(())
    }
}
