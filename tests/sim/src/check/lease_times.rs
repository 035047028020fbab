//! No lease is taken away before its time: it ends by its agent's word, by the agent's next life, or after a silence as
//! long as its kind of lease; after a restart of the coordinator not before the grace that its agent then has.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use muster_common::control::{FromAgent, ToAgent};
use muster_common::error_code::ReasonCode;
use muster_common::id::{AgentName, SessionId, Token};
use muster_scheduler::{Effect, Input, LeaseRow, Row};

use super::{line, rows};
use crate::view::{Check, Live, Moment, View};

#[derive(Debug, Default)]
pub(super) struct LeaseTimes {
    sessions: BTreeMap<SessionId, AgentName>,
    heard: BTreeMap<AgentName, Duration>,
    restored: Duration,
    /// Agents that have come back since then.
    back: BTreeSet<AgentName>,
    live: BTreeMap<Token, LeaseRow>,
    /// Whose word is being stepped: of an agent, about this lease if it is about one.
    speaker: Option<(AgentName, Option<Token>)>,
    /// A session that is being opened; it may be refused.
    opening: Option<(SessionId, AgentName)>,
}

impl Check for LeaseTimes {
    fn name(&self) -> &'static str {
        "no lease is taken away before its time"
    }

    fn look(&mut self, view: &View<'_>, moment: &Moment<'_>) -> Result<(), String> {
        match moment {
            Moment::Restored { .. } => {
                self.sessions.clear();
                self.heard.clear();
                self.back.clear();
                self.restored = view.at;
                let live = view.live.iter().flat_map(|live| rows::leases(live.written));
                self.live = live.filter(|row| !row.is_over).map(|row| (row.token, row.clone())).collect();
            }
            Moment::Stepping { coordinator, input } => {
                self.speaker = None;
                self.opening = None;
                if rows::live(view, *coordinator).is_some() {
                    self.hear(view, input);
                }
            }
            Moment::Stepped { coordinator, changes, effects } => {
                let Some(live) = rows::live(view, *coordinator) else { return Ok(()) };
                self.open(view, effects);
                for change in *changes {
                    if let Some(Row::Lease(row)) = rows::put(change)
                        && !row.is_over
                    {
                        self.live.insert(row.token, (**row).clone());
                    }
                    if let muster_scheduler::Key::Lease(token) = change.key() {
                        self.may_end(view, live, token)?;
                    }
                }
            }
            Moment::Committed { .. }
            | Moment::Released { .. }
            | Moment::LifeEnded { .. }
            | Moment::Session { .. }
            | Moment::End => {}
        }
        Ok(())
    }
}

impl LeaseTimes {
    fn open(&mut self, view: &View<'_>, effects: &[Effect]) {
        let Some((session, agent)) = self.opening.take() else { return };
        let is_opened = |effect: &Effect| matches!(effect, Effect::Send { session: to, message: ToAgent::Opened(_) } if *to == session);
        if effects.iter().any(is_opened) {
            self.sessions.insert(session, agent.clone());
            self.heard.insert(agent.clone(), view.at);
            self.back.insert(agent.clone());
            self.speaker = Some((agent, None));
        }
    }

    fn hear(&mut self, view: &View<'_>, input: &Input) {
        if let Input::OpenSession { session, open } = input {
            self.opening = Some((*session, open.agent.clone()));
        }
        let Input::Agent { session, message, .. } = input else { return };
        let Some(agent) = self.sessions.get(session).cloned() else { return };
        self.heard.insert(agent.clone(), view.at);
        let about = match &**message {
            FromAgent::Finished(finished) => Some(finished.token),
            FromAgent::Refused { token, .. } => Some(*token),
            _ => return,
        };
        self.speaker = Some((agent, about));
    }

    fn may_end(&mut self, view: &View<'_>, live: Live<'_>, token: Token) -> Result<(), String> {
        if rows::lease(live.written, token).is_some_and(|row| !row.is_over) {
            return Ok(());
        }
        let Some(row) = self.live.remove(&token) else { return Ok(()) };
        let has_job_ended = rows::job(live.written, row.job).is_none_or(|job| job.end.is_some());
        let spec = rows::spec(live.written, row.job);
        let is_lost = rows::job(live.written, row.job)
            .and_then(|job| job.end.as_ref())
            .and_then(|end| end.reason.as_ref())
            .is_some_and(|reason| matches!(reason.code, ReasonCode::OutcomeUnknown | ReasonCode::AgentsLost));
        let is_said = self
            .speaker
            .as_ref()
            .is_some_and(|(agent, about)| *agent == row.agent && about.is_none_or(|about| about == token));
        // A job that ends because its listing was lost takes the shards with it that have no list yet.
        let is_early = line::is_early(live, &row);
        if is_said || (has_job_ended && (!is_lost || is_early)) {
            return Ok(());
        }
        let config = &view.plan.scheduler;
        let is_repeatable = spec.is_none_or(|spec| spec.is_repeatable);
        let lease = if is_repeatable { config.lease } else { config.lease_unrepeatable };
        let grace = if self.back.contains(&row.agent) { Duration::ZERO } else { config.restore_grace };
        let heard = self.heard.get(&row.agent).copied().unwrap_or(self.restored);
        let since_restore = view.at.saturating_sub(self.restored);
        let silent = view.at.saturating_sub(heard);
        let is_due = is_past(silent, lease) && (view.disk.epoch().0 <= 1 || is_past(since_restore, grace));
        if is_due {
            return Ok(());
        }
        Err(format!("lease {token} of job {} on {} ends after a silence of {silent:?}", row.job, row.agent))
    }
}

/// Clocks drift.
fn is_past(span: Duration, limit: Duration) -> bool {
    span + limit / 500 + Duration::from_millis(5) >= limit
}
