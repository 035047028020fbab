//! What a running attempt is told.

use std::sync::{Arc, OnceLock};

use muster_common::control::{Batch, Withdraw};
use muster_session::StopReason;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// One thing that a shard is told.
#[derive(Clone, Debug)]
pub(crate) enum Order {
    /// Run these tests.
    Batch(Batch),
    /// Give these tests up.
    Withdraw(Withdraw),
}

/// Why an attempt is stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// A person or a program stopped the run or the job.
    Cancelled,
    /// The job ran longer than it may.
    Timeout,
    /// Its result is not wanted any more.
    Superseded,
    /// It is not safe to repeat, and its lease could not be renewed.
    Fenced,
    /// The agent leaves at once.
    AgentLeaves,
}

/// The driver's side.
#[derive(Debug)]
pub(crate) struct Orders {
    sender: mpsc::Sender<Order>,
    stopper: Stopper,
}

/// The attempt's side.
#[derive(Debug)]
pub(crate) struct OrderReceiver {
    pub(crate) orders: mpsc::Receiver<Order>,
    pub(crate) stopper: Stopper,
}

/// Stops an attempt, once, for one reason. Clones are the same.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stopper {
    token: CancellationToken,
    reason: Arc<OnceLock<Stop>>,
}

/// Both sides.
pub(crate) fn orders() -> (Orders, OrderReceiver) {
    let (sender, orders) = mpsc::channel(ORDERS_WAITING_MAX);
    let stopper = Stopper::default();
    (Orders { sender, stopper: stopper.clone() }, OrderReceiver { orders, stopper })
}

impl Orders {
    /// Tells the attempt; one that has ended hears nothing.
    pub(crate) fn give(&self, order: Order) {
        if let Err(mpsc::error::TrySendError::Full(_)) = self.sender.try_send(order) {
            tracing::error!("a shard has more orders waiting than it could have asked for");
            self.stop(Stop::Superseded);
        }
    }

    /// Stops the attempt. Only the first reason counts.
    pub(crate) fn stop(&self, reason: Stop) {
        self.stopper.stop(reason);
    }
}

impl Stopper {
    pub(crate) fn stop(&self, reason: Stop) {
        // A later reason changes nothing.
        let _ = self.reason.set(reason);
        self.token.cancel();
    }

    /// Why it was stopped, if it was.
    pub(crate) fn reason(&self) -> Option<Stop> {
        self.reason.get().copied()
    }

    /// What `work` makes, unless the attempt is stopped before. For work that does not listen itself.
    pub(crate) async fn unless_stopped<T>(&self, work: impl Future<Output = T>) -> Result<T, Stop> {
        tokio::select! {
            biased;
            () = self.token.cancelled() => Err(self.reason().unwrap_or(Stop::AgentLeaves)),
            made = work => Ok(made),
        }
    }

    /// What processes listen to.
    pub(crate) const fn token(&self) -> &CancellationToken {
        &self.token
    }
}

impl From<StopReason> for Stop {
    fn from(reason: StopReason) -> Self {
        match reason {
            StopReason::Cancelled => Self::Cancelled,
            StopReason::Timeout => Self::Timeout,
            StopReason::Superseded => Self::Superseded,
            StopReason::Fenced => Self::Fenced,
        }
    }
}

const ORDERS_WAITING_MAX: usize = 4_096;
