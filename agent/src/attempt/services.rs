//! What the steps of a job leave running for the steps after them.

use std::sync::{Arc, Mutex, PoisonError};

use super::tether::Tether;

/// Keepers whose commands have ended and may have left a service behind. Clones are the same; when the last of them is
/// dropped, or at [`Services::end`], everything of them ends.
#[derive(Clone, Debug, Default)]
pub struct Services(Arc<Mutex<Vec<Tether>>>);

impl Services {
    /// One more.
    pub(crate) fn hold(&self, mut tether: Tether) {
        tether.leave_orphans_to_sandbox();
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(tether);
    }

    /// Ends all of them, and returns when they are gone.
    pub async fn end(&self) {
        let held = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        futures::future::join_all(held.into_iter().map(Tether::end)).await;
    }
}
