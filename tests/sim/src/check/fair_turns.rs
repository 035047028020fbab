//! No starvation. A job that holds nothing, and could run on the agent that has a slot, is not passed over again and again:
//!
//! - within its project for a further slot of a job that holds some already, whatever agents that one asks for;
//! - where its project holds nothing at all, for a job of a project that holds some, or of a younger run.
//!
//! Where nobody holds anything the older run goes first, however many jobs it has: a fleet of one slot works run by run.
//! Lost work goes before everything else.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use muster_common::id::{JobId, Token};
use muster_scheduler::{LeaseRow, Row};

use super::line::Line;
use super::rows;
use crate::view::{Check, Live, Moment, View};

#[derive(Debug, Default)]
pub(super) struct FairTurns {
    line: Line,
    known: BTreeSet<Token>,
    /// How often each waiting job was passed over.
    passed: BTreeMap<JobId, u32>,
    /// When a project last held a slot.
    held: BTreeMap<String, Duration>,
}

impl Check for FairTurns {
    fn name(&self) -> &'static str {
        "nobody is passed over for ever"
    }

    fn look(&mut self, view: &View<'_>, moment: &Moment<'_>) -> Result<(), String> {
        self.line.look(view, moment);
        if let (Moment::Restored { .. }, Some(live)) = (moment, view.live) {
            self.known.extend(rows::leases(live.written).map(|row| row.token));
            self.passed.clear();
        }
        let Moment::Stepped { coordinator, changes, .. } = moment else { return Ok(()) };
        let Some(live) = rows::live(view, *coordinator) else { return Ok(()) };
        let mut granted = Vec::new();
        for change in *changes {
            if let Some(Row::Lease(row)) = rows::put(change)
                && self.known.insert(row.token)
                && !row.is_over
            {
                granted.push(&**row);
            }
        }
        if granted.is_empty() {
            return Ok(());
        }
        for row in
            rows::leases(live.written).filter(|row| !row.is_over && !granted.iter().any(|new| new.token == row.token))
        {
            if let Some(project) = project(live, row.job) {
                self.held.insert(project, view.at);
            }
        }
        granted.into_iter().try_for_each(|row| self.grant(view, live, row))
    }
}

impl FairTurns {
    fn grant(&mut self, view: &View<'_>, live: Live<'_>, row: &LeaseRow) -> Result<(), String> {
        self.passed.remove(&row.job);
        let has_lost = rows::job(live.written, row.job).is_none_or(|job| job.lost > 0);
        let Some(member) = self.line.fleet.members().find(|member| member.agent == row.agent) else { return Ok(()) };
        if has_lost {
            return Ok(());
        }
        let others = rows::leases(live.written).filter(|other| !other.is_over && other.job == row.job).count();
        let Some(winner) = project(live, row.job) else { return Ok(()) };
        let slots = rows::leases(live.written)
            .filter(|other| !other.is_over && project(live, other.job).as_ref() == Some(&winner))
            .count();
        // A slot whose lease is over counts until its agent has given it back.
        let rested = view.plan.scheduler.stop_grace + Duration::from_secs(30);
        let waiting = self.line.waiting(live);
        for job in waiting.iter().filter(|job| self.line.fits(live, job.job, member)) {
            let Some(loser) = project(live, job.job) else { continue };
            let is_passed = if loser == winner {
                others > 1
            } else {
                self.held.get(&loser).is_none_or(|at| view.at.saturating_sub(*at) > rested)
                    && (slots > 1 || job.job.run < row.job.run)
            };
            if is_passed {
                let times = self.passed.entry(job.job).or_default();
                *times += 1;
                if *times > PASSED_MAX {
                    return Err(format!("job {} was passed over {times} times, now for job {}", job.job, row.job));
                }
            }
        }
        Ok(())
    }
}

fn project(live: Live<'_>, job: JobId) -> Option<String> {
    rows::run(live.written, job.run).map(|run| run.spec.project.clone())
}

/// Within one step several slots are given out, and all are seen with what comes of the last.
const PASSED_MAX: u32 = 30;
