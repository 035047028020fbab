//! Of a group no more tests run at one time than may, over all agents: told from the processes that run, be their
//! agents cut off, frozen or given up for lost.

use std::collections::BTreeMap;

use muster_common::control::ToAgent;
use muster_common::id::{JobId, TestIndex, Token};
use muster_scheduler::Effect;

use super::bonds::Bonds;
use super::rows;
use crate::history::{Observation, Process, Ran};
use crate::view::{Check, Moment, View};

#[derive(Debug, Default)]
pub(super) struct ExclusiveGroups {
    bonds: Bonds,
    /// Limits of the groups of each test that was dealt, by their places.
    dealt: BTreeMap<(Token, TestIndex), Vec<(usize, u32)>>,
    running: BTreeMap<(JobId, usize), Vec<Process>>,
    seen: usize,
}

impl Check for ExclusiveGroups {
    fn name(&self) -> &'static str {
        "no more tests of a group run than may"
    }

    fn look(&mut self, view: &View<'_>, moment: &Moment<'_>) -> Result<(), String> {
        self.follow_processes(view)?;
        match moment {
            Moment::Restored { .. } => self.bonds.clear(),
            Moment::Stepped { coordinator, effects, .. } => {
                let Some(live) = rows::live(view, *coordinator) else { return Ok(()) };
                for effect in *effects {
                    let Effect::Send { message: ToAgent::Batch(batch), .. } = effect else { continue };
                    let Some(row) = rows::batch(live.written, batch.token) else { continue };
                    let Some(bonds) = self.bonds.of(live, row.job) else { continue };
                    for dealt in &batch.tests {
                        let groups = bonds.bond(dealt.test).groups;
                        let limits = groups.into_iter().map(|group| (group, bonds.limits[group])).collect();
                        self.dealt.insert((batch.token, dealt.test), limits);
                    }
                }
            }
            Moment::Stepping { .. }
            | Moment::Committed { .. }
            | Moment::Released { .. }
            | Moment::LifeEnded { .. }
            | Moment::Session { .. }
            | Moment::End => {}
        }
        Ok(())
    }
}

impl ExclusiveGroups {
    fn follow_processes(&mut self, view: &View<'_>) -> Result<(), String> {
        let all = view.history.all();
        for observed in &all[self.seen..] {
            match &observed.what {
                Observation::ProcessStarted(process) => self.begin(*process)?,
                Observation::ProcessEnded { process, .. } => self.end(|other| other == process),
                Observation::AgentKilled { agent } => self.end(|process| process.agent == *agent),
                Observation::Submitted { .. }
                | Observation::SubmitRefused { .. }
                | Observation::Cancelled { .. }
                | Observation::RunSeen(_)
                | Observation::RunMissing(_)
                | Observation::ReportStored(_)
                | Observation::LifeBegun { .. }
                | Observation::AgentStarted { .. }
                | Observation::AgentLeft { .. }
                | Observation::Healed => {}
            }
        }
        self.seen = all.len();
        Ok(())
    }

    fn begin(&mut self, process: Process) -> Result<(), String> {
        let Ran::Test(test) = process.work else { return Ok(()) };
        for (group, limit) in self.dealt.get(&(process.token, test)).cloned().unwrap_or_default() {
            let running = self.running.entry((process.job, group)).or_default();
            running.push(process);
            if running.len() > limit as usize {
                return Err(format!("{limit} tests of group {group} of job {} may run: {running:?}", process.job));
            }
        }
        Ok(())
    }

    fn end(&mut self, has_ended: impl Fn(&Process) -> bool) {
        for running in self.running.values_mut() {
            running.retain(|process| !has_ended(process));
        }
    }
}
