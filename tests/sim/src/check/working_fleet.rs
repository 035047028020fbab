//! No job waits while an agent that could run it has a free slot, but for a short time.

use std::collections::BTreeMap;
use std::time::Duration;

use muster_common::id::{AgentName, JobId};

use super::line::{self, Line};
use super::rows;
use crate::view::{Check, Live, Moment, View};

#[derive(Debug, Default)]
pub(super) struct WorkingFleet {
    line: Line,
    looked: Duration,
    /// Since when a job waits although an agent could run it.
    since: BTreeMap<(JobId, AgentName), Duration>,
}

impl Check for WorkingFleet {
    fn name(&self) -> &'static str {
        "no job waits beside a free slot"
    }

    fn look(&mut self, view: &View<'_>, moment: &Moment<'_>) -> Result<(), String> {
        self.line.look(view, moment);
        match moment {
            Moment::Restored { .. } => self.since.clear(),
            Moment::Stepped { coordinator, .. } if view.at >= self.looked + PAUSE => {
                if let Some(live) = rows::live(view, *coordinator) {
                    self.looked = view.at;
                    return self.compare(view, live);
                }
            }
            Moment::Stepping { .. }
            | Moment::Stepped { .. }
            | Moment::Committed { .. }
            | Moment::Released { .. }
            | Moment::LifeEnded { .. }
            | Moment::Session { .. }
            | Moment::End => {}
        }
        Ok(())
    }
}

impl WorkingFleet {
    fn compare(&mut self, view: &View<'_>, live: Live<'_>) -> Result<(), String> {
        let config = &view.plan.scheduler;
        let heard_within = config.heartbeat * 2;
        let free = self.line.fleet.members().filter(|member| {
            view.at.saturating_sub(member.seen) < heard_within
                && line::held(live, &member.agent) < member.slots as usize
        });
        let free: Vec<_> = free.collect();
        let mut seen = BTreeMap::new();
        if !free.is_empty() {
            for job in self.line.waiting(live) {
                for member in free.iter().filter(|member| self.line.fits(live, job.job, member)) {
                    let place = (job.job, member.agent.clone());
                    let since = self.since.get(&place).copied().unwrap_or(view.at);
                    seen.insert(place, since);
                }
            }
        }
        self.since = seen;
        let patience = config.stop_grace + config.lease + Duration::from_secs(120);
        let overdue = self.since.iter().find(|(_, since)| view.at.saturating_sub(**since) > patience);
        overdue.map_or(Ok(()), |((job, agent), since)| {
            Err(format!("job {job} waits since {since:?} although agent {agent} could run it"))
        })
    }
}

const PAUSE: Duration = Duration::from_secs(5);
