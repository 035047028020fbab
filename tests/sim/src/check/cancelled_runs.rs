//! Cancel wins over retry: a run that somebody stopped gets no further lease and no further batch.

use std::collections::BTreeSet;

use muster_common::id::Token;
use muster_scheduler::Row;

use super::rows;
use crate::view::{Check, Moment, View};

#[derive(Debug, Default)]
pub(super) struct CancelledRuns {
    known: BTreeSet<Token>,
}

impl Check for CancelledRuns {
    fn name(&self) -> &'static str {
        "cancel wins over retry"
    }

    fn look(&mut self, view: &View<'_>, moment: &Moment<'_>) -> Result<(), String> {
        if let (Moment::Restored { .. }, Some(live)) = (moment, view.live) {
            self.known.extend(rows::leases(live.written).map(|row| row.token));
            self.known.extend(rows::batches(live.written).map(|row| row.token));
        }
        let Moment::Stepped { coordinator, changes, .. } = moment else { return Ok(()) };
        let Some(live) = rows::live(view, *coordinator) else { return Ok(()) };
        for change in *changes {
            let (token, job) = match rows::put(change) {
                Some(Row::Lease(row)) => (row.token, row.job),
                Some(Row::Batch(row)) => (row.token, row.job),
                Some(_) | None => continue,
            };
            let is_new = self.known.insert(token);
            if is_new && rows::run(live.written, job.run).is_some_and(|run| run.is_cancel_requested) {
                return Err(format!("run {} is cancelled, and its job {job} is given {token}", job.run));
            }
        }
        Ok(())
    }
}
