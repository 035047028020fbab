//! Work that is not safe to repeat has stopped before anybody is told that its end is unknown: whoever then begins it
//! again by hand does not overlap with it. Holds though its agent stands still or its clock drifts.

use std::collections::BTreeMap;

use muster_common::error_code::ReasonCode;
use muster_common::id::JobId;
use muster_scheduler::Row;

use super::rows;
use crate::history::{Observation, Process, Ran};
use crate::view::{Check, Moment, View};

#[derive(Debug, Default)]
pub(super) struct StoppedWork {
    seen: usize,
    running: BTreeMap<JobId, Process>,
}

impl Check for StoppedWork {
    fn name(&self) -> &'static str {
        "work whose end is unknown has stopped"
    }

    fn look(&mut self, view: &View<'_>, moment: &Moment<'_>) -> Result<(), String> {
        let all = view.history.all();
        for observed in &all[self.seen..] {
            match &observed.what {
                Observation::ProcessStarted(process) if !process.is_repeatable && process.work == Ran::Work => {
                    self.running.insert(process.job, *process);
                }
                Observation::ProcessEnded { process, .. } if self.running.get(&process.job) == Some(process) => {
                    self.running.remove(&process.job);
                }
                _ => {}
            }
        }
        self.seen = all.len();
        let Moment::Stepped { coordinator, changes, .. } = moment else { return Ok(()) };
        if rows::live(view, *coordinator).is_none() {
            return Ok(());
        }
        for change in *changes {
            let Some(Row::Job(row)) = rows::put(change) else { continue };
            let reason = row.end.as_ref().and_then(|end| end.reason.as_ref());
            if let (Some(reason), Some(process)) = (reason, self.running.get(&row.job))
                && reason.code == ReasonCode::OutcomeUnknown
            {
                return Err(format!("job {} has ended ({}), and {process:?} still runs", row.job, reason.message));
            }
        }
        Ok(())
    }
}
