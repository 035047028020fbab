//! Until when work that is not safe to repeat may run: written by the agent, read by the keepers of its commands.
//!
//! The agent stops such work by itself when it cannot renew its leases. An agent that stands still (stopped, swapped out,
//! deadlocked) cannot; then the keepers do, from what it wrote last.

use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use muster_common::time::Monotonic;
use muster_service::clock::SystemClock;
use nix::sys::memfd::{MFdFlags, memfd_create};

/// A moment in memory that outlives nobody who reads it. Clones are the same.
#[derive(Clone, Debug)]
pub struct Lifeline(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    file: File,
    written: AtomicU64,
}

impl Lifeline {
    /// A lifeline that has ended already.
    ///
    /// # Errors
    /// If the system gives no memory for it.
    pub fn new() -> io::Result<Self> {
        let file = File::from(memfd_create("muster-lifeline", MFdFlags::MFD_CLOEXEC)?);
        file.write_all_at(&0_u64.to_ne_bytes(), 0)?;
        Ok(Self(Arc::new(Shared { file, written: AtomicU64::new(0) })))
    }

    /// Work on it may run until then.
    pub fn reach(&self, until: Monotonic) {
        if self.0.written.swap(until.micros, Ordering::Relaxed) == until.micros {
            return;
        }
        if let Err(error) = self.0.file.write_all_at(&until.micros.to_ne_bytes(), 0) {
            tracing::error!(%error, "work that is not safe to repeat may be ended early: its keepers cannot be told more");
        }
    }

    /// Whether work on it should have ended.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.0.written.load(Ordering::Relaxed) <= SystemClock.now().monotonic.micros
    }

    /// What a keeper reads: the moment in microseconds of `CLOCK_BOOTTIME`, 8 bytes in this machine's order.
    pub(crate) fn descriptor(&self) -> RawFd {
        self.0.file.as_raw_fd()
    }
}
