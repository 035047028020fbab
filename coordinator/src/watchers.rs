//! Everyone who watches a run, seen from the driver.

use std::collections::HashMap;
use std::sync::Arc;

use muster_common::id::RunId;
use muster_scheduler::{Event, Refusal, RunSummary};
use tokio::sync::{mpsc, watch};

/// The watchers of all open runs.
#[derive(Debug, Default)]
pub(crate) struct Watchers {
    by_run: HashMap<RunId, Vec<Watcher>>,
    count: usize,
}

/// What a watcher gets.
#[derive(Clone, Debug)]
pub(crate) enum Watched {
    /// First: the run as it stands.
    Snapshot(Box<RunSummary>),
    /// Instead of a snapshot: there is no such run.
    Refused(Refusal),
    /// Then: what happens.
    Event(Arc<Event>),
}

/// Why a watcher gets nothing more although the run has not ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WatchEnd {
    /// It does not read as fast as things happen.
    TooSlow,
    /// Too many watch.
    TooMany,
    /// A commit has failed; the state is read again from the store.
    Restoring,
    /// The coordinator ends.
    ShuttingDown,
}

/// The driver's end of one watcher.
#[derive(Debug)]
pub(crate) struct Watcher {
    events: mpsc::Sender<Watched>,
    end: watch::Sender<Option<WatchEnd>>,
}

/// The watcher's own end.
#[derive(Debug)]
pub(crate) struct Watching {
    events: mpsc::Receiver<Watched>,
    end: watch::Receiver<Option<WatchEnd>>,
}

/// Both ends of a new watcher's queue.
pub(crate) fn watcher() -> (Watcher, Watching) {
    let (sender, receiver) = mpsc::channel(EVENTS_WAITING_MAX);
    let (end, end_receiver) = watch::channel(None);
    (Watcher { events: sender, end }, Watching { events: receiver, end: end_receiver })
}

impl Watchers {
    /// Begins with the snapshot. A run that has ended has nothing more to tell.
    pub(crate) fn begin(&mut self, snapshot: Box<RunSummary>, watcher: Watcher) {
        let run = snapshot.run;
        let has_ended = snapshot.end.is_some();
        if self.count >= WATCHERS_MAX {
            self.prune();
        }
        if self.count >= WATCHERS_MAX {
            return watcher.end(WatchEnd::TooMany);
        }
        if watcher.send(Watched::Snapshot(snapshot)) && !has_ended {
            self.by_run.entry(run).or_default().push(watcher);
            self.count += 1;
        }
    }

    /// Tells everyone who watches the run. After its end they are forgotten.
    pub(crate) fn publish(&mut self, run: RunId, event: Event) {
        let Some(watchers) = self.by_run.get_mut(&run) else { return };
        let is_last = matches!(event, Event::RunFinished(_));
        let before = watchers.len();
        let event = Arc::new(event);
        watchers.retain(|watcher| watcher.send(Watched::Event(Arc::clone(&event))));
        self.count -= before - watchers.len();
        if is_last || watchers.is_empty() {
            self.count -= watchers.len();
            self.by_run.remove(&run);
        }
    }

    /// Ends all.
    pub(crate) fn end_all(&mut self, why: WatchEnd) {
        for watcher in self.by_run.drain().flat_map(|(_, watchers)| watchers) {
            watcher.end(why);
        }
        self.count = 0;
    }

    fn prune(&mut self) {
        self.by_run.retain(|_, watchers| {
            watchers.retain(|watcher| !watcher.events.is_closed());
            !watchers.is_empty()
        });
        self.count = self.by_run.values().map(Vec::len).sum();
    }
}

impl Watcher {
    /// Says that there is no such run.
    pub(crate) fn refuse(self, refusal: Refusal) {
        let _ = self.send(Watched::Refused(refusal));
    }

    /// Ends it; what is in its queue it still gets.
    pub(crate) fn end(self, why: WatchEnd) {
        self.end.send_replace(Some(why));
    }

    fn send(&self, watched: Watched) -> bool {
        match self.events.try_send(watched) {
            Ok(()) => true,
            Err(mpsc::error::TrySendError::Full(_)) => {
                self.end.send_replace(Some(WatchEnd::TooSlow));
                false
            }
            Err(mpsc::error::TrySendError::Closed(_)) => false,
        }
    }
}

impl Watching {
    /// The next thing; an error if it ends before the run does; none after the run's end.
    pub(crate) async fn next(&mut self) -> Option<Result<Watched, WatchEnd>> {
        match self.events.recv().await {
            Some(watched) => Some(Ok(watched)),
            None => (*self.end.borrow()).map(Err),
        }
    }
}

/// Events that may wait for one watcher to read them.
const EVENTS_WAITING_MAX: usize = 8_192;
/// Watchers of all runs together.
const WATCHERS_MAX: usize = 10_000;
