//! The agent's hold on a keeper.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid};
use nix::unistd::Pid;
use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe;
use tokio::process::Child;

use super::exit::Exit;
use super::keeper::{Reins, STATUS_BYTES};
use super::leftovers::{self, Mark, Sweep};
use super::limits::KILL_WAIT_MAX;
use super::traces::Traces;

/// A keeper that is at work. Dropping it ends everything that it keeps.
#[derive(Debug)]
pub(crate) struct Tether {
    orders: OwnedFd,
    report: pipe::Receiver,
    said: Vec<u8>,
    child: Child,
    mark: Mark,
    traces: Traces,
    orphans: Orphans,
}

/// Who gets the processes that lose their parent.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Orphans {
    /// The keeper, which ends them.
    ToKeeper,
    /// The first process of the attempt's sandbox; they are looked for beneath that.
    ToSandbox(Pid),
    /// That one too, and they end with it.
    EndWithSandbox,
}

/// What became of a keeper that was let go.
#[derive(Debug)]
pub(crate) struct TetherEnd {
    /// How it ended itself.
    pub(crate) keeper: Exit,
    /// What could not be ended.
    pub(crate) survivors: Vec<i32>,
}

impl Tether {
    pub(crate) fn new(child: Child, reins: Reins, mark: Mark, traces: Traces, orphans: Orphans) -> io::Result<Self> {
        traces.made();
        let report = pipe::Receiver::from_owned_fd(reins.report)?;
        Ok(Self { orders: reins.orders, report, said: Vec::with_capacity(STATUS_BYTES), child, mark, traces, orphans })
    }

    /// Waits for the command's end. None: its keeper was killed before it could tell. Nothing is lost when this is dropped
    /// while it waits.
    pub(crate) async fn status(&mut self) -> Option<ExitStatus> {
        while self.said.len() < STATUS_BYTES {
            match self.report.read_buf(&mut self.said).await {
                Ok(0) | Err(_) => return None,
                Ok(_) => {}
            }
        }
        let raw = self.said.first_chunk::<STATUS_BYTES>().copied()?;
        Some(ExitStatus::from_raw(i32::from_ne_bytes(raw)))
    }

    /// Asks the command's group to end.
    pub(crate) fn ask_to_end(&self) {
        // A keeper that is gone has left nothing to be asked.
        let _ = nix::unistd::write(&self.orders, b"S");
    }

    /// Orphans in a sandbox are no longer looked for one by one: they end with the attempt's sandbox.
    pub(crate) const fn leave_orphans_to_sandbox(&mut self) {
        if let Orphans::ToSandbox(_) = self.orphans {
            self.orphans = Orphans::EndWithSandbox;
        }
    }

    /// Ends everything that is left, and returns when it is gone.
    pub(crate) async fn end(self) -> TetherEnd {
        let Self { orders, mut report, mut child, mark, traces, orphans, .. } = self;
        drop(orders);
        let mut rest = Vec::new();
        let is_gone = tokio::time::timeout(KILL_WAIT_MAX, report.read_to_end(&mut rest)).await.is_ok();
        let pid = child.id().and_then(|pid| i32::try_from(pid).ok()).map(Pid::from_raw);
        let survivors = match orphans {
            _ if !is_gone || !pid.is_some_and(has_left_nothing) => {
                leftovers::end(Sweep { mark, session: pid, beneath: None }).await
            }
            Orphans::ToKeeper => {
                traces.gone();
                Vec::new()
            }
            Orphans::ToSandbox(first) => leftovers::end(Sweep { mark, session: pid, beneath: Some(first) }).await,
            Orphans::EndWithSandbox => Vec::new(),
        };
        let keeper = match tokio::time::timeout(KILL_WAIT_MAX, child.wait()).await {
            Ok(Ok(status)) => status.into(),
            Ok(Err(_)) | Err(_) => Exit::Status(-1),
        };
        TetherEnd { keeper, survivors }
    }
}

/// A keeper ends by itself only when nothing is left. Leaves it to be reaped.
fn has_left_nothing(keeper: Pid) -> bool {
    let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT;
    matches!(waitid(Id::Pid(keeper), flags), Ok(WaitStatus::Exited(_, 0)))
}
