//! One flag that tells every task of a process to come to an end.

use std::io;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

/// A flag that is raised once. Clones share it.
#[derive(Clone, Debug)]
pub struct Shutdown {
    raised: watch::Sender<bool>,
}

impl Shutdown {
    /// A flag that is down.
    #[must_use]
    pub fn new() -> Self {
        Self { raised: watch::Sender::new(false) }
    }

    /// Raises it. Raising it again changes nothing.
    pub fn begin(&self) {
        self.raised.send_replace(true);
    }

    /// Whether it is raised.
    #[must_use]
    pub fn has_begun(&self) -> bool {
        *self.raised.borrow()
    }

    /// Returns once it is raised.
    pub async fn wait(&self) {
        let mut receiver = self.raised.subscribe();
        // The sender lives in `self`, so the channel cannot close while this waits.
        let _ = receiver.wait_for(|raised| *raised).await;
    }
}

impl Default for Shutdown {
    fn default() -> Self {
        Self::new()
    }
}

/// Waits for SIGINT or SIGTERM, counting from the call. Each call waits for one more signal.
///
/// # Errors
/// If the handlers cannot be installed.
pub async fn stop_signal() -> io::Result<&'static str> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        _ = interrupt.recv() => Ok("SIGINT"),
        _ = terminate.recv() => Ok("SIGTERM"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn whoever_waits_is_woken_whether_it_was_raised_before_or_after() {
        let shutdown = Shutdown::new();
        let waiter = tokio::spawn({
            let shutdown = shutdown.clone();
            async move { shutdown.wait().await }
        });
        assert!(!shutdown.has_begun());
        shutdown.begin();
        waiter.await.expect("the waiter does not panic");
        shutdown.wait().await;
        assert!(shutdown.has_begun());
    }
}
