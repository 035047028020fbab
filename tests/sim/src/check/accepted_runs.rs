//! An accepted run survives any crash: once its client has been told, it is stored, with what was submitted, until it is
//! retired; and when everything is over it has ended.

use std::collections::BTreeMap;

use muster_common::id::RunId;
use muster_scheduler::Key;

use super::rows;
use crate::disk::Change;
use crate::history::Observation;
use crate::view::{Check, Moment, View};

#[derive(Debug, Default)]
pub(super) struct AcceptedRuns {
    seen: usize,
    /// Accepted runs, with their places in the plan.
    accepted: BTreeMap<RunId, usize>,
    /// Those of them whose report is stored.
    reported: BTreeMap<RunId, ()>,
}

impl Check for AcceptedRuns {
    fn name(&self) -> &'static str {
        "an accepted run reaches its verdict"
    }

    fn look(&mut self, view: &View<'_>, moment: &Moment<'_>) -> Result<(), String> {
        self.follow(view)?;
        match moment {
            Moment::Restored { .. } => self.accepted.keys().try_for_each(|run| self.is_kept(view, *run)),
            Moment::Committed { changes, .. } => {
                for change in *changes {
                    if let Change::Delete(Key::Run(run)) = change
                        && !self.reported.contains_key(run)
                    {
                        return Err(format!("run {run} is removed and its report was never stored"));
                    }
                }
                Ok(())
            }
            Moment::End => {
                let left = self.accepted.keys().find(|run| !self.reported.contains_key(run));
                left.map_or(Ok(()), |run| {
                    let open: Vec<String> = view
                        .live
                        .iter()
                        .flat_map(|live| rows::jobs(live.written))
                        .filter(|job| job.job.run == *run && job.end.is_none())
                        .map(|job| format!("{job:?}"))
                        .collect();
                    Err(format!("run {run} has no verdict; open jobs: {open:?}"))
                })
            }
            Moment::Stepping { .. }
            | Moment::Stepped { .. }
            | Moment::Released { .. }
            | Moment::LifeEnded { .. }
            | Moment::Session { .. } => Ok(()),
        }
    }
}

impl AcceptedRuns {
    fn follow(&mut self, view: &View<'_>) -> Result<(), String> {
        let all = view.history.all();
        for observed in &all[self.seen..] {
            match &observed.what {
                Observation::Submitted { plan, run, is_duplicate } => {
                    if !is_duplicate {
                        self.accepted.insert(*run, *plan);
                    }
                    self.is_kept(view, *run)?;
                    if let Some(row) = rows::run(view.disk.rows(), *run)
                        && !is_duplicate
                        && row.spec != view.plan.runs[*plan].spec
                    {
                        return Err(format!("run {run} is not what planned run {plan} submitted"));
                    }
                }
                Observation::ReportStored(report) => {
                    self.reported.insert(report.run.run, ());
                }
                _ => {}
            }
        }
        self.seen = all.len();
        Ok(())
    }

    fn is_kept(&self, view: &View<'_>, run: RunId) -> Result<(), String> {
        let rows = view.disk.rows();
        let is_there = rows.contains_key(&Key::Run(run)) || rows.contains_key(&Key::History(run));
        if is_there || self.reported.contains_key(&run) {
            Ok(())
        } else {
            Err(format!("run {run} was accepted and is not stored"))
        }
    }
}
