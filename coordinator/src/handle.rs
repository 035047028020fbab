//! The way to the driver, for everyone else.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use muster_common::control::Open;
use muster_common::id::{RunId, SessionId};
use muster_scheduler::{Answer, Ask, Input};
use tokio::sync::{mpsc, oneshot, watch};

use crate::commits::Rows;
use crate::condition::Condition;
use crate::effects::Caller;
use crate::sessions::{self, Ending, Line, SessionEnd, Stamped};
use crate::store::StoreError;
use crate::watchers::{WatchEnd, Watching, watcher};

/// A cheap handle of the driver. Its queue is bounded: a caller waits while the driver is busy.
#[derive(Clone, Debug)]
pub(crate) struct Handle {
    inbox: mpsc::Sender<Message>,
    asks: Arc<AtomicU64>,
    sessions: Arc<AtomicU64>,
    condition: watch::Receiver<Condition>,
    _present: mpsc::Sender<Infallible>,
}

/// Tells when the last handle is gone, and with it the last task that serves a call.
#[derive(Debug)]
pub(crate) struct Absence(mpsc::Receiver<Infallible>);

/// What the driver takes from its queue.
#[derive(Debug)]
pub(crate) enum Message {
    /// An input that nobody waits for.
    Input(Input),
    /// A question, and who waits.
    Ask {
        /// Number of the question, also in the input.
        ask: Ask,
        /// The question.
        input: Input,
        /// Who waits.
        caller: Caller,
    },
    /// An agent's first message, and the way back to it.
    Open {
        /// Number of the session.
        session: SessionId,
        /// What the agent says of itself.
        open: Box<Open>,
        /// The way back.
        line: Line,
    },
    /// All rows that are stored, as they are at one moment.
    Copy {
        /// Who waits.
        answer: oneshot::Sender<Result<Rows, StoreError>>,
    },
}

/// There is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NoAnswer {
    /// The driver has ended.
    #[error("the coordinator is shutting down; try again when it is back")]
    ShuttingDown,
    /// The driver has lost the question: a commit failed, and whether it was heard is not known.
    #[error("the coordinator could not store a change and reads its state again; try again")]
    Lost,
    /// The disk is full. Whether the question was heard is not known.
    #[error("the coordinator's disk is full: it accepts nothing until there is room; free some there and try again")]
    NoRoom,
}

/// The rows cannot be copied.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CopyError {
    /// Nobody answers.
    #[error(transparent)]
    NoAnswer(#[from] NoAnswer),
    /// The store refuses.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Handle {
    /// A driver's handle, and the other end of its queue.
    pub(crate) fn new(condition: watch::Receiver<Condition>) -> (Self, mpsc::Receiver<Message>, Absence) {
        let (inbox, receiver) = mpsc::channel(INBOX_MAX);
        let (present, absence) = mpsc::channel(1);
        let sessions = Arc::new(AtomicU64::new(1));
        (Self { inbox, asks: Arc::default(), sessions, condition, _present: present }, receiver, Absence(absence))
    }

    /// Asks a question and waits for the answer, which leaves only when everything that it tells of is durable.
    pub(crate) async fn ask(&self, question: impl FnOnce(Ask) -> Input) -> Result<Answer, NoAnswer> {
        let ask = self.next_ask();
        let (sender, answer) = oneshot::channel();
        self.send(Message::Ask { ask, input: question(ask), caller: Caller::Once(sender) }).await?;
        answer.await.map_err(|_| self.lost())
    }

    /// Begins to watch a run.
    pub(crate) async fn watch(&self, run: RunId) -> Result<Watching, NoAnswer> {
        let ask = self.next_ask();
        let (watcher, watching) = watcher();
        let input = Input::WatchRun { ask, run };
        self.send(Message::Ask { ask, input, caller: Caller::Watcher(watcher) }).await?;
        Ok(watching)
    }

    /// Opens a session. Messages for the agent come out of the receiver until `ending` says otherwise.
    pub(crate) async fn open_session(
        &self,
        open: Box<Open>,
        ending: Ending,
    ) -> Result<(SessionId, mpsc::Receiver<Stamped>), NoAnswer> {
        let session = SessionId(self.sessions.fetch_add(1, Ordering::Relaxed));
        let (line, messages) = sessions::line(ending);
        self.send(Message::Open { session, open, line }).await?;
        Ok((session, messages))
    }

    /// A copy of all rows as they are between two commits. For one caller at a time.
    pub(crate) async fn copy(&self) -> Result<Rows, CopyError> {
        let (answer, rows) = oneshot::channel();
        self.send(Message::Copy { answer }).await?;
        Ok(rows.await.map_err(|_| self.lost())??)
    }

    /// Hands in something that has happened.
    pub(crate) async fn tell(&self, input: Input) -> Result<(), NoAnswer> {
        self.send(Message::Input(input)).await
    }

    /// Whether the driver has ended.
    pub(crate) fn is_closed(&self) -> bool {
        self.inbox.is_closed()
    }

    async fn send(&self, message: Message) -> Result<(), NoAnswer> {
        self.inbox.send(message).await.map_err(|_| NoAnswer::ShuttingDown)
    }

    fn lost(&self) -> NoAnswer {
        match *self.condition.borrow() {
            Condition::NoRoom => NoAnswer::NoRoom,
            Condition::Serving | Condition::Restoring => NoAnswer::Lost,
        }
    }

    fn next_ask(&self) -> Ask {
        Ask(self.asks.fetch_add(1, Ordering::Relaxed))
    }
}

impl Absence {
    /// Returns when no handle is left.
    pub(crate) async fn wait(mut self) {
        let _ = self.0.recv().await;
    }
}

impl Message {
    /// Sends whoever waits away: the state is being read again.
    pub(crate) fn turn_away(self) {
        match self {
            // An answer that never comes is understood as this.
            Self::Input(_) | Self::Copy { .. } | Self::Ask { caller: Caller::Once(_), .. } => {}
            Self::Ask { caller: Caller::Watcher(watcher), .. } => watcher.end(WatchEnd::Restoring),
            Self::Open { line, .. } => line.end(SessionEnd::Restoring),
        }
    }
}

/// Messages that may wait for the driver.
pub(crate) const INBOX_MAX: usize = 1_024;
