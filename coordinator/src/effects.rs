//! Carries out the scheduler's effects: to agents, callers, watchers, and the store of reports.
//!
//! Nothing here waits. Whoever does not keep up loses its stream; the others never notice.

use std::collections::HashMap;

use muster_common::control::Stamp;
use muster_common::id::SessionId;
use muster_scheduler::{Answer, Ask, Effect};
use tokio::sync::{mpsc, oneshot};

use crate::reports::Errand;
use crate::sessions::{Line, SessionEnd, Sessions, Stamped};
use crate::watchers::{WatchEnd, Watcher, Watchers};

/// Everyone whom an effect can reach.
#[derive(Debug)]
pub(crate) struct Outlets {
    sessions: Sessions,
    watchers: Watchers,
    callers: HashMap<Ask, Caller>,
    errands: mpsc::UnboundedSender<Errand>,
}

/// Someone who waits for an answer.
#[derive(Debug)]
pub(crate) enum Caller {
    /// For one answer.
    Once(oneshot::Sender<Answer>),
    /// For a snapshot and what happens then.
    Watcher(Watcher),
}

/// Why all who wait are sent away at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dismissal {
    /// A commit has failed; the state is read again from the store.
    Restoring,
    /// The coordinator ends.
    ShuttingDown,
}

impl Outlets {
    /// Nobody yet. What takes longer goes to `errands`.
    pub(crate) fn new(errands: mpsc::UnboundedSender<Errand>) -> Self {
        Self { sessions: Sessions::default(), watchers: Watchers::default(), callers: HashMap::new(), errands }
    }

    /// Takes in someone who waits, before the scheduler hears the question.
    pub(crate) fn expect(&mut self, ask: Ask, caller: Caller) {
        self.callers.insert(ask, caller);
    }

    /// Takes in a session, before the scheduler hears of it.
    pub(crate) fn open(&mut self, session: SessionId, line: Line) {
        self.sessions.insert(session, line);
    }

    /// Forgets a session whose stream has ended.
    pub(crate) fn forget(&mut self, session: SessionId) {
        self.sessions.remove(session);
    }

    /// Carries out effects, in order.
    pub(crate) fn carry_out(&mut self, stamp: Stamp, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Send { session, message } => self.sessions.send(session, Stamped { stamp, message }),
                Effect::CloseSession { session, why } => self.sessions.close(session, SessionEnd::Closed(why)),
                Effect::Answer { ask, answer } => self.answer(ask, answer),
                Effect::Publish { run, event } => self.watchers.publish(run, event),
                // If nobody takes it, the coordinator ends; its next life asks for it again.
                Effect::Retire { report } => drop(self.errands.send(Errand::Store(report))),
            }
        }
    }

    /// Sends everyone away.
    pub(crate) fn dismiss(&mut self, why: Dismissal) {
        let (session_end, watch_end) = match why {
            Dismissal::Restoring => (SessionEnd::Restoring, WatchEnd::Restoring),
            Dismissal::ShuttingDown => (SessionEnd::ShuttingDown, WatchEnd::ShuttingDown),
        };
        self.sessions.close_all(&session_end);
        self.watchers.end_all(watch_end);
        for (_, caller) in self.callers.drain() {
            match caller {
                // A dropped sender is what the caller understands as this.
                Caller::Once(_) => {}
                Caller::Watcher(watcher) => watcher.end(watch_end),
            }
        }
    }

    fn answer(&mut self, ask: Ask, answer: Answer) {
        match (self.callers.remove(&ask), answer) {
            (None, _) => {}
            // A caller who has left is no fault.
            (Some(Caller::Once(caller)), answer) => drop(caller.send(answer)),
            (Some(Caller::Watcher(watcher)), Answer::Watching(snapshot)) => self.watchers.begin(snapshot, watcher),
            (Some(Caller::Watcher(watcher)), Answer::Refused(refusal)) => watcher.refuse(refusal),
            (Some(Caller::Watcher(_)), answer) => panic!("a watcher was answered with {answer:?}"),
        }
    }
}
