//! Wakes those who follow the logs of a run.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use muster_common::id::RunId;
use tokio::sync::watch;

/// Followers by run.
#[derive(Debug, Default)]
pub(super) struct Growth(Mutex<HashMap<RunId, watch::Sender<()>>>);

impl Growth {
    /// Changes whenever a log of the run has grown.
    pub(super) fn follow(&self, run: RunId) -> watch::Receiver<()> {
        let mut senders = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        senders.retain(|_, sender| sender.receiver_count() > 0);
        senders.entry(run).or_insert_with(|| watch::Sender::new(())).subscribe()
    }

    /// A log of the run has grown.
    pub(super) fn tell(&self, run: RunId) {
        let senders = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(sender) = senders.get(&run) {
            sender.send_replace(());
        }
    }
}
