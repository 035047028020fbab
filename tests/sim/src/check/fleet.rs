//! Who has a session with the live coordinator, as far as its inputs and effects tell.

use std::collections::BTreeMap;
use std::time::Duration;

use muster_common::control::{FromAgent, ToAgent};
use muster_common::id::{AgentName, SessionId};
use muster_common::requirement::Labels;
use muster_scheduler::{Answer, Effect, Input};

use super::rows;
use crate::view::{Moment, View};

/// Open sessions.
#[derive(Debug, Default)]
pub(super) struct Fleet {
    sessions: BTreeMap<SessionId, Member>,
    entering: Option<Entering>,
}

/// An agent with a session.
#[derive(Clone, Debug)]
pub(super) struct Member {
    pub(super) agent: AgentName,
    pub(super) labels: Labels,
    pub(super) slots: u32,
    pub(super) is_draining: bool,
    /// When it was heard last, in real time.
    pub(super) seen: Duration,
}

/// What is being stepped.
#[derive(Debug)]
enum Entering {
    Opened(SessionId, Member),
    Closed(SessionId),
    Heard { session: SessionId, is_draining: bool },
    Drained(AgentName),
}

impl Fleet {
    /// Follows what has happened.
    pub(super) fn look(&mut self, view: &View<'_>, moment: &Moment<'_>) {
        match moment {
            Moment::Stepping { coordinator, input } => {
                self.entering = rows::live(view, *coordinator).and_then(|_| entering(view, input));
            }
            Moment::Stepped { coordinator, effects, .. } => {
                if rows::live(view, *coordinator).is_some() {
                    self.stepped(view, effects);
                }
            }
            Moment::Restored { .. } => self.sessions.clear(),
            Moment::Committed { .. }
            | Moment::Released { .. }
            | Moment::LifeEnded { .. }
            | Moment::Session { .. }
            | Moment::End => {}
        }
    }

    /// The agent of a session.
    pub(super) fn member(&self, session: SessionId) -> Option<&Member> {
        self.sessions.get(&session)
    }

    /// Every agent with a session.
    pub(super) fn members(&self) -> impl Iterator<Item = &Member> {
        self.sessions.values()
    }

    fn stepped(&mut self, view: &View<'_>, effects: &[Effect]) {
        match self.entering.take() {
            Some(Entering::Opened(session, member)) => {
                let is_opened = |effect: &Effect| matches!(effect, Effect::Send { session: to, message: ToAgent::Opened(_) } if *to == session);
                if effects.iter().any(is_opened) {
                    self.sessions.retain(|_, other| other.agent != member.agent);
                    self.sessions.insert(session, member);
                }
            }
            Some(Entering::Closed(session)) => {
                self.sessions.remove(&session);
            }
            Some(Entering::Heard { session, is_draining }) => {
                if let Some(member) = self.sessions.get_mut(&session) {
                    member.is_draining |= is_draining;
                    member.seen = view.at;
                }
            }
            Some(Entering::Drained(agent)) => {
                let is_done = |effect: &Effect| matches!(effect, Effect::Answer { answer: Answer::Done, .. });
                if effects.iter().any(is_done) {
                    let members = self.sessions.values_mut().filter(|member| member.agent == agent);
                    members.for_each(|member| member.is_draining = true);
                }
            }
            None => {}
        }
        for effect in effects {
            if let Effect::CloseSession { session, .. } = effect {
                self.sessions.remove(session);
            }
        }
    }
}

fn entering(view: &View<'_>, input: &Input) -> Option<Entering> {
    if let Input::OpenSession { session, open } = input {
        let member = Member {
            agent: open.agent.clone(),
            labels: open.labels.clone(),
            slots: open.slots,
            is_draining: open.is_draining,
            seen: view.at,
        };
        return Some(Entering::Opened(*session, member));
    }
    if let Input::Agent { session, message, .. } = input {
        return Some(Entering::Heard { session: *session, is_draining: **message == FromAgent::Draining });
    }
    if let Input::DrainAgent { agent, .. } = input {
        return Some(Entering::Drained(agent.clone()));
    }
    let Input::CloseSession { session } = input else { return None };
    Some(Entering::Closed(*session))
}
