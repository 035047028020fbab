//! What a process tells the supervisor that started it: systemd's `Type=notify` and `WatchdogSec=`
//! ([sd_notify(3)](https://www.freedesktop.org/software/systemd/man/sd_notify.html)). Without one it tells nobody.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use sd_notify::NotifyState;

/// Turns of the loop that a process lives by. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Pulse(Arc<AtomicU64>);

impl Pulse {
    /// The loop has turned once more. It must do so every few seconds even though nothing happens.
    pub fn beat(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn beats(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// The process does its work from now on.
pub fn ready(status: &str) {
    tell(&[NotifyState::Ready, NotifyState::Status(status)]);
}

/// The process comes to its end. What it does now, in words.
pub fn stopping(status: &str) {
    tell(&[NotifyState::Stopping, NotifyState::Status(status)]);
}

/// Keeps the supervisor's watchdog quiet for as long as the pulse goes on, or `may_pause` holds. Returns at once if no
/// watchdog is asked for, otherwise never.
pub async fn keep_alive(pulse: Pulse, may_pause: impl Fn() -> bool) {
    let Some(limit) = sd_notify::watchdog_enabled() else { return };
    let mut beats = None;
    loop {
        let now = pulse.beats();
        if beats.replace(now) != Some(now) || may_pause() {
            tell(&[NotifyState::Watchdog]);
        }
        tokio::time::sleep(limit / WORDS_PER_LIMIT).await;
    }
}

fn tell(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        tracing::warn!(%error, "cannot reach the service manager's socket");
    }
}

/// Often enough that one late turn is forgiven.
const WORDS_PER_LIMIT: u32 = 3;
