//! What arrives from agents, on its way to the driver: in order, but for heartbeats, which wait for nothing.

use muster_common::control::{FromAgent, Output};
use muster_common::digest::Digest;
use muster_common::id::SessionId;
use muster_scheduler::Input;

use super::Message;
use crate::event::Event;
use crate::network::{Down, StreamId, Up};
use crate::trace::trace;
use crate::world::World;

impl World {
    pub(crate) fn on_up(&mut self, id: StreamId) {
        let Some(arrived) = self.net.arrive_up(&mut self.env, id) else { return };
        let Some(stream) = self.net.streams.get(&id) else { return };
        let (coordinator, is_open, session) = (stream.coordinator, stream.is_coordinator_open, stream.session);
        let is_over = stream.has_ended;
        if !is_open {
            // A machine that knows nothing of a stream says so.
            if self.active_coordinator().is_some() {
                self.net.send_down(&mut self.env, id, Down::End);
            }
            return;
        }
        if is_over {
            return;
        }
        match (arrived, session) {
            (Up::Message(_, message), None) => self.open_session(coordinator, id, *message),
            (Up::Message(sequence, message), Some(session)) => self.enter(coordinator, id, session, sequence, *message),
            (Up::End, _) => self.leave(id),
        }
    }

    fn open_session(&mut self, coordinator: usize, id: StreamId, message: FromAgent) {
        let FromAgent::Open(open) = message else {
            return self.violated("a session begins with its first message", format!("{message:?}"));
        };
        let found = &mut self.coordinators[coordinator];
        let session = SessionId(found.next_session);
        found.next_session += 1;
        if let Some(stream) = self.net.streams.get_mut(&id) {
            stream.session = Some(session);
        }
        self.tell(coordinator, Message::Open { stream: id, session, open: Box::new(open) });
    }

    fn enter(&mut self, coordinator: usize, id: StreamId, session: SessionId, sequence: u64, message: FromAgent) {
        let is_heartbeat = matches!(message, FromAgent::Heartbeat(_));
        let Some(stream) = self.net.streams.get_mut(&id) else { return };
        let waits = !stream.door.is_empty() || (self.options.door_micros_max > 0 && has_output(&message));
        if is_heartbeat || !waits {
            return self.let_in(coordinator, session, sequence, message);
        }
        stream.door.push_back((sequence, message));
        if stream.door.len() == 1 {
            let took = self.env.between(0, self.options.door_micros_max);
            self.env.after(took, Event::Door(id));
        }
    }

    /// The first message at a door may enter, and those after it that carry nothing.
    pub(crate) fn on_door(&mut self, id: StreamId) {
        loop {
            let Some(stream) = self.net.streams.get_mut(&id) else { return };
            let (coordinator, session) = (stream.coordinator, stream.session);
            let Some((sequence, message)) = stream.door.pop_front() else { break };
            if let Some(session) = session {
                self.let_in(coordinator, session, sequence, message);
            }
            let Some(stream) = self.net.streams.get(&id) else { return };
            if stream.door.front().is_some_and(|(_, next)| has_output(next)) {
                let took = self.env.between(0, self.options.door_micros_max);
                return self.env.after(took, Event::Door(id));
            }
        }
        if self.net.streams.get(&id).is_some_and(|stream| stream.has_ended) {
            self.say_closed(id);
        }
    }

    /// A message enters; now and then one that is numbered comes twice.
    fn let_in(&mut self, coordinator: usize, session: SessionId, sequence: u64, mut message: FromAgent) {
        if let FromAgent::TestResults(results) = &mut message {
            for result in &mut results.results {
                if let Output::Inline(bytes) = &result.output {
                    let hash = [bytes.first().copied().unwrap_or(0); 32];
                    result.output = Output::Stored(Digest { hash, size_bytes: bytes.len() as u64 });
                }
            }
        }
        if sequence > 0 && self.net.happens(self.options.duplicate_permille) {
            trace!(self.env, "network: message {sequence} of {session} comes twice");
            let again = Box::new(message.clone());
            self.tell(coordinator, Message::Input(Input::Agent { session, sequence, message: again }));
        }
        self.tell(coordinator, Message::Input(Input::Agent { session, sequence, message: Box::new(message) }));
    }

    /// The agent's end of a stream is gone: what has come before still counts.
    fn leave(&mut self, id: StreamId) {
        let Some(stream) = self.net.streams.get_mut(&id) else { return };
        stream.has_ended = true;
        if stream.door.is_empty() {
            self.say_closed(id);
        }
    }

    fn say_closed(&mut self, id: StreamId) {
        let Some(stream) = self.net.streams.get_mut(&id) else { return };
        if !std::mem::replace(&mut stream.is_coordinator_open, false) {
            return;
        }
        let (coordinator, session) = (stream.coordinator, stream.session);
        if let Some(session) = session {
            self.tell(coordinator, Message::Input(Input::CloseSession { session }));
        }
        self.net.send_down(&mut self.env, id, Down::End);
        self.net.tidy(id);
    }

    /// The coordinator ends a stream: what has not left yet is not sent, what has arrived still counts.
    pub(crate) fn close_stream(&mut self, id: StreamId) {
        if self.net.happens(500)
            && let Some(stream) = self.net.streams.get_mut(&id)
        {
            stream.down.cut();
        }
        self.leave(id);
    }
}

fn has_output(message: &FromAgent) -> bool {
    matches!(message, FromAgent::TestResults(results)
        if results.results.iter().any(|result| matches!(result.output, Output::Inline(_))))
}
