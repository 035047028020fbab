//! Ctrl-C and TERM: the first asks for an orderly end, the second ends the process at once.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use muster_agent::attempt::leftovers::{self, Mark, Sweep};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use crate::exit_code::ExitCode;

/// Whether somebody has asked this command to stop. Clones share it.
#[derive(Clone, Debug)]
pub(crate) struct Interrupt {
    asked: watch::Receiver<bool>,
    marks: Marks,
}

/// Marks of processes that must not outlive this one.
type Marks = Arc<Mutex<Vec<Mark>>>;

impl Interrupt {
    /// Listens from now on.
    pub(crate) fn listen() -> io::Result<Self> {
        let mut interrupts = signal(SignalKind::interrupt())?;
        let mut terminations = signal(SignalKind::terminate())?;
        let (sender, asked) = watch::channel(false);
        let marks = Marks::default();
        let to_end = Arc::clone(&marks);
        tokio::spawn(async move {
            loop {
                tokio::select! {
                    _ = interrupts.recv() => {}
                    _ = terminations.recv() => {}
                }
                if sender.send_replace(true) {
                    end_all(&to_end).await;
                    std::process::exit(i32::from(ExitCode::Cancelled.number()));
                }
            }
        });
        Ok(Self { asked, marks })
    }

    /// From now on the second signal also ends the processes with this mark.
    pub(crate) fn takes_along(&self, mark: Mark) {
        self.marks.lock().unwrap_or_else(PoisonError::into_inner).push(mark);
    }

    /// Returns once it is asked.
    pub(crate) async fn wait(&self) {
        let mut asked = self.asked.clone();
        if asked.wait_for(|asked| *asked).await.is_err() {
            // The listener is gone only when the runtime ends.
            std::future::pending::<()>().await;
        }
    }
}

async fn end_all(marks: &Marks) {
    let marks = marks.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let sweeps = marks.into_iter().map(|mark| leftovers::end(Sweep { mark, session: None, beneath: None }));
    // What cannot be ended in this time is in an uninterruptible wait; the next start of its agent looks for it again.
    let _ = tokio::time::timeout(SWEEP_TIMEOUT, futures::future::join_all(sweeps)).await;
}

const SWEEP_TIMEOUT: Duration = Duration::from_secs(3);
