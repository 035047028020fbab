//! Every run ends with what the reference model allows: see [`crate::model`].

use muster_scheduler::Row;

use super::rows;
use crate::disk::Change;
use crate::history::Observation;
use crate::model::{self, Evidence};
use crate::view::{Check, Moment, View};

#[derive(Debug, Default)]
pub(super) struct Verdicts {
    seen: usize,
    evidence: Evidence,
}

impl Check for Verdicts {
    fn name(&self) -> &'static str {
        "every verdict is what the model allows"
    }

    fn look(&mut self, view: &View<'_>, moment: &Moment<'_>) -> Result<(), String> {
        match moment {
            Moment::Stepped { coordinator, changes, .. } => {
                if rows::live(view, *coordinator).is_some() {
                    self.note_times(view, changes);
                }
            }
            Moment::Restored { .. } => {
                if let Some(live) = view.live {
                    self.evidence
                        .keep_times(|job| rows::job(live.written, job).is_none_or(|row| row.started.is_some()));
                }
            }
            Moment::Stepping { .. }
            | Moment::Committed { .. }
            | Moment::Released { .. }
            | Moment::LifeEnded { .. }
            | Moment::Session { .. }
            | Moment::End => {}
        }
        self.follow(view)
    }
}

impl Verdicts {
    fn note_times(&mut self, view: &View<'_>, changes: &[Change]) {
        for change in changes {
            let Some(Row::Job(row)) = rows::put(change) else { continue };
            let times = self.evidence.times_mut(row.job);
            if row.queued.is_some() && times.queued.is_none() {
                times.queued = Some(view.at);
            }
            if row.started.is_some() && times.started.is_none() {
                times.started = Some(view.at);
            }
            if row.end.is_some() {
                times.ended = Some(view.at);
            }
        }
    }

    fn follow(&mut self, view: &View<'_>) -> Result<(), String> {
        let all = view.history.all();
        for observed in &all[self.seen..] {
            match &observed.what {
                Observation::ProcessEnded { process, end } => self.evidence.process_ended(view.plan, process, *end),
                Observation::ReportStored(report) => {
                    let is_it = |plan: &&crate::plan::RunPlan| {
                        plan.request_id == report.run.request_id && plan.spec == report.run.spec
                    };
                    let Some(plan) = view.plan.runs.iter().find(is_it) else {
                        return Err(format!("run {} was never planned", report.run.run));
                    };
                    model::judge(plan, report, &self.evidence)
                        .map_err(|what| format!("run {}: {what}", report.run.run))?;
                }
                _ => {}
            }
        }
        self.seen = all.len();
        Ok(())
    }
}
