//! Work that is not safe to repeat begins at most once, whatever happens to its agent; so no two of it ever overlap.

use std::collections::BTreeMap;

use muster_common::id::JobId;

use crate::history::{Observation, Process, Ran};
use crate::view::{Check, Moment, View};

#[derive(Debug, Default)]
pub(super) struct UnrepeatableWork {
    seen: usize,
    begun: BTreeMap<JobId, Process>,
}

impl Check for UnrepeatableWork {
    fn name(&self) -> &'static str {
        "work that is not safe to repeat begins once"
    }

    fn look(&mut self, view: &View<'_>, _: &Moment<'_>) -> Result<(), String> {
        let all = view.history.all();
        for observed in &all[self.seen..] {
            let Observation::ProcessStarted(process) = &observed.what else { continue };
            if process.is_repeatable || process.work != Ran::Work {
                continue;
            }
            if let Some(first) = self.begun.insert(process.job, *process) {
                return Err(format!("job {} was begun as {first:?} and again as {process:?}", process.job));
            }
        }
        self.seen = all.len();
        Ok(())
    }
}
