//! The scheduler's own invariants: every index says what the tables say, and everything that could wait for ever has a
//! deadline.

use muster_scheduler::invariants;

use super::rows;
use crate::view::{Check, Moment, View};

#[derive(Debug, Default)]
pub(super) struct OwnInvariants {
    steps: u64,
}

impl Check for OwnInvariants {
    fn name(&self) -> &'static str {
        "the scheduler's own invariants"
    }

    fn look(&mut self, view: &View<'_>, moment: &Moment<'_>) -> Result<(), String> {
        let live = match moment {
            Moment::Stepped { coordinator, .. } => rows::live(view, *coordinator),
            Moment::Restored { .. } | Moment::End => view.live,
            Moment::Stepping { .. }
            | Moment::Committed { .. }
            | Moment::Released { .. }
            | Moment::LifeEnded { .. }
            | Moment::Session { .. } => None,
        };
        let Some(live) = live else { return Ok(()) };
        self.steps += 1;
        // Every step of a small state; of a large one as often as its size allows.
        if !self.steps.is_multiple_of(1 + live.written.len() as u64 / ROWS_PER_STEP) {
            return Ok(());
        }
        invariants::check(live.scheduler).map_err(|violation| violation.to_string())
    }
}

const ROWS_PER_STEP: u64 = 64;
