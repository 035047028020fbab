//! The state is what its rows say: a life begins with what is stored, writes what it changes, and a scheduler made from
//! the rows of a living one writes the same rows.

use muster_common::id::Epoch;
use muster_scheduler::{Row, Scheduler};

use super::rows;
use crate::view::{Check, Live, Moment, View};

#[derive(Debug, Default)]
pub(super) struct RestoredState {
    steps: u64,
}

impl Check for RestoredState {
    fn name(&self) -> &'static str {
        "the restored state is the live state"
    }

    fn look(&mut self, view: &View<'_>, moment: &Moment<'_>) -> Result<(), String> {
        match moment {
            Moment::Restored { .. } => {
                let Some(live) = view.live else { return Ok(()) };
                if live.written != view.disk.rows() {
                    return Err("a life does not begin with what is stored".to_owned());
                }
                agree(live, live.scheduler)
            }
            Moment::Stepped { coordinator, .. } => {
                let Some(live) = rows::live(view, *coordinator) else { return Ok(()) };
                self.steps += 1;
                // As often as the size of the state allows.
                if !self.steps.is_multiple_of(1 + live.written.len() as u64) {
                    return Ok(());
                }
                agree(live, live.scheduler)?;
                let stored = live.written.values().map(|row| Row::clone(row));
                let next = Epoch(live.epoch.0 + 1);
                let restored = Scheduler::restore(view.plan.scheduler.clone(), next, stored, live.now);
                agree(live, &restored.map_err(|error| error.to_string())?)
            }
            Moment::Stepping { .. }
            | Moment::Committed { .. }
            | Moment::Released { .. }
            | Moment::LifeEnded { .. }
            | Moment::Session { .. }
            | Moment::End => Ok(()),
        }
    }
}

fn agree(live: Live<'_>, scheduler: &Scheduler) -> Result<(), String> {
    let state = scheduler.durable_view();
    for (key, row) in &state {
        if live.written.get(key).is_none_or(|written| **written != *row) {
            return Err(format!("the state has {row:?}, written is {:?}", live.written.get(key)));
        }
    }
    let more = live.written.keys().find(|key| rows::is_of_open_run(key) && !state.contains_key(key));
    more.map_or(Ok(()), |key| Err(format!("{key:?} is written and not in the state")))
}
