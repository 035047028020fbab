//! Capacity is never exceeded: not by the leases that an agent is given, not by what it truly runs.

use std::collections::BTreeMap;

use muster_common::id::AgentName;
use muster_scheduler::Row;

use super::rows;
use crate::history::{Observation, Process};
use crate::view::{Check, Live, Moment, View};

#[derive(Debug, Default)]
pub(super) struct Capacity {
    seen: usize,
    /// What runs, by agent.
    running: BTreeMap<usize, Vec<Process>>,
}

impl Check for Capacity {
    fn name(&self) -> &'static str {
        "capacity is never exceeded"
    }

    fn look(&mut self, view: &View<'_>, moment: &Moment<'_>) -> Result<(), String> {
        self.follow_processes(view)?;
        match moment {
            Moment::Stepped { coordinator, changes, .. } => {
                let Some(live) = rows::live(view, *coordinator) else { return Ok(()) };
                for change in *changes {
                    if let Some(Row::Lease(row)) = rows::put(change) {
                        check_leases(view, live, &row.agent)?;
                    }
                }
                Ok(())
            }
            Moment::Session { agent, .. } => check_session(view, *agent),
            Moment::Stepping { .. }
            | Moment::Committed { .. }
            | Moment::Released { .. }
            | Moment::LifeEnded { .. }
            | Moment::Restored { .. }
            | Moment::End => Ok(()),
        }
    }
}

impl Capacity {
    fn follow_processes(&mut self, view: &View<'_>) -> Result<(), String> {
        let all = view.history.all();
        for observed in &all[self.seen..] {
            match &observed.what {
                Observation::ProcessStarted(process) => {
                    let running = self.running.entry(process.agent).or_default();
                    running.push(*process);
                    let slots = view.plan.agents[process.agent].slots as usize;
                    if running.len() > slots {
                        return Err(format!("agent {} has {slots} slots and runs {running:?}", process.agent));
                    }
                }
                Observation::ProcessEnded { process, .. } => {
                    let running = self.running.entry(process.agent).or_default();
                    if let Some(place) = running.iter().position(|other| other == process) {
                        running.swap_remove(place);
                    }
                }
                Observation::AgentKilled { agent } => {
                    self.running.remove(agent);
                }
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
}

fn check_leases(view: &View<'_>, live: Live<'_>, agent: &AgentName) -> Result<(), String> {
    let held = rows::leases(live.written).filter(|row| !row.is_over && row.agent == *agent).count();
    let slots = view.plan.agents.iter().find(|planned| planned.agent == *agent).map_or(0, |planned| planned.slots);
    if held > slots as usize { Err(format!("agent {agent} has {slots} slots and {held} live leases")) } else { Ok(()) }
}

fn check_session(view: &View<'_>, agent: usize) -> Result<(), String> {
    let Some(session) = view.agents.get(agent).and_then(|agent| agent.session()) else { return Ok(()) };
    let (running, slots) = (session.load().running, view.plan.agents[agent].slots as usize);
    if running > slots { Err(format!("agent {agent} has {slots} slots and {running} attempts")) } else { Ok(()) }
}
