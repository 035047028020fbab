//! Every verdict that an agent has spooled arrives, in order, once: an acknowledgement covers only what was stepped, and
//! what is stepped begins where the last acknowledgement ended. (That no acknowledgement leaves before its writes are
//! durable is `durable_before_effect`.)

use std::collections::BTreeMap;

use muster_common::control::ToAgent;
use muster_common::id::{AgentLife, AgentName, SessionId};
use muster_scheduler::{Effect, Input};

use crate::view::{Check, Moment, View};

#[derive(Debug, Default)]
pub(super) struct Acknowledgements {
    sessions: BTreeMap<(usize, SessionId), Stream>,
    /// The highest number that any coordinator has acknowledged to a life of an agent.
    acknowledged: BTreeMap<(AgentName, AgentLife), u64>,
}

#[derive(Debug)]
struct Stream {
    of: (AgentName, AgentLife),
    stepped: Option<u64>,
}

impl Check for Acknowledgements {
    fn name(&self) -> &'static str {
        "everything that an agent has spooled arrives in order"
    }

    fn look(&mut self, _: &View<'_>, moment: &Moment<'_>) -> Result<(), String> {
        match moment {
            Moment::Stepping { coordinator, input } => self.step(*coordinator, input),
            Moment::Released { coordinator, effect } => self.release(*coordinator, effect),
            Moment::LifeEnded { coordinator } => {
                self.sessions.retain(|(of, _), _| of != coordinator);
                Ok(())
            }
            Moment::Stepped { .. }
            | Moment::Committed { .. }
            | Moment::Restored { .. }
            | Moment::Session { .. }
            | Moment::End => Ok(()),
        }
    }
}

impl Acknowledgements {
    fn step(&mut self, coordinator: usize, input: &Input) -> Result<(), String> {
        if let Input::OpenSession { session, open } = input {
            let of = (open.agent.clone(), open.life);
            self.sessions.insert((coordinator, *session), Stream { of, stepped: None });
        }
        let Input::Agent { session, sequence, .. } = input else { return Ok(()) };
        let Some(stream) = self.sessions.get_mut(&(coordinator, *session)).filter(|_| *sequence > 0) else {
            return Ok(());
        };
        let acknowledged = self.acknowledged.get(&stream.of).copied();
        let is_next = match (stream.stepped, acknowledged) {
            (Some(last), _) => *sequence <= last + 1,
            (None, Some(acknowledged)) => *sequence <= acknowledged + 1,
            (None, None) => true,
        };
        if !is_next {
            let (of, last) = (&stream.of, stream.stepped);
            return Err(format!("{of:?} sends {sequence} after {last:?}; acknowledged is {acknowledged:?}"));
        }
        stream.stepped = stream.stepped.max(Some(*sequence));
        Ok(())
    }

    fn release(&mut self, coordinator: usize, effect: &Effect) -> Result<(), String> {
        let Effect::Send { session, message: ToAgent::Ack { up_to } } = effect else { return Ok(()) };
        let Some(stream) = self.sessions.get(&(coordinator, *session)) else { return Ok(()) };
        if stream.stepped.is_none_or(|stepped| *up_to > stepped) {
            return Err(format!("{up_to} is acknowledged to {:?}, stepped was {:?}", stream.of, stream.stepped));
        }
        let highest = self.acknowledged.entry(stream.of.clone()).or_default();
        *highest = (*highest).max(*up_to);
        Ok(())
    }
}
