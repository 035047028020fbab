//! The open streams of agents, seen from the driver: one bounded queue each, and one word about the end.

use std::collections::HashMap;

use muster_common::control::{Stamp, ToAgent};
use muster_common::id::SessionId;
use muster_scheduler::CloseReason;
use tokio::sync::{mpsc, watch};

/// The ends of the streams of all sessions.
#[derive(Debug, Default)]
pub(crate) struct Sessions {
    lines: HashMap<SessionId, Line>,
}

/// A message for an agent, with the coordinator life that it comes from.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Stamped {
    pub(crate) stamp: Stamp,
    pub(crate) message: ToAgent,
}

/// The driver's end of a session.
#[derive(Debug)]
pub(crate) struct Line {
    messages: mpsc::Sender<Stamped>,
    ending: Ending,
}

/// Why a session's stream is ended by the coordinator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum SessionEnd {
    /// The scheduler says so.
    Closed(CloseReason),
    /// The agent does not read its messages as fast as they come.
    TooSlow,
    /// What it sent cannot be taken in.
    Invalid(String),
    /// It did not open the session in time.
    NotOpened,
    /// A commit has failed; the state is read again from the store.
    Restoring,
    /// The coordinator ends.
    ShuttingDown,
    /// The agent has left.
    Left,
}

/// How all sides of one session learn that it has ended. Clones share it; the first word counts.
#[derive(Clone, Debug)]
pub(crate) struct Ending(watch::Sender<Option<SessionEnd>>);

/// Both ends of a new session's queue.
pub(crate) fn line(ending: Ending) -> (Line, mpsc::Receiver<Stamped>) {
    let (messages, receiver) = mpsc::channel(MESSAGES_WAITING_MAX);
    (Line { messages, ending }, receiver)
}

impl Sessions {
    /// Takes in a session that has just been opened.
    pub(crate) fn insert(&mut self, session: SessionId, line: Line) {
        self.lines.insert(session, line);
    }

    /// Forgets a session that has ended.
    pub(crate) fn remove(&mut self, session: SessionId) {
        self.lines.remove(&session);
    }

    /// Sends a message. An agent that does not keep up loses its stream and opens it again; a session that has gone
    /// gets nothing.
    pub(crate) fn send(&mut self, session: SessionId, stamped: Stamped) {
        let Some(line) = self.lines.get(&session) else { return };
        match line.messages.try_send(stamped) {
            Ok(()) => {}
            Err(mpsc::error::TrySendError::Full(_)) => {
                tracing::warn!(%session, "agent does not read its messages; its session is closed");
                self.close(session, SessionEnd::TooSlow);
            }
            Err(mpsc::error::TrySendError::Closed(_)) => self.remove(session),
        }
    }

    /// Ends a session.
    pub(crate) fn close(&mut self, session: SessionId, why: SessionEnd) {
        if let Some(line) = self.lines.remove(&session) {
            line.end(why);
        }
    }

    /// Ends all sessions.
    pub(crate) fn close_all(&mut self, why: &SessionEnd) {
        for (_, line) in self.lines.drain() {
            line.end(why.clone());
        }
    }
}

impl Line {
    /// Ends the session.
    pub(crate) fn end(self, why: SessionEnd) {
        self.ending.end(why);
    }
}

impl Ending {
    /// Not ended yet.
    pub(crate) fn new() -> Self {
        Self(watch::Sender::new(None))
    }

    /// Ends the session, unless it has ended before.
    pub(crate) fn end(&self, why: SessionEnd) {
        self.0.send_if_modified(|end| {
            let is_first = end.is_none();
            if is_first {
                *end = Some(why);
            }
            is_first
        });
    }

    /// Returns once it has ended.
    pub(crate) async fn wait(&self) -> SessionEnd {
        let mut receiver = self.0.subscribe();
        let end = receiver.wait_for(Option::is_some).await.ok().and_then(|end| end.clone());
        end.unwrap_or(SessionEnd::Left)
    }
}

/// Messages that may wait for one agent to read them.
const MESSAGES_WAITING_MAX: usize = 1_024;

#[cfg(test)]
mod tests {
    use muster_common::id::Epoch;

    use super::*;

    fn stamped(number: u64) -> Stamped {
        let stamp = Stamp { store_id: 1, epoch: Epoch(1) };
        Stamped { stamp, message: ToAgent::HeartbeatAnswer { number } }
    }

    #[tokio::test]
    async fn a_slow_agent_loses_its_stream_and_the_others_lose_nothing() {
        let mut sessions = Sessions::default();
        let (slow_ending, quick_ending) = (Ending::new(), Ending::new());
        let (slow, mut slow_messages) = line(slow_ending.clone());
        let (quick, mut quick_messages) = line(quick_ending);
        sessions.insert(SessionId(1), slow);
        sessions.insert(SessionId(2), quick);
        for number in 0..=MESSAGES_WAITING_MAX as u64 {
            sessions.send(SessionId(1), stamped(number));
            sessions.send(SessionId(2), stamped(number));
            assert_eq!(quick_messages.recv().await, Some(stamped(number)));
        }
        assert_eq!(slow_ending.wait().await, SessionEnd::TooSlow);
        let mut received = 0;
        while slow_messages.recv().await.is_some() {
            received += 1;
        }
        assert_eq!(received, MESSAGES_WAITING_MAX);
    }

    #[tokio::test]
    async fn the_first_word_about_the_end_counts() {
        let ending = Ending::new();
        ending.end(SessionEnd::Left);
        ending.end(SessionEnd::ShuttingDown);
        assert_eq!(ending.wait().await, SessionEnd::Left);
    }
}
