//! Jobs that wait in line, and agents that could take them, as rows, inputs and effects tell.

use std::collections::BTreeSet;

use muster_common::control::{CancelReason, FromAgent, ToAgent};
use muster_common::id::{AgentName, JobId, Token};
use muster_common::outcome::AttemptOutcome;
use muster_common::requirement::all_hold;
use muster_scheduler::{Effect, Input, JobRow, LeasePart, LeaseRow};

use super::fleet::{Fleet, Member};
use super::rows;
use crate::view::{Live, Moment, View};

/// Who waits for whom.
#[derive(Debug, Default)]
pub(super) struct Line {
    pub(super) fleet: Fleet,
    /// Agents that have not done what they were given of a job: it is not offered to them again.
    avoided: BTreeSet<(JobId, AgentName)>,
    /// Jobs that were told to end: what still runs of them is waited for, and they wait for nothing else.
    stopping: BTreeSet<JobId>,
}

impl Line {
    /// Follows what has happened.
    pub(super) fn look(&mut self, view: &View<'_>, moment: &Moment<'_>) {
        if let Moment::Stepping { coordinator, input } = moment
            && let Some(live) = rows::live(view, *coordinator)
            && let Some((token, is_avoided)) = ended(input)
            && let Some(lease) = rows::lease(live.written, token)
            && (is_avoided || matches!(lease.part, LeasePart::Shard(_)))
        {
            self.avoided.insert((lease.job, lease.agent.clone()));
        }
        match moment {
            Moment::Restored { .. } => self.stopping.clear(),
            Moment::Stepped { coordinator, effects, .. } => {
                if let Some(live) = rows::live(view, *coordinator) {
                    self.stopping.extend(effects.iter().filter_map(|effect| stopped(live, effect)));
                }
            }
            Moment::Stepping { .. }
            | Moment::Committed { .. }
            | Moment::Released { .. }
            | Moment::LifeEnded { .. }
            | Moment::Session { .. }
            | Moment::End => {}
        }
        self.fleet.look(view, moment);
    }

    /// Jobs that could be leased at once if an agent had room: none of them has a lease, other than of shards that have no
    /// list, or is a suite that deals. Not one of which all that is live is on agents that are not there: it may have been
    /// told to end where nobody hears it.
    pub(super) fn waiting<'a>(&self, live: Live<'a>) -> Vec<&'a JobRow> {
        let is_held = |row: &&LeaseRow| !row.is_over && !matches!(row.part, LeasePart::Shard(_));
        let held: BTreeSet<JobId> = rows::leases(live.written).filter(is_held).map(|row| row.job).collect();
        let waits = |row: &&JobRow| {
            row.queued.is_some()
                && row.end.is_none()
                && row.sealed.is_none()
                && !held.contains(&row.job)
                && !self.stopping.contains(&row.job)
                && !self.is_unheard(live, row.job)
                && rows::run(live.written, row.job.run).is_some_and(|run| !run.is_cancel_requested)
        };
        rows::jobs(live.written).filter(waits).collect()
    }

    fn is_unheard(&self, live: Live<'_>, job: JobId) -> bool {
        let mut agents =
            rows::leases(live.written).filter(|row| !row.is_over && row.job == job).map(|row| &row.agent).peekable();
        agents.peek().is_some() && agents.all(|agent| self.fleet.members().all(|member| member.agent != *agent))
    }

    /// Whether an agent could take a job.
    pub(super) fn fits(&self, live: Live<'_>, job: JobId, member: &Member) -> bool {
        let Some(spec) = rows::spec(live.written, job) else { return false };
        !member.is_draining
            && all_hold(&spec.requirements, &member.labels)
            && !self.avoided.contains(&(job, member.agent.clone()))
    }
}

/// How many live leases an agent has, but for shards without a list, whose slots are given to any job that waits.
pub(super) fn held(live: Live<'_>, agent: &AgentName) -> usize {
    let is_held = |row: &&LeaseRow| !row.is_over && row.agent == *agent && !is_early(live, row);
    rows::leases(live.written).filter(is_held).count()
}

/// Whether a lease is of a shard whose job has no list.
pub(super) fn is_early(live: Live<'_>, row: &LeaseRow) -> bool {
    matches!(row.part, LeasePart::Shard(_)) && rows::job(live.written, row.job).is_some_and(|job| job.sealed.is_none())
}

/// The job of an attempt that is told to end because its job is to end.
fn stopped(live: Live<'_>, effect: &Effect) -> Option<JobId> {
    let Effect::Send { message: ToAgent::Cancel { token, reason }, .. } = effect else { return None };
    let is_meant = matches!(reason, CancelReason::Cancelled | CancelReason::Timeout);
    rows::lease(live.written, *token).filter(|_| is_meant).map(|lease| lease.job)
}

/// The lease that an agent says has ended, and whether it could not do its work.
fn ended(input: &Input) -> Option<(Token, bool)> {
    let Input::Agent { message, .. } = input else { return None };
    match &**message {
        FromAgent::Finished(finished) => Some((finished.token, finished.outcome != AttemptOutcome::Passed)),
        FromAgent::Refused { token, .. } => Some((*token, true)),
        FromAgent::Open(_)
        | FromAgent::Heartbeat(_)
        | FromAgent::Accepted(_)
        | FromAgent::Started(_)
        | FromAgent::Discovered(_)
        | FromAgent::TestStarted(_)
        | FromAgent::TestResults(_)
        | FromAgent::WantBatch(_)
        | FromAgent::Withdrawn(_)
        | FromAgent::Draining => None,
    }
}
